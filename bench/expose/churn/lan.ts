/** Who answers for which address on the LAN, as the laptop hears it: every claim counts, asked for or not. */
import { DecodeError } from '../../../src/model/errors.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { BROADCAST_MAC, ZERO_MAC, type Mac } from '../../../src/model/mac.ts';
import { ARP_ETHER_TYPE, claimedBy, decodeArp, encodeArp } from '../../../src/protocols/arp/packet.ts';
import type { BenchLan } from '../bench-lab.ts';

/** Who claims an address again so soon after another did had it all along: an address that moves does not come back. */
const AT_ONCE_MS = 1000;

export interface Claim {
  readonly mac: Mac;
  /** performance.now() */
  readonly at: number;
}

export interface LanWatch {
  /** Asks for it, once. */
  ask(address: Ip): void;
  /** The last one who claimed it. */
  last(address: Ip): Claim | undefined;
  /** How often it was asked for since then. */
  askedInVain(address: Ip): number;
  /** Addresses that two machines claimed in turn within a second, with both. */
  readonly doubles: readonly string[];
  close(): void;
}

export function watchLan({ network, link }: Pick<BenchLan, 'network' | 'link'>): LanWatch {
  const claims = new Map<Ip, Claim>();
  /** The last claim of whoever had the address before. */
  const earlier = new Map<Ip, Claim>();
  const inVain = new Map<Ip, number>();
  const doubles: string[] = [];
  const source = link.addresses.find((address) => !address.ip.includes(':'))?.ip ?? ip('0.0.0.0');
  const note = (address: Ip, mac: Mac): void => {
    const now = performance.now();
    const last = claims.get(address);
    const before = earlier.get(address);
    if (last && last.mac !== mac) {
      if (before?.mac === mac && now - before.at < AT_ONCE_MS)
        doubles.push(`${address} by ${mac}, ${last.mac} and ${(now - before.at).toFixed(0)} ms later by ${mac} again`);
      earlier.set(address, last);
    }
    claims.set(address, { mac, at: now });
    inVain.delete(address);
  };
  const socket = network.openFrames({ link, etherType: ARP_ETHER_TYPE }, (frame) => {
    try {
      const arp = decodeArp(frame);
      const address = claimedBy(arp);
      if (address !== undefined) note(address, arp.senderMac);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  });
  return {
    ask: (address) => {
      inVain.set(address, (inVain.get(address) ?? 0) + 1);
      socket.send(
        encodeArp({
          to: BROADCAST_MAC,
          from: link.mac,
          operation: 'request',
          senderMac: link.mac,
          senderIp: source,
          targetMac: ZERO_MAC,
          targetIp: address,
        }),
      );
    },
    last: (address) => claims.get(address),
    askedInVain: (address) => inVain.get(address) ?? 0,
    doubles,
    close: () => socket.close(),
  };
}
