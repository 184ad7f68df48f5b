/**
 * A LAN in memory: hosts on one segment, each with its own `Network`. Frames and datagrams travel by the fake clock
 * (`latency`, 0 by default), so a test decides when they arrive: `clock.advance(0)`.
 */
import type { Clock, Milliseconds } from '../../src/model/time.ts';
import { KubevipError } from '../../src/model/errors.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import { macToBytes, type Mac } from '../../src/model/mac.ts';
import type {
  DatagramSocket,
  DatagramSocketOptions,
  FrameHandler,
  FrameSocketOptions,
  HttpRequest,
  HttpResponse,
  Link,
  Network,
} from '../../src/model/wire.ts';

export interface FakeLan {
  /** Adds a host; its link is `eth0` with index 2 unless said otherwise. */
  host(options: FakeHostOptions): FakeHost;
  /** Everything that was put on the wire, in order. */
  readonly sent: SentFrame[];
  /** Frames for which this says true are lost. */
  drop(lost: (frame: SentFrame) => boolean): void;
}

export interface SentFrame {
  readonly at: Milliseconds;
  /** Name of the host. */
  readonly from: string;
  readonly frame: Uint8Array;
}

export interface FakeHostOptions {
  readonly name: string;
  readonly mac: Mac;
  readonly addresses: readonly { readonly ip: Ip; readonly prefixLength: number }[];
  readonly gateway?: Ip;
  readonly gateway6?: Ip;
  readonly link?: string;
}

export interface FakeHost {
  readonly network: Network;
  /** Replaces facts of the link (or removes it: undefined) and tells the listeners. */
  setLink(change: Partial<Link> | undefined): void;
  /** Answers HTTP requests of this host; without it they fail. */
  onHttp(handler: (request: HttpRequest) => HttpResponse | Promise<HttpResponse>): void;
  /** Sockets open now. */
  open(): { readonly frames: number; readonly datagrams: number };
}

interface FramePort {
  readonly host: string;
  readonly options: FrameSocketOptions;
  readonly onFrame: FrameHandler;
}
interface DatagramPort {
  readonly host: string;
  readonly ip: Ip;
  readonly port: number;
  readonly options: DatagramSocketOptions;
}

export function createFakeLan(clock: Clock, options: { readonly latency?: Milliseconds } = {}): FakeLan {
  const latency = options.latency ?? 0;
  const sent: SentFrame[] = [];
  const framePorts = new Set<FramePort>();
  const datagramPorts = new Set<DatagramPort>();
  const upHosts = new Map<string, () => boolean>();
  let lost: (frame: SentFrame) => boolean = () => false;
  let nextPort = 40_000;

  const carry = (from: string, frame: Uint8Array): void => {
    if (upHosts.get(from)?.() !== true) return;
    const record = { at: clock.now(), from, frame: Uint8Array.from(frame) };
    sent.push(record);
    if (lost(record)) return;
    clock.after(latency, () => {
      for (const port of [...framePorts]) {
        const wanted = port.host !== from && upHosts.get(port.host)?.() === true && accepts(port.options, record.frame);
        if (wanted) port.onFrame(Uint8Array.from(record.frame));
      }
    });
  };

  const host = (facts: FakeHostOptions): FakeHost => {
    let link: Link | undefined = {
      name: facts.link ?? 'eth0',
      index: 2,
      mac: facts.mac,
      up: true,
      addresses: facts.addresses,
      gateway: {
        ...(facts.gateway === undefined ? {} : { v4: facts.gateway }),
        ...(facts.gateway6 === undefined ? {} : { v6: facts.gateway6 }),
      },
    };
    const original: Link = link;
    const listeners = new Set<() => void>();
    let http: ((request: HttpRequest) => HttpResponse | Promise<HttpResponse>) | undefined;
    upHosts.set(facts.name, () => link?.up === true);

    const openDatagrams = (wanted: DatagramSocketOptions): Promise<DatagramSocket> => {
      const own = link?.addresses.find((address) => address.ip.includes(':') === (wanted.family === 6))?.ip;
      const port: DatagramPort = {
        host: facts.name,
        ip: wanted.localIp ?? own ?? ip(wanted.family === 4 ? '0.0.0.0' : '::'),
        port: wanted.localPort === undefined || wanted.localPort === 0 ? nextPort++ : wanted.localPort,
        options: wanted,
      };
      datagramPorts.add(port);
      return Promise.resolve({
        localPort: port.port,
        send: (data, to) => {
          const copy = Uint8Array.from(data);
          clock.after(latency, () => {
            for (const other of [...datagramPorts]) {
              const joined = other.options.join?.includes(to.ip) === true;
              const looped = other !== port || wanted.multicastLoop !== false;
              if (other.port !== to.port || (!joined && other.ip !== to.ip) || !looped) continue;
              other.options.onDatagram({ data: Uint8Array.from(copy), from: { ip: port.ip, port: port.port } });
            }
          });
        },
        close: () => void datagramPorts.delete(port),
      });
    };

    return {
      network: {
        links: () => (link ? [link] : []),
        onChange: (callback) => {
          listeners.add(callback);
          return () => void listeners.delete(callback);
        },
        openFrames: (wanted, onFrame) => {
          const port: FramePort = { host: facts.name, options: wanted, onFrame };
          framePorts.add(port);
          return {
            send: (frame) => carry(facts.name, frame),
            // Groups are heard anyway here.
            join: () => undefined,
            close: () => void framePorts.delete(port),
          };
        },
        openDatagrams,
        http: async (request) => {
          if (!http) throw new KubevipError(`${request.url}: nobody answers`, { code: 'HTTP_FAILED' });
          return await http(request);
        },
      },
      setLink(change) {
        link = change && { ...(link ?? original), ...change };
        for (const listener of [...listeners]) listener();
      },
      onHttp: (handler) => {
        http = handler;
      },
      open: () => ({
        frames: [...framePorts].filter((port) => port.host === facts.name).length,
        datagrams: [...datagramPorts].filter((port) => port.host === facts.name).length,
      }),
    };
  };

  return {
    host,
    sent,
    drop: (isLost) => {
      lost = isLost;
    },
  };
}

/** What the kernel filter and the interface would let through. */
function accepts(options: FrameSocketOptions, frame: Uint8Array): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 14 || view.getUint16(12) !== options.etherType) return false;
  const multicast = ((frame[0] ?? 0) & 1) === 1;
  const own = macToBytes(options.link.mac).every((byte, i) => frame[i] === byte);
  if (!multicast && !own && options.promiscuous !== true) return false;
  if (options.icmpTypes !== undefined) return frame[20] === 58 && options.icmpTypes.includes(frame[54] ?? 0);
  if (options.udpPort === undefined) return true;
  if (options.etherType === 0x86dd)
    return frame[20] === 17 && frame.length >= 62 && view.getUint16(56) === options.udpPort;
  const udp = 14 + ((frame[14] ?? 0) & 0x0f) * 4;
  return frame[23] === 17 && frame.length >= udp + 8 && view.getUint16(udp + 2) === options.udpPort;
}
