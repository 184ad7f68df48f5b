import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { macToBytes, parseMac, ZERO_MAC } from '../../../src/model/mac.ts';
import { checksumOf, wordSum } from '../../../src/protocols/internet-checksum.ts';
import { claimOf, isSolicitation, ndpProbe, unsolicitedAdvertisement } from '../../../src/protocols/ndp/forms.ts';
import { isMulticast, isSolicitedNode, multicastMac, solicitedNode } from '../../../src/protocols/ndp/multicast.ts';
import { decodeNdp, encodeNdp, type NdpFrame, type NeighborSolicitation } from '../../../src/protocols/ndp/packet.ts';

const OURS = parseMac('02:00:00:00:00:01')!;
const CLIENT = parseMac('02:00:00:00:00:50')!;
const VIP = ip('2001:db8:77::1:2345');
const CLIENT_IP = ip('fe80::50');

const QUESTION: NeighborSolicitation = {
  kind: 'solicitation',
  to: multicastMac(solicitedNode(VIP)),
  from: CLIENT,
  source: CLIENT_IP,
  destination: solicitedNode(VIP),
  target: VIP,
  sourceMac: CLIENT,
};
const PROBE = ndpProbe(CLIENT, VIP);
const NEWS = unsolicitedAdvertisement(CLIENT, VIP);

/** Changes bytes, and makes the checksum right again. */
function doctored(frame: NdpFrame, at: number, ...values: number[]): Uint8Array {
  const data = encodeNdp(frame);
  data.set(values, at);
  data.set([0, 0], 56);
  const message = data.subarray(54);
  const sum = checksumOf(wordSum(data.subarray(22, 54)) + message.length + 58 + wordSum(message));
  data.set([sum >> 8, sum & 255], 56);
  return data;
}

describe('groups', () => {
  it('of an address and their Ethernet address', () => {
    expect(solicitedNode(VIP)).toBe('ff02::1:ff01:2345');
    expect(multicastMac(solicitedNode(VIP))).toBe('33:33:ff:01:23:45');
    expect(multicastMac(ip('ff02::1'))).toBe('33:33:00:00:00:01');
  });

  it('are told from addresses', () => {
    expect(['ff02::1', 'ff0e::1:2', 'ff00::'].map((text) => isMulticast(ip(text)))).toEqual([true, true, true]);
    expect(['::', 'fe80::1', 'ff:1::', 'f::1', 'fd00::ff02'].some((text) => isMulticast(ip(text)))).toBe(false);
    expect(isSolicitedNode(solicitedNode(VIP))).toBe(true);
    expect(isSolicitedNode(ip('ff02::1'))).toBe(false);
  });
});

describe('a message that a node has to drop (RFC 4861 §7.1) is refused', () => {
  it.each<[string, Uint8Array]>([
    ['sent from beyond the link', doctored(QUESTION, 21, 254)],
    ['with a code', doctored(QUESTION, 55, 1)],
    ['about a group', doctored(QUESTION, 62, 0xff, 2)],
    ['from a group', doctored(QUESTION, 22, 0xff, 2)],
    ['with an option of no length', doctored(QUESTION, 79, 0)],
    ['with an option longer than the message', doctored(QUESTION, 79, 2)],
    ['with a link-layer address that is none of Ethernet', doctored({ ...PROBE, nonce: new Uint8Array(14) }, 78, 1)],
    ['of another type', doctored(QUESTION, 54, 134)],
    ['not IPv6', doctored(QUESTION, 14, 0x45)],
    ['of another EtherType', doctored(QUESTION, 12, 8, 0)],
    ['behind an extension header', doctored(QUESTION, 20, 0)],
    ['shorter than it says', doctored(QUESTION, 18, 0, 40)],
    ['too short for a target', doctored(QUESTION, 18, 0, 23)],
    ['from nobody to everyone', encodeNdp({ ...PROBE, destination: ip('ff02::1') })],
    ['from nobody with a link-layer address', encodeNdp({ ...PROBE, sourceMac: CLIENT })],
    ['answering everyone at once', encodeNdp({ ...NEWS, solicited: true })],
    ['with a wrong checksum', encodeNdp(QUESTION).fill(0, 56, 58)],
  ])('%s', (_, data) => {
    expect(() => decodeNdp(data)).toThrow(DecodeError);
  });

  it('but not for an option nobody knows, or one that is repeated', () => {
    const wide = { ...QUESTION, nonce: macToBytes(OURS) };
    expect(decodeNdp(doctored(wide, 86, 253))).toEqual(QUESTION);
    expect(decodeNdp(doctored(wide, 86, 1))).toEqual(QUESTION);
  });
});

describe('what a message means', () => {
  it('a question that can be answered', () => {
    expect(isSolicitation(QUESTION)).toBe(true);
    expect(isSolicitation(PROBE)).toBe(true);
    expect(isSolicitation(NEWS)).toBe(false);
    expect(isSolicitation({ ...QUESTION, source: VIP })).toBe(false);
    expect(isSolicitation({ ...QUESTION, sourceMac: ZERO_MAC })).toBe(false);
    expect(isSolicitation({ ...QUESTION, sourceMac: parseMac('33:33:00:00:00:01')! })).toBe(false);
  });

  it('a claim, and whose', () => {
    expect(claimOf(NEWS)).toEqual({ ip: VIP, mac: CLIENT });
    expect(claimOf({ ...NEWS, targetMac: OURS })).toEqual({ ip: VIP, mac: OURS });
    expect(claimOf({ ...NEWS, targetMac: ZERO_MAC })).toBeUndefined();
    expect(claimOf(QUESTION)).toEqual({ ip: CLIENT_IP, mac: CLIENT });
    expect(claimOf(PROBE)).toBeUndefined();
  });

  it('is not written for what has no place in it', () => {
    expect(() => encodeNdp({ ...NEWS, target: ip('10.77.0.200') })).toThrow(TypeError);
    expect(() => encodeNdp({ ...PROBE, nonce: new Uint8Array(5) })).toThrow(TypeError);
  });
});
