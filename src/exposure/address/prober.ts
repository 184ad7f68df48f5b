/** Asks the LAN whether an address is in use, by probes of its family. */
import { KubevipError } from '../../model/errors.ts';
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Clock, Entropy, Timer } from '../../model/time.ts';
import type { FrameSocket, Link, Network } from '../../model/wire.ts';
import type { Dialect } from '../../protocols/acd/dialect.ts';
import { createProber, NONCE_BYTES, type Prober, type ProbeTiming } from '../../protocols/acd/prober.ts';
import { readFrame } from '../../protocols/acd/read-frame.ts';
import { ARP } from '../../protocols/arp/dialect.ts';
import { NDP } from '../../protocols/ndp/dialect.ts';
import type { AddressProber } from './port.ts';

export interface AddressProberOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Default: three probes in 150 to 180 ms. */
  readonly timing?: ProbeTiming;
}

/** Besides NO_LINK, `probe` throws the signal's reason when it is called off. */
export function createAddressProber(options: AddressProberOptions): AddressProber {
  const { network, clock, entropy, timing } = options;
  const arp = createEars(network, ARP);
  const ndp = createEars(network, NDP);
  return {
    probe: async (ip, linkName, signal) => {
      signal?.throwIfAborted();
      const link = network.links().find((candidate) => candidate.name === linkName);
      if (link?.up !== true) throw noLink(ip, linkName, link !== undefined);
      const question = {
        ip,
        mac: link.mac,
        now: clock.now(),
        nonce: () => entropy.bytes(NONCE_BYTES),
        fraction: () => entropy.fraction(),
        ...(timing && { timing }),
      };
      return familyOf(ip) === 4
        ? await untilDone(createProber(ARP, question), clock, arp.on(link, ip), signal)
        : await untilDone(createProber(NDP, question), clock, ndp.on(link, ip), signal);
    },
  };
}

/** Probes on a link under way, sharing one socket that is open only as long as there are any. */
interface Ear<Frame> {
  readonly socket: FrameSocket;
  readonly listeners: Set<(frame: Frame) => void>;
}

interface Hearing<Frame> {
  send(frame: Frame): void;
  onFrame(callback: (frame: Frame) => void): void;
  end(): void;
}

function createEars<Frame>(network: Network, dialect: Dialect<Frame>): { on(link: Link, ip: Ip): Hearing<Frame> } {
  const ears = new Map<number, Ear<Frame>>();
  const open = (link: Link): Ear<Frame> => {
    const listeners = new Set<(frame: Frame) => void>();
    const socket = network.openFrames({ link, ...dialect.hears }, (data) => {
      const frame = readFrame(dialect, data);
      if (frame !== undefined) for (const listener of [...listeners]) listener(frame);
    });
    return { socket, listeners };
  };
  return {
    on: (link, ip) => {
      const ear = ears.get(link.index) ?? open(link);
      ears.set(link.index, ear);
      const group = dialect.groupOf(ip);
      if (group !== undefined) ear.socket.join(group);
      let mine: ((frame: Frame) => void) | undefined;
      return {
        send: (frame) => ear.socket.send(dialect.encode(frame)),
        onFrame: (callback) => {
          mine = callback;
          ear.listeners.add(callback);
        },
        end: () => {
          if (mine) ear.listeners.delete(mine);
          if (ear.listeners.size > 0) return;
          ear.socket.close();
          ears.delete(link.index);
        },
      };
    },
  };
}

async function untilDone<Frame>(
  machine: Prober<Frame>,
  clock: Clock,
  hearing: Hearing<Frame>,
  signal: AbortSignal | undefined,
): Promise<Mac | undefined> {
  return await new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const onAbort = (): void => {
      end();
      reject(signal?.reason as Error);
    };
    const end = (): void => {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
      hearing.end();
    };
    const step = (): void => {
      timer?.cancel();
      for (const frame of machine.advance(clock.now())) hearing.send(frame);
      const result = machine.result();
      const deadline = machine.deadline();
      if (deadline !== undefined) timer = clock.after(deadline - clock.now(), step);
      if (!result) return;
      end();
      resolve(result.state === 'used' ? result.by : undefined);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    hearing.onFrame((frame) => {
      machine.handle(frame);
      if (machine.result()) step();
    });
    step();
  });
}

function noLink(ip: Ip, link: string, exists: boolean): KubevipError {
  return new KubevipError(
    `cannot probe for ${ip}: interface ${link} ${exists ? 'is down or has no carrier' : 'does not exist'}`,
    { code: 'NO_LINK', hints: exists ? [`check the cable, and \`ip link show ${link}\``] : ['`ip link` lists them'] },
  );
}
