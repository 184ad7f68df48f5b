/** Asks the LAN whether an address is in use, by ARP probes. */
import { DecodeError, KubevipError } from '../../model/errors.ts';
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Clock, Entropy, Timer } from '../../model/time.ts';
import type { FrameSocket, Link, Network } from '../../model/wire.ts';
import { ARP_ETHER_TYPE, decodeArp, encodeArp, type ArpFrame } from '../../protocols/arp/packet.ts';
import { createProber, type Prober, type ProbeTiming } from '../../protocols/arp/prober.ts';
import type { AddressProber } from './port.ts';

export interface AddressProberOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Default: three probes in 150 to 180 ms. */
  readonly timing?: ProbeTiming;
}

/** Probes on a link under way, sharing one socket that is open only as long as there are any. */
interface Ear {
  readonly socket: FrameSocket;
  readonly listeners: Set<(frame: ArpFrame) => void>;
}

/** Besides NO_LINK, `probe` throws PROBE_FAMILY for IPv6, and the signal's reason when it is called off. */
export function createAddressProber(options: AddressProberOptions): AddressProber {
  const ears = new Map<number, Ear>();
  return {
    probe: async (ip, linkName, signal) => {
      signal?.throwIfAborted();
      if (familyOf(ip) !== 4) throw wrongFamily(ip);
      const link = options.network.links().find((candidate) => candidate.name === linkName);
      if (link?.up !== true) throw noLink(ip, linkName, link !== undefined);
      const machine = createProber({
        ip,
        mac: link.mac,
        now: options.clock.now(),
        fraction: () => options.entropy.fraction(),
        ...(options.timing && { timing: options.timing }),
      });
      return await untilDone(machine, options.clock, listenOn(options.network, ears, link), signal);
    },
  };
}

interface Hearing {
  send(frame: ArpFrame): void;
  onFrame(callback: (frame: ArpFrame) => void): void;
  end(): void;
}

function listenOn(network: Network, ears: Map<number, Ear>, link: Link): Hearing {
  let ear = ears.get(link.index);
  if (!ear) {
    const listeners = new Set<(frame: ArpFrame) => void>();
    const socket = network.openFrames({ link, etherType: ARP_ETHER_TYPE }, (data) => {
      const frame = readArp(data);
      if (frame) for (const listener of [...listeners]) listener(frame);
    });
    ear = { socket, listeners };
    ears.set(link.index, ear);
  }
  const { socket, listeners } = ear;
  let mine: ((frame: ArpFrame) => void) | undefined;
  return {
    send: (frame) => socket.send(encodeArp(frame)),
    onFrame: (callback) => {
      mine = callback;
      listeners.add(callback);
    },
    end: () => {
      if (mine) listeners.delete(mine);
      if (listeners.size > 0) return;
      socket.close();
      ears.delete(link.index);
    },
  };
}

async function untilDone(
  machine: Prober,
  clock: Clock,
  hearing: Hearing,
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

/** Undefined for what is no ARP about IPv4: anyone may send anything. */
function readArp(data: Uint8Array): ArpFrame | undefined {
  try {
    return decodeArp(data);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function noLink(ip: Ip, link: string, exists: boolean): KubevipError {
  return new KubevipError(
    `cannot probe for ${ip}: interface ${link} ${exists ? 'is down or has no carrier' : 'does not exist'}`,
    { code: 'NO_LINK', hints: exists ? [`check the cable, and \`ip link show ${link}\``] : ['`ip link` lists them'] },
  );
}

function wrongFamily(ip: Ip): KubevipError {
  return new KubevipError(`cannot probe for ${ip}: only IPv4 addresses are probed`, { code: 'PROBE_FAMILY' });
}
