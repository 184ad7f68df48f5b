/** The kinds we read and write, and where the API keeps them. */
import type {
  ConfigMap,
  DaemonSet,
  EndpointSlice,
  KubeEvent,
  KubeObject,
  Lease,
  Namespace,
  Node,
  Pod,
  Secret,
  Service,
  Workload,
} from '../model/kubernetes.ts';

/** The type of each kind's objects. */
export interface Kinds {
  ClusterRole: KubeObject;
  ClusterRoleBinding: KubeObject;
  ConfigMap: ConfigMap;
  DaemonSet: DaemonSet;
  Deployment: Workload;
  EndpointSlice: EndpointSlice;
  Event: KubeEvent;
  Lease: Lease;
  Namespace: Namespace;
  Node: Node;
  Pod: Pod;
  ReplicaSet: Workload;
  Role: KubeObject;
  RoleBinding: KubeObject;
  Secret: Secret;
  Service: Service;
  ServiceAccount: KubeObject;
  StatefulSet: Workload;
}
export type Kind = keyof Kinds;

export interface KindInfo {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** What people may type instead, besides the kind and the plural. */
  readonly shortNames: readonly string[];
}

const core = (plural: string, namespaced: boolean, ...shortNames: string[]): KindInfo => ({
  group: '',
  version: 'v1',
  plural,
  namespaced,
  shortNames,
});
const inGroup = (group: string, plural: string, ...shortNames: string[]): KindInfo => ({
  group,
  version: 'v1',
  plural,
  namespaced: true,
  shortNames,
});

const RBAC = 'rbac.authorization.k8s.io';

export const KINDS: { readonly [K in Kind]: KindInfo } = {
  ClusterRole: { ...inGroup(RBAC, 'clusterroles'), namespaced: false },
  ClusterRoleBinding: { ...inGroup(RBAC, 'clusterrolebindings'), namespaced: false },
  ConfigMap: core('configmaps', true, 'cm'),
  DaemonSet: inGroup('apps', 'daemonsets', 'ds'),
  Deployment: inGroup('apps', 'deployments', 'deploy'),
  EndpointSlice: inGroup('discovery.k8s.io', 'endpointslices'),
  Event: inGroup('events.k8s.io', 'events', 'ev'),
  Lease: inGroup('coordination.k8s.io', 'leases'),
  Namespace: core('namespaces', false, 'ns'),
  Node: core('nodes', false, 'no'),
  Pod: core('pods', true, 'po'),
  ReplicaSet: inGroup('apps', 'replicasets', 'rs'),
  Role: inGroup(RBAC, 'roles'),
  RoleBinding: inGroup(RBAC, 'rolebindings'),
  Secret: core('secrets', true),
  Service: core('services', true, 'svc'),
  ServiceAccount: core('serviceaccounts', true, 'sa'),
  StatefulSet: inGroup('apps', 'statefulsets', 'sts'),
};

/** The kind people mean by `deploy`, `deployments`, `deployment.apps` or `Deployment`. Undefined if none of ours. */
export function kindOf(text: string): Kind | undefined {
  const [word = '', ...group] = text.toLowerCase().split('.');
  for (const [kind, info] of Object.entries(KINDS) as [Kind, KindInfo][]) {
    if (group.length > 0 && info.group !== group.join('.') && info.group !== group.slice(1).join('.')) continue;
    if (kind.toLowerCase() === word || info.plural === word || info.shortNames.includes(word)) return kind;
  }
  return undefined;
}

/** `v1`, `apps/v1` */
export function apiVersionOf({ group, version }: KindInfo): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Path of a collection, of one object in it, or of its sub-resource. */
export function pathOf(
  info: KindInfo,
  at: { readonly namespace?: string | undefined; readonly name?: string; readonly subresource?: string | undefined },
): string {
  const parts = [info.group === '' ? `/api/${info.version}` : `/apis/${info.group}/${info.version}`];
  if (info.namespaced && at.namespace !== undefined) parts.push('namespaces', encodeURIComponent(at.namespace));
  parts.push(info.plural);
  if (at.name !== undefined) parts.push(encodeURIComponent(at.name));
  if (at.subresource !== undefined) parts.push(at.subresource);
  return parts.join('/');
}

/** A list of objects and the version of the collection it shows. */
export interface ObjectList<T extends KubeObject> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}
