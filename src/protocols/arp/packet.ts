/** ARP for IPv4 over Ethernet (RFC 826), with the special forms of RFC 5227. */
import { DecodeError } from '../../model/errors.ts';
import { familyOf, ip, ipFromBytes, ipToBytes, type Ip } from '../../model/ip.ts';
import { BROADCAST_MAC, macFromBytes, macToBytes, ZERO_MAC, type Mac } from '../../model/mac.ts';

export const ARP_ETHER_TYPE = 0x0806;
const IPV4_ETHER_TYPE = 0x0800;
const ETHERNET = 1;
const REQUEST = 1;
const REPLY = 2;
/** Ethernet header and ARP packet; padding up to the shortest frame is the link's business. */
const SIZE = 42;
const NO_IP = ip('0.0.0.0');

export interface ArpFrame {
  /** Ethernet header. */
  readonly to: Mac;
  readonly from: Mac;
  readonly operation: 'request' | 'reply';
  readonly senderMac: Mac;
  /** 0.0.0.0 in a probe. */
  readonly senderIp: Ip;
  readonly targetMac: Mac;
  readonly targetIp: Ip;
}

/** The whole Ethernet frame. @throws TypeError when an address is not IPv4. */
export function encodeArp(frame: ArpFrame): Uint8Array {
  if (familyOf(frame.senderIp) !== 4 || familyOf(frame.targetIp) !== 4) throw new TypeError('ARP carries IPv4 only');
  const out = new Uint8Array(SIZE);
  const view = new DataView(out.buffer);
  out.set(macToBytes(frame.to), 0);
  out.set(macToBytes(frame.from), 6);
  view.setUint16(12, ARP_ETHER_TYPE);
  view.setUint16(14, ETHERNET);
  view.setUint16(16, IPV4_ETHER_TYPE);
  out[18] = 6;
  out[19] = 4;
  view.setUint16(20, frame.operation === 'request' ? REQUEST : REPLY);
  out.set(macToBytes(frame.senderMac), 22);
  out.set(ipToBytes(frame.senderIp), 28);
  out.set(macToBytes(frame.targetMac), 32);
  out.set(ipToBytes(frame.targetIp), 38);
  return out;
}

/** @throws DecodeError unless it is a request or a reply about IPv4 over Ethernet. Bytes behind it are padding. */
export function decodeArp(data: Uint8Array): ArpFrame {
  if (data.length < SIZE) throw new DecodeError(`an ARP frame has ${SIZE} bytes, not ${data.length}`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (view.getUint16(12) !== ARP_ETHER_TYPE) throw new DecodeError('not an ARP frame');
  const kind = [view.getUint16(14), view.getUint16(16), view.getUint8(18), view.getUint8(19)];
  if (kind.join() !== [ETHERNET, IPV4_ETHER_TYPE, 6, 4].join()) {
    throw new DecodeError('ARP for something else than IPv4 over Ethernet');
  }
  const operation = view.getUint16(20);
  if (operation !== REQUEST && operation !== REPLY) throw new DecodeError(`ARP operation ${operation}`);
  return {
    to: macFromBytes(data.subarray(0, 6)),
    from: macFromBytes(data.subarray(6, 12)),
    operation: operation === REQUEST ? 'request' : 'reply',
    senderMac: macFromBytes(data.subarray(22, 28)),
    senderIp: ipFromBytes(data.subarray(28, 32)),
    targetMac: macFromBytes(data.subarray(32, 38)),
    targetIp: ipFromBytes(data.subarray(38, 42)),
  };
}

/** RFC 5227 §1.1: asks for an address without claiming any. */
export function arpProbe(mac: Mac, target: Ip): ArpFrame {
  return {
    to: BROADCAST_MAC,
    from: mac,
    operation: 'request',
    senderMac: mac,
    senderIp: NO_IP,
    targetMac: ZERO_MAC,
    targetIp: target,
  };
}

/** RFC 5227 §1.1: claims an address, in the form of a request. */
export function arpAnnouncement(mac: Mac, address: Ip): ArpFrame {
  return {
    to: BROADCAST_MAC,
    from: mac,
    operation: 'request',
    senderMac: mac,
    senderIp: address,
    targetMac: ZERO_MAC,
    targetIp: address,
  };
}

/**
 * Claims an address, in the form of a reply to everyone, for hosts that learn from nothing else. Linux takes it for
 * gratuitous, and so overrides a younger entry, only if the target MAC is the sender's.
 */
export function gratuitousReply(mac: Mac, address: Ip): ArpFrame {
  return { ...arpAnnouncement(mac, address), operation: 'reply', targetMac: mac };
}

/** The answer to a request for an address of ours. */
export function arpReply(mac: Mac, request: ArpFrame): ArpFrame {
  return {
    to: request.senderMac,
    from: mac,
    operation: 'reply',
    senderMac: mac,
    senderIp: request.targetIp,
    targetMac: request.senderMac,
    targetIp: request.senderIp,
  };
}

/** Whether the frame asks who has an address, and its sender can be answered. */
export function isQuestion(frame: ArpFrame): boolean {
  const group = (macToBytes(frame.senderMac)[0] ?? 0) & 1;
  return (
    frame.operation === 'request' && frame.senderIp !== frame.targetIp && frame.senderMac !== ZERO_MAC && group === 0
  );
}

/** Whether the frame's sender says that it has an address: any frame but a probe does (RFC 5227 §2.4). */
export function claimedBy(frame: ArpFrame): Ip | undefined {
  return frame.senderIp === NO_IP || frame.senderMac === ZERO_MAC ? undefined : frame.senderIp;
}
