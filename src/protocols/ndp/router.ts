/** Router Solicitation and Router Advertisement, as much of them as says where a router of a link is (RFC 4861 §4.1, §4.2). */
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
const SOLICITATION = 8;
/** Source link-layer address: type 1, one unit of eight octets (RFC 4861 §4.6.1). */
const LINK_LAYER_OPTION = 8;
/** For experiments (RFC 4727 §2.2): agents of ours on one LAN know one another by it, and that they are no routers. */
const OURS = { type: 253, text: new TextEncoder().encode('kubevp') } as const;
const OURS_OPTION = 8;
const ALL_NODES = { ip: ip('ff02::1'), mac: '33:33:00:00:00:01' as Mac };
const ALL_ROUTERS = { ip: ip('ff02::2'), mac: '33:33:00:00:00:02' as Mac };

/**
 * Who advertises itself as a router in this Ethernet frame: its link-local address. Undefined: nobody, validly, or another
 * agent of ours.
 */
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
  return isOurs(message.subarray(ADVERTISEMENT)) ? undefined : source;
}

/** @param options of an advertisement; what is cut off ends them */
function isOurs(options: Uint8Array): boolean {
  for (let at = 0; at + 8 <= options.length;) {
    const size = 8 * (options[at + 1] ?? 0);
    if (size === 0) return false;
    const text = options.subarray(at + 2, at + OURS_OPTION);
    if (options[at] === OURS.type && OURS.text.every((byte, i) => text[i] === byte)) return true;
    at += size;
  }
  return false;
}

/** The whole Ethernet frame that asks routers of a link to advertise themselves now. */
export function routerSolicitation(from: Mac, source: Ip): Uint8Array {
  return routerFrame({ type: ROUTER_TYPE.solicitation, head: SOLICITATION, to: ALL_ROUTERS, from, source });
}

/**
 * The whole Ethernet frame that says who this node is to a router that looks for its peer (FRR's `neighbor eth0 interface`).
 * Its lifetime is 0 and it has nothing else to say, so that no host takes this node for a way out (RFC 4861 §6.2.3).
 */
export function routerAdvertisement(from: Mac, source: Ip): Uint8Array {
  const ours = Uint8Array.of(OURS.type, OURS_OPTION / 8, ...OURS.text);
  return routerFrame({ type: ROUTER_TYPE.advertisement, head: ADVERTISEMENT, to: ALL_NODES, from, source, more: ours });
}

interface RouterFrame {
  readonly type: number;
  /** Octets of the message before its options; all but the type are zero. */
  readonly head: number;
  readonly to: { readonly ip: Ip; readonly mac: Mac };
  readonly from: Mac;
  readonly source: Ip;
  /** Options after the source link-layer address. */
  readonly more?: Uint8Array;
}

function routerFrame({ type, head, to, from, source, more = new Uint8Array() }: RouterFrame): Uint8Array {
  const size = head + LINK_LAYER_OPTION + more.length;
  const out = new Uint8Array(ICMP + size);
  const view = new DataView(out.buffer);
  out.set(macToBytes(to.mac), 0);
  out.set(macToBytes(from), 6);
  view.setUint16(12, IPV6_ETHER_TYPE);
  view.setUint8(ETHERNET, 0x60);
  view.setUint16(ETHERNET + 4, size);
  view.setUint8(ETHERNET + 6, ICMPV6_PROTOCOL);
  view.setUint8(ETHERNET + 7, HOP_LIMIT);
  out.set(ipToBytes(source), ETHERNET + 8);
  out.set(ipToBytes(to.ip), ETHERNET + 24);
  view.setUint8(ICMP, type);
  view.setUint8(ICMP + head, 1);
  view.setUint8(ICMP + head + 1, 1);
  out.set(macToBytes(from), ICMP + head + 2);
  out.set(more, ICMP + head + LINK_LAYER_OPTION);
  view.setUint16(ICMP + 2, checksumOf(pseudoSum(out, size) + wordSum(out.subarray(ICMP))));
  return out;
}

/** Of addresses, length and protocol (RFC 8200 §8.1). */
function pseudoSum(frame: Uint8Array, length: number): number {
  return wordSum(frame.subarray(ETHERNET + 8, ETHERNET + IPV6)) + length + ICMPV6_PROTOCOL;
}
