/** Address conflict detection for IPv6 (RFC 4862 §5.4, RFC 7527), and Neighbor Advertisements in place of the kernel. */
import type { Dialect } from '../acd/dialect.ts';
import { claimOf, isSolicitation, ndpProbe, solicitedAdvertisement, unsolicitedAdvertisement } from './forms.ts';
import { multicastMac, solicitedNode, UNSPECIFIED } from './multicast.ts';
import { decodeNdp, encodeNdp, IPV6_ETHER_TYPE, NDP_TYPE, type NdpFrame } from './packet.ts';

export const NDP: Dialect<NdpFrame> = {
  hears: { etherType: IPV6_ETHER_TYPE, icmpTypes: Object.values(NDP_TYPE) },
  groupOf: (ip) => multicastMac(solicitedNode(ip)),
  encode: encodeNdp,
  decode: decodeNdp,
  announcement: (mac, ip) => [unsolicitedAdvertisement(mac, ip)],
  probe: ndpProbe,
  isEcho: (frame, mac, nonce) => frame.from === mac || (nonce !== undefined && sameNonce(frame, nonce)),
  answer: (mac, frame) =>
    isSolicitation(frame) ? { ip: frame.target, frame: solicitedAdvertisement(mac, frame) } : undefined,
  claim: claimOf,
  probed: (frame) =>
    frame.kind === 'solicitation' && frame.source === UNSPECIFIED ? { ip: frame.target, mac: frame.from } : undefined,
};

function sameNonce(frame: NdpFrame, nonce: Uint8Array): boolean {
  const theirs = frame.kind === 'solicitation' ? frame.nonce : undefined;
  return theirs?.length === nonce.length && theirs.every((byte, i) => byte === nonce[i]);
}
