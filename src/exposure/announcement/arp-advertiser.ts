/** IPv4: answers and announces by ARP, in place of the kernel. */
import { DecodeError } from '../../model/errors.ts';
import { announcementFrames } from '../../protocols/arp/announcer.ts';
import {
  ARP_ETHER_TYPE,
  arpReply,
  claimedBy,
  decodeArp,
  encodeArp,
  isQuestion,
  type ArpFrame,
} from '../../protocols/arp/packet.ts';
import type { Advertiser, AdvertiserOptions } from './advertiser.ts';

/** @throws OsError when the link is gone or packets may not be opened. */
export function createArpAdvertiser({ network, link, answers, onClaim }: AdvertiserOptions): Advertiser {
  const onFrame = (data: Uint8Array): void => {
    const frame = read(data);
    if (!frame || frame.senderMac === link.mac) return;
    if (isQuestion(frame) && answers(frame.targetIp)) socket.send(encodeArp(arpReply(link.mac, frame)));
    const claimed = claimedBy(frame);
    if (claimed !== undefined) onClaim(claimed, frame.senderMac);
  };
  const socket = network.openFrames({ link, etherType: ARP_ETHER_TYPE }, onFrame);
  return {
    link,
    announce: (ip) => {
      for (const frame of announcementFrames(link.mac, ip)) socket.send(encodeArp(frame));
    },
    close: () => socket.close(),
  };
}

/** Undefined for what is no ARP about IPv4: anyone may send anything. */
function read(data: Uint8Array): ArpFrame | undefined {
  try {
    return decodeArp(data);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
