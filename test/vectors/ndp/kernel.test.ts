/** Frames of Linux 6.18, captured between two hosts in network namespaces. */
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import { ndpProbe, solicitedAdvertisement, unsolicitedAdvertisement } from '../../../src/protocols/ndp/forms.ts';
import { decodeNdp, encodeNdp, type NdpFrame, type NeighborSolicitation } from '../../../src/protocols/ndp/packet.ts';

const B = ip('2001:db8:77::b');
const C = ip('2001:db8:77::c');
const B_MAC = parseMac('02:77:00:00:00:0b')!;
const C_MAC = parseMac('02:77:00:00:00:0c')!;
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));

/** Duplicate address detection for B, with the nonce of RFC 7527. */
const DAD = bytes(`
  3333ff00000b 02770000000b 86dd 60000000 0020 3aff 00000000000000000000000000000000
  ff0200000000000000000001ff00000b 8700 6662 00000000 20010db800770000000000000000000b 0e01 a234b64d7f74`);
/** C asks for B. */
const QUESTION = bytes(`
  3333ff00000b 02770000000c 86dd 60000000 0020 3aff 20010db800770000000000000000000c
  ff0200000000000000000001ff00000b 8700 1a9a 00000000 20010db800770000000000000000000b 0101 02770000000c`);
/** B answers C. */
const ANSWER = bytes(`
  02770000000c 02770000000b 86dd 60000000 0020 3aff 20010db800770000000000000000000b
  20010db800770000000000000000000c 8800 886f 60000000 20010db800770000000000000000000b 0201 02770000000b`);
/** B tells everyone (sysctl ndisc_notify). */
const NEWS = bytes(`
  333300000001 02770000000b 86dd 60000000 0020 3aff 20010db800770000000000000000000b
  ff020000000000000000000000000001 8800 f7a7 20000000 20010db800770000000000000000000b 0201 02770000000b`);
/** C answers the check of a neighbour that knows its MAC: without saying it again. */
const SHORT_ANSWER = bytes(`
  02770000000b 02770000000c 86dd 60000000 0018 3aff 20010db800770000000000000000000c
  fe80000000000000007700fffe00000b 8800 dd31 40000000 20010db800770000000000000000000c`);
const ROUTER_SOLICITATION = bytes(`
  333300000002 02770000000b 86dd 60000000 0010 3aff fe80000000000000007700fffe00000b
  ff020000000000000000000000000002 8500 7a2a 00000000 0101 02770000000b`);

describe('what Linux says is read, and what we say is what Linux would say', () => {
  it('to make sure that nobody has an address', () => {
    const probe = ndpProbe(B_MAC, B, bytes('a234b64d7f74'));
    expect(decodeNdp(DAD)).toEqual(probe);
    expect(encodeNdp(probe)).toEqual(DAD);
  });

  it('to ask for a neighbour', () => {
    const question: NdpFrame = {
      kind: 'solicitation',
      to: parseMac('33:33:ff:00:00:0b')!,
      from: C_MAC,
      source: C,
      destination: ip('ff02::1:ff00:b'),
      target: B,
      sourceMac: C_MAC,
    };
    expect(decodeNdp(QUESTION)).toEqual(question);
    expect(encodeNdp(question)).toEqual(QUESTION);
  });

  it('to answer a question', () => {
    const answer = solicitedAdvertisement(B_MAC, decodeNdp(QUESTION) as NeighborSolicitation);
    expect(decodeNdp(ANSWER)).toEqual(answer);
    expect(encodeNdp(answer)).toEqual(ANSWER);
  });

  it('to tell everyone, and to answer who has no address yet', () => {
    expect(encodeNdp(unsolicitedAdvertisement(B_MAC, B))).toEqual(NEWS);
    expect(encodeNdp(solicitedAdvertisement(B_MAC, decodeNdp(DAD) as NeighborSolicitation))).toEqual(NEWS);
  });

  it('to a neighbour that knows its MAC', () => {
    const answer = decodeNdp(SHORT_ANSWER);
    expect(answer).toMatchObject({ kind: 'advertisement', target: C, solicited: true, override: false });
    expect(answer).not.toHaveProperty('targetMac');
    expect(encodeNdp(answer)).toEqual(SHORT_ANSWER);
  });

  it('but only about neighbours', () => {
    expect(() => decodeNdp(ROUTER_SOLICITATION)).toThrow(DecodeError);
  });
});
