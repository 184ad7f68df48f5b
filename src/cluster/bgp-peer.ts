/**
 * A router as `controlPlane.bgpPeers` names it: one entry of kube-vip's `bgp_peers`, read as the agent reads it, so that what
 * the agent would refuse is refused before anything is made; with nothing where a password would be.
 */
import { parsePeers } from '../exposure/bgp/config/peers-text.ts';
import type { Ip } from '../model/ip.ts';
import type { BfdTimers } from '../protocols/bfd/session.ts';

export interface BgpPeerEntry {
  /** Undefined: whatever router advertises itself on an interface. */
  readonly at: { readonly ip: Ip; readonly link?: string } | undefined;
  readonly as: number;
  readonly port: number;
  /** Absent: as for all. */
  readonly bfd?: BfdTimers | 'off';
}

const BGP_PORT = 179;

/** The router, or what is wrong with the text. */
export function parseBgpPeer(text: string): { readonly peer: BgpPeerEntry } | { readonly problem: string } {
  const { peers, problems } = parsePeers(text);
  const [peer, ...more] = peers;
  const [wrong] = problems;
  if (wrong !== undefined)
    return { problem: `is no router, as 192.168.1.1:65001 or [fd00::1]:65001: ${wrong.message}` };
  if (peer === undefined || more.length > 0) return { problem: 'is not one router, as 192.168.1.1:65001' };
  if (peer.password !== undefined)
    return {
      problem:
        'has a password, which everybody could read here: give it by --bgp-password-file FILE (bgpPasswordFile), or later in the Secret kubevip-bgp',
    };
  const { at, as, port = BGP_PORT, bfd } = peer;
  return { peer: { at: 'unnumbered' in at ? undefined : at, as, port, ...(bfd === undefined ? {} : { bfd }) } };
}
