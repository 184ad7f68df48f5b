/** What every controller of the lab's cluster works with. */
import type { Cluster } from '../../kube/client.ts';
import type { ReadonlyStore } from '../../kube/watcher/store.ts';
import type { Condition, EndpointSlice, Node, Pod, Service, Workload } from '../../model/kubernetes.ts';
import type { Clock } from '../../model/time.ts';

export interface ClusterContext {
  readonly cluster: Cluster;
  readonly clock: Clock;
  /** Whether nodes and pods have an IPv6 address beside the IPv4 one. */
  readonly ipv6: boolean;
  /** The API's objects as last seen. */
  readonly seen: {
    readonly deployments: ReadonlyStore<Workload>;
    readonly pods: ReadonlyStore<Pod>;
    readonly services: ReadonlyStore<Service>;
    readonly slices: ReadonlyStore<EndpointSlice>;
    readonly nodes: ReadonlyStore<Node>;
  };
  /** Nodes that are not known to be silent, by name. */
  readonly readyNodes: () => readonly string[];
}

/** A condition, with the time of the last change taken over from `before` where nothing changed. */
export function condition(
  clock: Clock,
  before: readonly { readonly type: string; readonly status: string }[] | undefined,
  next: { type: string; status: Condition['status']; reason: string; message: string },
): Condition {
  const previous = before?.find(({ type }) => type === next.type) as Condition | undefined;
  const since = previous?.status === next.status ? previous.lastTransitionTime : undefined;
  return { ...next, lastTransitionTime: since ?? seconds(clock.wall()) };
}

/** metav1.Time has whole seconds. */
export function seconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
