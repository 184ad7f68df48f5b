/** What agents are told of BGP: as little as is the same on every node, and where each node may be told more. */
import { value } from './container.ts';
import type { EnvVar } from './objects.ts';

/** Routers that are told of addresses. */
export interface BgpPeering {
  /** Of the nodes. */
  readonly as: number;
  /** One entry of `bgp_peers` each: `ADDRESS:AS` at least. No passwords. */
  readonly peers: readonly string[];
  /** Seconds; with {@link keepalive} or not at all: the agent's own defaults then. */
  readonly holdTime?: number;
  /** Seconds. */
  readonly keepalive?: number;
  /** `300x3`: with peers that do not say themselves. */
  readonly bfd?: string;
  readonly sourceInterface?: string;
  /** Of one node, and so for its static pod alone, as {@link routerId}. */
  readonly sourceIp?: string;
  readonly routerId?: string;
}

/** Annotations of a Node with this prefix name peers of that node: `bgp.kubevip.dev/bgp-peers-0-peer-ip`. */
export const BGP_ANNOTATIONS = 'bgp.kubevip.dev';

export function bgpEnvironment(peering: BgpPeering): EnvVar[] {
  const { as, peers, holdTime, keepalive, bfd, sourceInterface, sourceIp, routerId } = peering;
  const given = (name: string, text: string | number | undefined): EnvVar[] =>
    text === undefined ? [] : [value(name, text)];
  return [
    value('bgp_enable', true),
    value('bgp_as', as),
    value('bgp_peers', peers.join()),
    ...given('bgp_hold_time', holdTime),
    ...given('bgp_keepalive_interval', keepalive),
    ...given('kubevip_bgp_bfd', bfd),
    ...given('bgp_sourceif', sourceInterface),
    ...given('bgp_sourceip', sourceIp),
    ...given('bgp_routerid', routerId),
    value('annotation', BGP_ANNOTATIONS),
  ];
}
