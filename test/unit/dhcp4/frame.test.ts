import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { BROADCAST_MAC, parseMac } from '../../../src/model/mac.ts';
import { decodeUdpFrame, encodeUdpFrame, type UdpFrame } from '../../../src/protocols/dhcp4/frame.ts';

const FRAME: UdpFrame = {
  sourceMac: parseMac('02:77:00:00:00:0b')!,
  targetMac: BROADCAST_MAC,
  sourceIp: ip('10.77.0.105'),
  targetIp: ip('10.77.0.1'),
  sourcePort: 68,
  targetPort: 67,
  payload: Uint8Array.of(1, 2, 3, 4, 5),
};
const CHECKSUM_AT = 14 + 20 + 6;

/** The frame with some bytes replaced, IPv4 checksum made right again. */
function changed(changes: Record<number, number>, resum = false): Uint8Array {
  const bytes = encodeUdpFrame(FRAME);
  for (const [at, byte] of Object.entries(changes)) bytes[Number(at)] = byte;
  if (!resum) return bytes;
  bytes[24] = bytes[25] = 0;
  let sum = 0;
  for (let i = 14; i < 34; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  [bytes[24], bytes[25]] = [(~sum >> 8) & 0xff, ~sum & 0xff];
  return bytes;
}

describe('UDP frames', () => {
  it('come back as they went', () => {
    expect(decodeUdpFrame(encodeUdpFrame(FRAME))).toEqual(FRAME);
  });

  it('lose the padding of short Ethernet frames', () => {
    const bytes = new Uint8Array(60);
    bytes.set(encodeUdpFrame(FRAME));
    expect(decodeUdpFrame(bytes).payload).toEqual(FRAME.payload);
  });

  it('are read without a UDP checksum', () => {
    expect(decodeUdpFrame(changed({ [CHECKSUM_AT]: 0, [CHECKSUM_AT + 1]: 0 })).payload).toEqual(FRAME.payload);
  });

  it('are read with the checksum that the network card would have finished', () => {
    // 10.77.0.105 and 10.77.0.1, protocol 17, length 13: the sum of the pseudo header, by hand.
    const pseudo = 0x0a4d + 0x0069 + 0x0a4d + 0x0001 + 17 + 13;
    const bytes = changed({ [CHECKSUM_AT]: pseudo >> 8, [CHECKSUM_AT + 1]: pseudo & 0xff });
    expect(decodeUdpFrame(bytes).payload).toEqual(FRAME.payload);
  });

  it('are read with IPv4 options', () => {
    const plain = encodeUdpFrame(FRAME);
    const bytes = new Uint8Array(plain.length + 4);
    bytes.set(plain.subarray(0, 34));
    bytes.set([1, 1, 1, 0], 34);
    bytes.set(plain.subarray(34), 38);
    bytes[14] = 0x46;
    bytes[17] = plain[17]! + 4;
    bytes[24] = bytes[25] = 0;
    let sum = 0;
    for (let i = 14; i < 38; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
    sum = ((sum & 0xffff) + (sum >> 16)) ^ 0xffff;
    [bytes[24], bytes[25]] = [sum >> 8, sum & 0xff];
    expect(decodeUdpFrame(bytes)).toEqual(FRAME);
  });

  it.each([
    ['cut short', encodeUdpFrame(FRAME).subarray(0, 41), /cut short/],
    ['not IPv4', changed({ 13: 0x06 }), /does not carry IPv4/],
    ['of IP version 6', changed({ 14: 0x65 }), /not an IPv4 header/],
    ['longer than the frame', changed({ 17: 200 }), /does not fit the frame/],
    ['TCP', changed({ 23: 6 }), /does not carry UDP/],
    ['a fragment', changed({ 20: 0x20 }), /fragment/],
    ['with a wrong IPv4 checksum', changed({ 30: 11 }), /IPv4 checksum/],
    ['with a damaged payload', changed({ 44: 99 }), /UDP checksum/],
    ['with a damaged address', changed({ 29: 1 }, true), /UDP checksum/],
    ['with an impossible UDP length', changed({ 39: 7 }), /UDP length/],
  ])('are refused when %s', (_, bytes, reason) => {
    expect(() => decodeUdpFrame(bytes)).toThrow(DecodeError);
    expect(() => decodeUdpFrame(bytes)).toThrow(reason);
  });

  it('cannot be made for IPv6 or beyond a datagram', () => {
    expect(() => encodeUdpFrame({ ...FRAME, sourceIp: ip('::1') })).toThrow(RangeError);
    expect(() => encodeUdpFrame({ ...FRAME, payload: new Uint8Array(65_536) })).toThrow(RangeError);
  });
});
