/** What agents are told of BGP: as little as is the same on every node, and where each node may be told more. */
import { value } from './container.ts';
import type { EnvVar } from './objects.ts';

/** Routers that are told of addresses. */
export interface BgpPeering {
  /** Of the nodes. */
  readonly as: number;
  /** One entry of `bgp_peers` each: `ADDRESS:AS` at least. No passwords. */
  readonly peers: readonly string[];
}

/** Annotations of a Node with this prefix name peers of that node: `bgp.kubevip.dev/bgp-peers-0-peer-ip`. */
export const BGP_ANNOTATIONS = 'bgp.kubevip.dev';

export function bgpEnvironment({ as, peers }: BgpPeering): EnvVar[] {
  return [
    value('bgp_enable', true),
    value('bgp_as', as),
    value('bgp_peers', peers.join()),
    value('annotation', BGP_ANNOTATIONS),
  ];
}
