/** Neighbor Solicitations and Advertisements in ICMPv6, IPv6 and Ethernet (RFC 4861 §4.3, §4.4, §7.1). */
import { DecodeError } from '../../model/errors.ts';
import { familyOf, ipFromBytes, ipToBytes, type Ip } from '../../model/ip.ts';
import { macFromBytes, macToBytes, type Mac } from '../../model/mac.ts';
import { checksumOf, fold, wordSum } from '../internet-checksum.ts';
import { isMulticast, isSolicitedNode, UNSPECIFIED } from './multicast.ts';
import { decodeOptions, encodeOption, OPTION } from './options.ts';

export const IPV6_ETHER_TYPE = 0x86dd;
export const NDP_TYPE = { solicitation: 135, advertisement: 136 } as const;
const ETHERNET = 14;
const IPV6 = 40;
const ICMP = ETHERNET + IPV6;
/** Up to the options: type, code, checksum, flags, target. */
const FIXED = 24;
const ICMPV6_PROTOCOL = 58;
/** Nobody beyond the link can send it: every router takes one off (RFC 4861 §7.1). */
const HOP_LIMIT = 255;
const FLAG = { router: 0x80, solicited: 0x40, override: 0x20 } as const;

interface Addressed {
  /** Ethernet header. */
  readonly to: Mac;
  readonly from: Mac;
  /** IPv6 header. */
  readonly source: Ip;
  readonly destination: Ip;
  readonly target: Ip;
}

export interface NeighborSolicitation extends Addressed {
  readonly kind: 'solicitation';
  /** Source link-layer address; never with the unspecified source address. */
  readonly sourceMac?: Mac;
  /** RFC 7527 §4: 6 bytes, or 8 more at a time. */
  readonly nonce?: Uint8Array;
}

export interface NeighborAdvertisement extends Addressed {
  readonly kind: 'advertisement';
  readonly router: boolean;
  readonly solicited: boolean;
  readonly override: boolean;
  /** Target link-layer address. */
  readonly targetMac?: Mac;
}

export type NdpFrame = NeighborSolicitation | NeighborAdvertisement;

/** The whole Ethernet frame. @throws TypeError when an address is not IPv6 or the nonce has no possible length. */
export function encodeNdp(frame: NdpFrame): Uint8Array {
  const { source, destination, target } = frame;
  if ([source, destination, target].some((address) => familyOf(address) !== 6)) {
    throw new TypeError('Neighbor Discovery carries IPv6 only');
  }
  const options = optionsOf(frame);
  const size = FIXED + options.reduce((sum, option) => sum + option.length, 0);
  const out = new Uint8Array(ICMP + size);
  const view = new DataView(out.buffer);
  out.set(macToBytes(frame.to), 0);
  out.set(macToBytes(frame.from), 6);
  view.setUint16(12, IPV6_ETHER_TYPE);
  out[ETHERNET] = 0x60;
  view.setUint16(ETHERNET + 4, size);
  out.set([ICMPV6_PROTOCOL, HOP_LIMIT], ETHERNET + 6);
  out.set(ipToBytes(source), ETHERNET + 8);
  out.set(ipToBytes(destination), ETHERNET + 24);
  out[ICMP] = NDP_TYPE[frame.kind];
  out[ICMP + 4] = flagsOf(frame);
  out.set(ipToBytes(target), ICMP + 8);
  let at = ICMP + FIXED;
  for (const option of options) {
    out.set(option, at);
    at += option.length;
  }
  view.setUint16(ICMP + 2, checksumOf(icmpSum(out)));
  return out;
}

/**
 * Bytes behind the packet are padding; options of other kinds are passed over.
 * @throws DecodeError for what a node must drop (RFC 4861 §7.1.1, §7.1.2), other messages and extension headers.
 */
export function decodeNdp(data: Uint8Array): NdpFrame {
  if (data.length < ICMP + FIXED) throw new DecodeError(`a neighbor message has more than ${data.length} bytes`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (view.getUint16(12) !== IPV6_ETHER_TYPE || view.getUint8(ETHERNET) >> 4 !== 6) throw new DecodeError('not IPv6');
  if (view.getUint8(ETHERNET + 6) !== ICMPV6_PROTOCOL) throw new DecodeError('not ICMPv6');
  if (view.getUint8(ETHERNET + 7) !== HOP_LIMIT) throw new DecodeError('came from beyond the link');
  const size = view.getUint16(ETHERNET + 4);
  if (size < FIXED || ICMP + size > data.length) throw new DecodeError(`IPv6 payload of ${size} bytes does not fit`);
  const packet = data.subarray(0, ICMP + size);
  const type = view.getUint8(ICMP);
  if (type !== NDP_TYPE.solicitation && type !== NDP_TYPE.advertisement) throw new DecodeError(`ICMPv6 type ${type}`);
  if (view.getUint8(ICMP + 1) !== 0) throw new DecodeError('ICMPv6 code is not 0');
  if (fold(icmpSum(packet)) !== 0xffff) throw new DecodeError('ICMPv6 checksum is wrong');

  const addressed: Addressed = {
    to: macFromBytes(data.subarray(0, 6)),
    from: macFromBytes(data.subarray(6, 12)),
    source: ipFromBytes(data.subarray(ETHERNET + 8, ETHERNET + 24)),
    destination: ipFromBytes(data.subarray(ETHERNET + 24, ETHERNET + 40)),
    target: ipFromBytes(data.subarray(ICMP + 8, ICMP + FIXED)),
  };
  if (isMulticast(addressed.target)) throw new DecodeError('the target is a group');
  if (isMulticast(addressed.source)) throw new DecodeError('the source is a group');
  const options = decodeOptions(packet.subarray(ICMP + FIXED));
  return type === NDP_TYPE.solicitation
    ? solicitation(addressed, options)
    : advertisement(addressed, view.getUint8(ICMP + 4), options);
}

function solicitation(addressed: Addressed, options: ReadonlyMap<number, Uint8Array>): NeighborSolicitation {
  const sourceMac = macOption(options.get(OPTION.sourceLinkLayer));
  const nonce = options.get(OPTION.nonce);
  if (addressed.source === UNSPECIFIED) {
    if (!isSolicitedNode(addressed.destination)) throw new DecodeError('a question of nobody to no solicited node');
    if (sourceMac !== undefined) throw new DecodeError('a question of nobody names a link-layer address');
  }
  return {
    kind: 'solicitation',
    ...addressed,
    ...(sourceMac !== undefined && { sourceMac }),
    ...(nonce && { nonce: nonce.slice() }),
  };
}

function advertisement(
  addressed: Addressed,
  flags: number,
  options: ReadonlyMap<number, Uint8Array>,
): NeighborAdvertisement {
  const targetMac = macOption(options.get(OPTION.targetLinkLayer));
  const solicited = (flags & FLAG.solicited) !== 0;
  if (solicited && isMulticast(addressed.destination))
    throw new DecodeError('an answer to a question, sent to a group');
  return {
    kind: 'advertisement',
    ...addressed,
    router: (flags & FLAG.router) !== 0,
    solicited,
    override: (flags & FLAG.override) !== 0,
    ...(targetMac !== undefined && { targetMac }),
  };
}

function macOption(value: Uint8Array | undefined): Mac | undefined {
  if (value === undefined) return undefined;
  if (value.length !== 6) throw new DecodeError(`a link-layer address of ${value.length} bytes`);
  return macFromBytes(value);
}

function optionsOf(frame: NdpFrame): Uint8Array[] {
  if (frame.kind === 'advertisement') {
    return frame.targetMac === undefined ? [] : [encodeOption(OPTION.targetLinkLayer, macToBytes(frame.targetMac))];
  }
  return [
    ...(frame.sourceMac === undefined ? [] : [encodeOption(OPTION.sourceLinkLayer, macToBytes(frame.sourceMac))]),
    ...(frame.nonce === undefined ? [] : [encodeOption(OPTION.nonce, frame.nonce)]),
  ];
}

function flagsOf(frame: NdpFrame): number {
  if (frame.kind === 'solicitation') return 0;
  const { router, solicited, override } = frame;
  return (router ? FLAG.router : 0) | (solicited ? FLAG.solicited : 0) | (override ? FLAG.override : 0);
}

/** Over the pseudo header (RFC 8200 §8.1) and the message. @param packet ends where the message does. */
function icmpSum(packet: Uint8Array): number {
  const message = packet.subarray(ICMP);
  return wordSum(packet.subarray(ETHERNET + 8, ICMP)) + message.length + ICMPV6_PROTOCOL + wordSum(message);
}
