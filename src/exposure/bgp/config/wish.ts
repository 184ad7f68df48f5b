/** A BGP peer as somebody has asked for it: by kube-vip's variables, on a Node, in the ConfigMap, or a provider. */
import type { Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';
import type { BfdTimers } from '../../../protocols/bfd/session.ts';
import type { Community, LargeCommunity } from '../../../protocols/bgp/community.ts';

/** kube-vip's `mpbgp_nexthop`: what next hop routes of the family have that the session itself is not of. */
export type NextHopPolicy =
  | { readonly kind: 'fixed'; readonly v4?: Ip; readonly v6?: Ip }
  /** Addresses of the interface that the session's source address is on. */
  | { readonly kind: 'auto_sourceip' }
  /** Addresses of the interface that sessions leave by. */
  | { readonly kind: 'auto_sourceif' };

export interface PeerWish {
  /** Where it was asked for, for messages: `bgp_peers, entry 2`, `ConfigMap kubevip-bgp, key peer-tor1`. */
  readonly source: string;
  /** An address, on a link where it is link-local; or whoever advertises itself as a router on that link. */
  readonly at: { readonly ip: Ip; readonly link?: string } | { readonly unnumbered: string };
  readonly as: number;
  /** Ours, towards this peer. Default: `bgp_as`. */
  readonly localAs?: number;
  readonly port?: number;
  /** Routers in between, at most; absent: on the same link. */
  readonly multihop?: number;
  /** Nobody farther away than so many hops is heard (RFC 5082). */
  readonly ttlSecurity?: number;
  readonly password?: string;
  /** File or key of the Secret that holds it. The peer is not spoken to without. */
  readonly passwordKey?: string;
  readonly sourceIp?: Ip;
  readonly sourceLink?: string;
  readonly nextHop?: NextHopPolicy;
  /** `off` also where {@link BgpDefaults} has it for all others. Absent: as there. */
  readonly bfd?: BfdTimers | 'off';
  /** Seconds. */
  readonly holdTime?: number;
  readonly keepalive?: Milliseconds;
  readonly passive?: boolean;
  /** Router ID towards everybody, where a Node says one. */
  readonly identifier?: Ip;
  /** Pools that it is told of; absent: all. */
  readonly pools?: readonly string[];
  readonly attributes?: RouteAttributes;
}

/** What is said of routes besides where they lead. */
export interface RouteAttributes {
  readonly communities?: readonly Community[];
  readonly largeCommunities?: readonly LargeCommunity[];
  readonly localPref?: number;
  readonly med?: number;
  readonly prepend?: number;
  /** Instead of each address a prefix of this length that it lies in. */
  readonly aggregate?: { readonly v4?: number; readonly v6?: number };
}

/** One line that cannot be followed; others go on. */
export interface BgpProblem {
  readonly source: string;
  /** What is wrong and what to do, in one sentence. Never a password. */
  readonly message: string;
}

export interface Wishes {
  readonly peers: readonly PeerWish[];
  readonly problems: readonly BgpProblem[];
}

/** kube-vip's: routers in between with `multihop=true`. */
export const MULTIHOP_TTL = 50;
export const DEFAULT_BFD: BfdTimers = { transmitInterval: 300, receiveInterval: 300, multiplier: 3 };
