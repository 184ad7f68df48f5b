/** What the agent knows of the cluster, as far as it takes to tell which connections leave it. */
import type { Egress } from '../exposure/egress/port.ts';
import { egressOf } from '../exposure/egress/rules.ts';
import type { Ip } from '../model/ip.ts';
import type { AgentConfig } from './config.ts';
import type { Parts } from './parts.ts';

const NONE: Egress = { rules: [], inside: [] };

/** Undefined: not all of it is known yet. */
export function egressWanted(
  { node, rules, mode, egressInside }: Pick<AgentConfig, 'node' | 'rules' | 'mode' | 'egressInside'>,
  { services, endpointSlices, nodes }: Pick<Parts['watchers'], 'services' | 'endpointSlices' | 'nodes'>,
  holds: (ip: Ip) => boolean,
): Egress | undefined {
  // Where every node announces an address, an answer may come to any of them.
  if (rules.withdraw || mode.reach.services === 'every-node') return NONE;
  // Without the networks of pods a connection within the cluster may be taken for one that leaves it.
  const networksKnown = egressInside.pods.length > 0 || nodes?.isSynced !== false;
  if (!services.isSynced || !endpointSlices.isSynced || !networksKnown) return undefined;
  return egressOf({
    node,
    services: services.store.list(),
    slices: endpointSlices.store.list(),
    nodes: nodes?.store.list() ?? [],
    networks: [...egressInside.pods, ...egressInside.services],
    holds,
  });
}
