import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import {
  arpAnnouncement,
  arpProbe,
  arpReply,
  claimedBy,
  decodeArp,
  encodeArp,
  gratuitousReply,
  isQuestion,
  type ArpFrame,
} from '../../../src/protocols/arp/packet.ts';

const OURS = parseMac('02:00:00:00:00:01')!;
const CLIENT = parseMac('02:00:00:00:00:02')!;
const VIP = ip('10.77.0.200');
const hex = (frame: ArpFrame): string => Buffer.from(encodeArp(frame)).toString('hex');

const QUESTION: ArpFrame = {
  to: parseMac('ff:ff:ff:ff:ff:ff')!,
  from: CLIENT,
  operation: 'request',
  senderMac: CLIENT,
  senderIp: ip('10.77.0.50'),
  targetMac: parseMac('00:00:00:00:00:00')!,
  targetIp: VIP,
};

describe('ARP on the wire', () => {
  it('has the bytes of RFC 826', () => {
    expect(hex(arpReply(OURS, QUESTION))).toBe(
      // to, from, ARP | Ethernet, IPv4, 6, 4, reply | sender MAC and IP | target MAC and IP
      '0200000000020200000000010806' + '0001080006040002' + '0200000000010a4d00c8' + '0200000000020a4d0032',
    );
  });

  it('announces as a request with no target MAC, and as a reply whose target is the sender', () => {
    const header = 'ffffffffffff0200000000010806';
    expect(hex(arpAnnouncement(OURS, VIP))).toBe(`${header}00010800060400010200000000010a4d00c80000000000000a4d00c8`);
    expect(hex(gratuitousReply(OURS, VIP))).toBe(`${header}00010800060400020200000000010a4d00c80200000000010a4d00c8`);
  });

  it('probes without claiming', () => {
    expect(claimedBy(arpProbe(OURS, VIP))).toBeUndefined();
    expect(claimedBy(arpAnnouncement(OURS, VIP))).toBe(VIP);
    expect(claimedBy(arpReply(OURS, QUESTION))).toBe(VIP);
    expect(claimedBy(QUESTION)).toBe(ip('10.77.0.50'));
  });

  it('tells questions from announcements, answers and senders that cannot be answered', () => {
    expect(isQuestion(QUESTION)).toBe(true);
    expect(isQuestion(arpProbe(CLIENT, VIP))).toBe(true);
    expect(isQuestion(arpAnnouncement(CLIENT, VIP))).toBe(false);
    expect(isQuestion(gratuitousReply(CLIENT, VIP))).toBe(false);
    expect(isQuestion({ ...QUESTION, senderMac: parseMac('ff:ff:ff:ff:ff:ff')! })).toBe(false);
    expect(isQuestion({ ...QUESTION, senderMac: parseMac('01:00:5e:00:00:01')! })).toBe(false);
    expect(isQuestion({ ...QUESTION, senderMac: parseMac('00:00:00:00:00:00')! })).toBe(false);
  });

  it.each([
    ['an EtherType of its own', 12, 0x86],
    ['another hardware', 15, 6],
    ['another protocol', 16, 0x86],
    ['a long hardware address', 18, 8],
    ['a long protocol address', 19, 16],
    ['another operation', 21, 3],
  ])('refuses %s', (_, at, byte) => {
    const data = encodeArp(QUESTION);
    data[at] = byte;
    expect(() => decodeArp(data)).toThrow(DecodeError);
  });

  it('refuses to write IPv6', () => {
    expect(() => encodeArp(arpAnnouncement(OURS, ip('2001:db8::1')))).toThrow(TypeError);
  });
});
