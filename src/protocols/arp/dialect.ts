/** Address conflict detection for IPv4 (RFC 5227). */
import type { Dialect } from '../acd/dialect.ts';
import {
  ARP_ETHER_TYPE,
  arpAnnouncement,
  arpProbe,
  arpReply,
  claimedBy,
  decodeArp,
  encodeArp,
  gratuitousReply,
  isQuestion,
  type ArpFrame,
} from './packet.ts';

export const ARP: Dialect<ArpFrame> = {
  hears: { etherType: ARP_ETHER_TYPE },
  groupOf: () => undefined,
  encode: encodeArp,
  decode: decodeArp,
  // Both forms: hosts differ in which they learn from.
  announcement: (mac, ip) => [arpAnnouncement(mac, ip), gratuitousReply(mac, ip)],
  probe: (mac, ip) => arpProbe(mac, ip),
  isEcho: (frame, mac) => frame.senderMac === mac,
  answer: (mac, frame) => (isQuestion(frame) ? { ip: frame.targetIp, frame: arpReply(mac, frame) } : undefined),
  claim: (frame) => {
    const ip = claimedBy(frame);
    return ip === undefined ? undefined : { ip, mac: frame.senderMac };
  },
  probed: (frame) =>
    frame.operation === 'request' && claimedBy(frame) === undefined
      ? { ip: frame.targetIp, mac: frame.senderMac }
      : undefined,
};
