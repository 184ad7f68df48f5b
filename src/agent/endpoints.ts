import type { EndpointSlice, ServiceKey } from '../model/kubernetes.ts';

/** Nodes with at least one ready endpoint of the Service, over all of its slices. */
export function nodesWithReadyEndpoints(slices: Iterable<EndpointSlice>, key: ServiceKey): string[] {
  const nodes = new Set<string>();
  for (const slice of slices) {
    const { namespace = 'default', labels } = slice.metadata;
    if (`${namespace}/${labels?.['kubernetes.io/service-name'] ?? ''}` !== key) continue;
    for (const endpoint of slice.endpoints ?? []) {
      // An absent condition means ready (discovery/v1 EndpointConditions).
      if (endpoint.nodeName !== undefined && endpoint.conditions?.ready !== false) nodes.add(endpoint.nodeName);
    }
  }
  return [...nodes];
}
