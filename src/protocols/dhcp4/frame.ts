/**
 * UDP in IPv4 in Ethernet, made and read by hand: a client without an address of its own, and with a hardware address
 * that no interface has, cannot use the kernel's sockets.
 */
import { DecodeError } from '../../model/errors.ts';
import { familyOf, ipFromBytes, ipToBytes, type Ip } from '../../model/ip.ts';
import { macFromBytes, macToBytes, type Mac } from '../../model/mac.ts';
import { checksumOf, fold, wordSum } from '../internet-checksum.ts';

export interface UdpFrame {
  readonly sourceMac: Mac;
  readonly targetMac: Mac;
  readonly sourceIp: Ip;
  readonly targetIp: Ip;
  readonly sourcePort: number;
  readonly targetPort: number;
  readonly payload: Uint8Array;
}

const ETHERNET = 14;
const IPV4 = 20;
const UDP = 8;
const UDP_PROTOCOL = 17;
const ETHERTYPE_IPV4 = 0x0800;
/** More fragments, or not the first one. The reserved and don't-fragment bits are nobody's business. */
const FRAGMENT = 0x3fff;

/** @throws RangeError if an address is not IPv4 or the payload does not fit a datagram. */
export function encodeUdpFrame(frame: UdpFrame): Uint8Array {
  const { payload } = frame;
  if (IPV4 + UDP + payload.length > 0xffff) throw new RangeError(`payload of ${payload.length} bytes is too long`);
  if (familyOf(frame.sourceIp) !== 4 || familyOf(frame.targetIp) !== 4) throw new RangeError('not an IPv4 address');
  const bytes = new Uint8Array(ETHERNET + IPV4 + UDP + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(macToBytes(frame.targetMac), 0);
  bytes.set(macToBytes(frame.sourceMac), 6);
  view.setUint16(12, ETHERTYPE_IPV4);
  // Identification stays 0: the datagram is atomic (RFC 6864 §4), which don't-fragment says.
  bytes.set([0x45, 0], ETHERNET);
  view.setUint16(ETHERNET + 2, IPV4 + UDP + payload.length);
  view.setUint16(ETHERNET + 6, 0x4000);
  bytes.set([64, UDP_PROTOCOL], ETHERNET + 8);
  bytes.set(ipToBytes(frame.sourceIp), ETHERNET + 12);
  bytes.set(ipToBytes(frame.targetIp), ETHERNET + 16);
  view.setUint16(ETHERNET + 10, checksumOf(wordSum(bytes.subarray(ETHERNET, ETHERNET + IPV4))));
  const udp = ETHERNET + IPV4;
  view.setUint16(udp, frame.sourcePort);
  view.setUint16(udp + 2, frame.targetPort);
  view.setUint16(udp + 4, UDP + payload.length);
  bytes.set(payload, udp + UDP);
  const checksum = checksumOf(wordSum(bytes.subarray(udp)) + pseudoHeader(bytes, ETHERNET, UDP + payload.length));
  // Zero means "not computed" (RFC 768), so a sum of zero is sent as all ones.
  view.setUint16(udp + 6, checksum === 0 ? 0xffff : checksum);
  return bytes;
}

/**
 * Padding after the datagram is dropped.
 * @throws DecodeError unless this is one whole, unfragmented UDP datagram with sound checksums.
 */
export function decodeUdpFrame(bytes: Uint8Array): UdpFrame {
  if (bytes.length < ETHERNET + IPV4 + UDP) throw new DecodeError(`frame of ${bytes.length} bytes is cut short`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(12) !== ETHERTYPE_IPV4) throw new DecodeError('frame does not carry IPv4');
  const version = view.getUint8(ETHERNET);
  const header = (version & 0x0f) * 4;
  const total = view.getUint16(ETHERNET + 2);
  const end = ETHERNET + total;
  if (version >> 4 !== 4 || header < IPV4) throw new DecodeError('not an IPv4 header');
  if (total < header + UDP || end > bytes.length) throw new DecodeError(`IPv4 length ${total} does not fit the frame`);
  if (view.getUint8(ETHERNET + 9) !== UDP_PROTOCOL) throw new DecodeError('datagram does not carry UDP');
  if ((view.getUint16(ETHERNET + 6) & FRAGMENT) !== 0) throw new DecodeError('a fragment of a datagram');
  if (fold(wordSum(bytes.subarray(ETHERNET, ETHERNET + header))) !== 0xffff)
    throw new DecodeError('IPv4 checksum is wrong');
  const udp = ETHERNET + header;
  const length = view.getUint16(udp + 4);
  if (length < UDP || udp + length > end) throw new DecodeError(`UDP length ${length} does not fit the datagram`);
  checkUdp(bytes, udp, length, view.getUint16(udp + 6));
  return {
    targetMac: macFromBytes(bytes.subarray(0, 6)),
    sourceMac: macFromBytes(bytes.subarray(6, 12)),
    sourceIp: ipFromBytes(bytes.subarray(ETHERNET + 12, ETHERNET + 16)),
    targetIp: ipFromBytes(bytes.subarray(ETHERNET + 16, ETHERNET + 20)),
    sourcePort: view.getUint16(udp),
    targetPort: view.getUint16(udp + 2),
    payload: bytes.subarray(udp + UDP, udp + length),
  };
}

/**
 * A packet socket sees datagrams of the same machine (a server in a container, a virtual machine's bridge) before the
 * network card would have finished their checksum: the field then holds the sum of the pseudo header alone. Such a
 * packet never crossed a wire, so there is nothing a checksum could have caught.
 */
function checkUdp(bytes: Uint8Array, at: number, length: number, checksum: number): void {
  if (checksum === 0) return;
  const pseudo = pseudoHeader(bytes, ETHERNET, length);
  if (fold(wordSum(bytes.subarray(at, at + length)) + pseudo) === 0xffff) return;
  if (checksum === fold(pseudo)) return;
  throw new DecodeError('UDP checksum is wrong');
}

/** RFC 768: addresses, protocol and length, unfolded. `ip`: where the IPv4 header starts. */
function pseudoHeader(bytes: Uint8Array, ip: number, udpLength: number): number {
  return wordSum(bytes.subarray(ip + 12, ip + 20)) + UDP_PROTOCOL + udpLength;
}
