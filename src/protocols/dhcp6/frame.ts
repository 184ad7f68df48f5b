/**
 * UDP in IPv6 in Ethernet, made and read by hand: the client's port of the kernel belongs to the node's own DHCPv6 client,
 * where there is one, and the node's packet filter knows nothing of answers to what was sent to a group.
 */
import { DecodeError } from '../../model/errors.ts';
import { familyOf, ipFromBytes, ipToBytes } from '../../model/ip.ts';
import { macFromBytes, macToBytes } from '../../model/mac.ts';
import type { UdpFrame } from '../dhcp4/frame.ts';
import { checksumOf, fold, wordSum } from '../internet-checksum.ts';

const ETHERNET = 14;
const IPV6 = 40;
const UDP = 8;
const AT = ETHERNET + IPV6;
const UDP_PROTOCOL = 17;
const ETHERTYPE_IPV6 = 0x86dd;
/** As the kernel's; what goes to a group of the link needs one only. */
const HOP_LIMIT = 64;

/** @throws RangeError if an address is not IPv6 or the payload does not fit a datagram. */
export function encodeUdp6Frame(frame: UdpFrame): Uint8Array {
  const { payload } = frame;
  const length = UDP + payload.length;
  if (length > 0xffff) throw new RangeError(`payload of ${payload.length} bytes is too long`);
  if (familyOf(frame.sourceIp) !== 6 || familyOf(frame.targetIp) !== 6) throw new RangeError('not an IPv6 address');
  const bytes = new Uint8Array(AT + length);
  const view = new DataView(bytes.buffer);
  bytes.set(macToBytes(frame.targetMac), 0);
  bytes.set(macToBytes(frame.sourceMac), 6);
  view.setUint16(12, ETHERTYPE_IPV6);
  bytes.set([0x60], ETHERNET);
  view.setUint16(ETHERNET + 4, length);
  bytes.set([UDP_PROTOCOL, HOP_LIMIT], ETHERNET + 6);
  bytes.set(ipToBytes(frame.sourceIp), ETHERNET + 8);
  bytes.set(ipToBytes(frame.targetIp), ETHERNET + 24);
  view.setUint16(AT, frame.sourcePort);
  view.setUint16(AT + 2, frame.targetPort);
  view.setUint16(AT + 4, length);
  bytes.set(payload, AT + UDP);
  const checksum = checksumOf(wordSum(bytes.subarray(AT)) + pseudoHeader(bytes, length));
  view.setUint16(AT + 6, checksum === 0 ? 0xffff : checksum);
  return bytes;
}

/**
 * Padding after the datagram is dropped; so is whatever has extension headers, which DHCPv6 has no use for.
 * @throws DecodeError unless this is one whole UDP datagram with a sound checksum.
 */
export function decodeUdp6Frame(bytes: Uint8Array): UdpFrame {
  if (bytes.length < AT + UDP) throw new DecodeError(`frame of ${bytes.length} bytes is cut short`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(12) !== ETHERTYPE_IPV6) throw new DecodeError('frame does not carry IPv6');
  if (view.getUint8(ETHERNET) >> 4 !== 6) throw new DecodeError('not an IPv6 header');
  const end = AT + view.getUint16(ETHERNET + 4);
  if (end > bytes.length) throw new DecodeError('IPv6 length does not fit the frame');
  if (view.getUint8(ETHERNET + 6) !== UDP_PROTOCOL) throw new DecodeError('datagram does not carry UDP');
  const length = view.getUint16(AT + 4);
  if (length < UDP || AT + length > end) throw new DecodeError(`UDP length ${length} does not fit the datagram`);
  checkUdp(bytes, length, view.getUint16(AT + 6));
  return {
    targetMac: macFromBytes(bytes.subarray(0, 6)),
    sourceMac: macFromBytes(bytes.subarray(6, 12)),
    sourceIp: ipFromBytes(bytes.subarray(ETHERNET + 8, ETHERNET + 24)),
    targetIp: ipFromBytes(bytes.subarray(ETHERNET + 24, AT)),
    sourcePort: view.getUint16(AT),
    targetPort: view.getUint16(AT + 2),
    payload: bytes.subarray(AT + UDP, AT + length),
  };
}

/** In IPv6 there is always one (RFC 8200 §8.1); on the same machine it may be unfinished, as for IPv4. */
function checkUdp(bytes: Uint8Array, length: number, checksum: number): void {
  const pseudo = pseudoHeader(bytes, length);
  if (checksum !== 0 && fold(wordSum(bytes.subarray(AT, AT + length)) + pseudo) === 0xffff) return;
  if (checksum === fold(pseudo)) return;
  throw new DecodeError('UDP checksum is wrong');
}

/** RFC 8200 §8.1: addresses, length and protocol, unfolded. */
function pseudoHeader(bytes: Uint8Array, length: number): number {
  return wordSum(bytes.subarray(ETHERNET + 8, AT)) + length + UDP_PROTOCOL;
}
