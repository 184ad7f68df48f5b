/** What the agent knows of the cluster, as far as it takes to tell which connections leave it. */
import type { Egress } from '../exposure/egress/port.ts';
import { egressOf } from '../exposure/egress/rules.ts';
import type { Ip } from '../model/ip.ts';
import type { AgentConfig } from './config.ts';
import type { Parts } from './parts.ts';

const NONE: Egress = { rules: [], inside: [] };

type Watchers = Pick<Parts['watchers'], 'services' | 'endpointSlices' | 'nodes'>;

/** Why no pod goes out in the name of an address here, whatever its Service asks for; undefined: it does. */
export function egressObstacle(
  { mode, egressInside }: Pick<AgentConfig, 'mode' | 'egressInside'>,
  { nodes }: Pick<Watchers, 'nodes'>,
): string | undefined {
  if (mode.reach.services === 'every-node')
    return 'every node announces the address, and an answer may come to any; set svc_election=true for one owner';
  if (mode.kind === 'wireguard')
    return 'only answers go through a tunnel; pods reach the far end’s side in the name of their node';
  if (!nodes && egressInside.pods.length === 0)
    return 'an agent of one namespace (svc_namespace) does not know which networks are the cluster’s own; name them in egress_podcidr';
  return undefined;
}

/** Undefined: not all of it is known yet. */
export function egressWanted(
  { node, rules, mode, egressInside }: Pick<AgentConfig, 'node' | 'rules' | 'mode' | 'egressInside'>,
  watchers: Watchers,
  holds: (ip: Ip) => boolean,
): Egress | undefined {
  if (rules.withdraw || egressObstacle({ mode, egressInside }, watchers) !== undefined) return NONE;
  const { services, endpointSlices, nodes } = watchers;
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
