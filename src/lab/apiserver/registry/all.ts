/** Every resource of the embedded server. A new kind is added here and in `schema/`. */
import { daemonSets, deployments, replicaSets } from './apps/resources.ts';
import { coreEvents, events } from './core/events.ts';
import { endpoints, endpointSlices } from './core/endpoints.ts';
import { nodes } from './core/node.ts';
import { pods } from './core/pod.ts';
import { configMaps, leases, namespaces, secrets, serviceAccounts } from './core/resources.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from './rbac/resources.ts';
import { Registry } from './registry.ts';
import { services } from './service/resource.ts';

/** In the order of discovery: where two kinds have one short name, kubectl takes the first. */
export function createRegistry(): Registry {
  return new Registry([
    configMaps,
    endpoints,
    coreEvents,
    namespaces,
    nodes,
    pods,
    secrets,
    serviceAccounts,
    services,
    daemonSets,
    deployments,
    replicaSets,
    endpointSlices,
    leases,
    events,
    roles,
    roleBindings,
    clusterRoles,
    clusterRoleBindings,
  ]);
}
