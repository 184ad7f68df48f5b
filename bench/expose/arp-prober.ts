/** Asks the LAN for an address every few milliseconds, and notes when somebody answers first. */
import { decodeArp, encodeArp, ARP_ETHER_TYPE } from '../../src/protocols/arp/packet.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import { BROADCAST_MAC, ZERO_MAC } from '../../src/model/mac.ts';
import { DecodeError } from '../../src/model/errors.ts';
import type { BenchLab } from './bench-lab.ts';

/** The resolution of the measurement. */
const EVERY_MS = 2;
const GUARD_MS = 30_000;

/**
 * Starts asking now. `answered`: performance.now() of the first answer.
 * @throws Error (by `answered`) when nobody answers for 30 s.
 */
export function probeForAnswer({ network, link }: BenchLab, target: Ip): { readonly answered: Promise<number> } {
  const source = link.addresses.find((address) => !address.ip.includes(':'))?.ip ?? ip('0.0.0.0');
  const question = encodeArp({
    to: BROADCAST_MAC,
    from: link.mac,
    operation: 'request',
    senderMac: link.mac,
    senderIp: source,
    targetMac: ZERO_MAC,
    targetIp: target,
  });
  const answered = new Promise<number>((resolve, reject) => {
    const socket = network.openFrames({ link, etherType: ARP_ETHER_TYPE }, (frame) => {
      if (!answers(frame, target)) return;
      finish();
      resolve(performance.now());
    });
    const timer = setInterval(() => socket.send(question), EVERY_MS);
    const guard = setTimeout(() => {
      finish();
      reject(new Error(`nobody answered for ${target} within ${GUARD_MS / 1000} s`));
    }, GUARD_MS);
    const finish = (): void => {
      clearInterval(timer);
      clearTimeout(guard);
      socket.close();
    };
  });
  return { answered };
}

/** A gratuitous announcement counts too: from then on neighbours find the address. */
function answers(frame: Uint8Array, target: Ip): boolean {
  try {
    const { operation, senderIp } = decodeArp(frame);
    return senderIp === target && operation === 'reply';
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}
