/** Router Solicitation and Router Advertisement, as much of them as says where the router of a link is (RFC 4861 §4.1, §4.2). */
import { isLinkLocal, ip, ipFromBytes, ipToBytes, type Ip } from '../../model/ip.ts';
import { macToBytes, type Mac } from '../../model/mac.ts';
import { checksumOf, wordSum } from '../internet-checksum.ts';
import { IPV6_ETHER_TYPE } from './packet.ts';

export const ROUTER_TYPE = { solicitation: 133, advertisement: 134 } as const;
const ETHERNET = 14;
const IPV6 = 40;
const ICMP = ETHERNET + IPV6;
const ICMPV6_PROTOCOL = 58;
/** Nobody beyond the link can send it (RFC 4861 §6.1.2). */
const HOP_LIMIT = 255;
/** Without options; shorter ones are no advertisements. */
const ADVERTISEMENT = 16;
const ALL_ROUTERS = { ip: ip('ff02::2'), mac: '33:33:00:00:00:02' as Mac };

/** Who advertises itself as a router in this Ethernet frame: its link-local address. Undefined: nobody, validly. */
export function routerIn(frame: Uint8Array): Ip | undefined {
  if (frame.length < ICMP + ADVERTISEMENT) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const isIcmp = view.getUint16(12) === IPV6_ETHER_TYPE && frame[ETHERNET + 6] === ICMPV6_PROTOCOL;
  if (!isIcmp || frame[ETHERNET + 7] !== HOP_LIMIT) return undefined;
  const length = view.getUint16(ETHERNET + 4);
  if (frame[ICMP] !== ROUTER_TYPE.advertisement || length < ADVERTISEMENT || frame.length < ICMP + length)
    return undefined;
  const source = ipFromBytes(frame.subarray(ETHERNET + 8, ETHERNET + 24));
  const message = frame.subarray(ICMP, ICMP + length);
  if (!isLinkLocal(source) || checksumOf(pseudoSum(frame, length) + wordSum(message)) !== 0) return undefined;
  return source;
}

/** The whole Ethernet frame that asks routers of a link to advertise themselves now. */
export function routerSolicitation(from: Mac, source: Ip): Uint8Array {
  const size = 16;
  const out = new Uint8Array(ICMP + size);
  const view = new DataView(out.buffer);
  out.set(macToBytes(ALL_ROUTERS.mac), 0);
  out.set(macToBytes(from), 6);
  view.setUint16(12, IPV6_ETHER_TYPE);
  view.setUint8(ETHERNET, 0x60);
  view.setUint16(ETHERNET + 4, size);
  view.setUint8(ETHERNET + 6, ICMPV6_PROTOCOL);
  view.setUint8(ETHERNET + 7, HOP_LIMIT);
  out.set(ipToBytes(source), ETHERNET + 8);
  out.set(ipToBytes(ALL_ROUTERS.ip), ETHERNET + 24);
  view.setUint8(ICMP, ROUTER_TYPE.solicitation);
  // Source link-layer address: type 1, one unit of eight octets.
  view.setUint8(ICMP + 8, 1);
  view.setUint8(ICMP + 9, 1);
  out.set(macToBytes(from), ICMP + 10);
  view.setUint16(ICMP + 2, checksumOf(pseudoSum(out, size) + wordSum(out.subarray(ICMP))));
  return out;
}

/** Of addresses, length and protocol (RFC 8200 §8.1). */
function pseudoSum(frame: Uint8Array, length: number): number {
  return wordSum(frame.subarray(ETHERNET + 8, ETHERNET + IPV6)) + length + ICMPV6_PROTOCOL;
}
