import { EXCLUDE_LABEL } from '../model/annotations.ts';
import type { Node } from '../model/kubernetes.ts';

/** Names of the nodes that carry Kubernetes' label against load balancers, whatever its value, in order. */
export function excludedNodes(nodes: Iterable<Node>): string[] {
  return [...nodes]
    .filter(({ metadata }) => metadata.labels?.[EXCLUDE_LABEL] !== undefined)
    .map(({ metadata }) => metadata.name)
    .sort();
}
