/** The small kinds of the core group, events.k8s.io/v1 and coordination.k8s.io/v1. */
import { localObjectReference, secretReferences } from './container.ts';
import { kindSchema } from './meta.ts';
import { objectReference } from './service.ts';
import {
  any,
  bool,
  bytes,
  int32,
  int64,
  list,
  listMap,
  map,
  microTime,
  quantity,
  set,
  string,
  struct,
  time,
} from './schema.ts';

const CORE = 'io.k8s.api.core.v1';

const namespaceCondition = struct(`${CORE}.NamespaceCondition`, {
  type: string,
  status: string,
  lastTransitionTime: time,
  reason: string,
  message: string,
});

export const namespace = kindSchema(`${CORE}.Namespace`, {
  spec: struct(`${CORE}.NamespaceSpec`, { finalizers: list(string) }),
  status: struct(`${CORE}.NamespaceStatus`, { phase: string, conditions: listMap(namespaceCondition, ['type']) }),
});

export const configMap = kindSchema(`${CORE}.ConfigMap`, {
  immutable: bool,
  data: map(string),
  binaryData: map(bytes),
});

export const secret = kindSchema(`${CORE}.Secret`, {
  immutable: bool,
  data: map(bytes),
  stringData: map(string),
  type: string,
});

export const serviceAccount = kindSchema(`${CORE}.ServiceAccount`, {
  secrets: secretReferences,
  imagePullSecrets: list(localObjectReference),
  automountServiceAccountToken: bool,
});

const taint = struct(`${CORE}.Taint`, { key: string, value: string, effect: string, timeAdded: time });

const nodeCondition = struct(`${CORE}.NodeCondition`, {
  type: string,
  status: string,
  lastHeartbeatTime: time,
  lastTransitionTime: time,
  reason: string,
  message: string,
});

const nodeSpec = struct(`${CORE}.NodeSpec`, {
  podCIDR: string,
  podCIDRs: set(string),
  providerID: string,
  unschedulable: bool,
  taints: list(taint),
  configSource: any,
  externalID: string,
});

const nodeStatus = struct(`${CORE}.NodeStatus`, {
  capacity: map(quantity),
  allocatable: map(quantity),
  phase: string,
  conditions: listMap(nodeCondition, ['type']),
  addresses: listMap(struct(`${CORE}.NodeAddress`, { type: string, address: string }), ['type']),
  daemonEndpoints: struct(`${CORE}.NodeDaemonEndpoints`, {
    kubeletEndpoint: struct(`${CORE}.DaemonEndpoint`, { Port: int32 }),
  }),
  nodeInfo: struct(`${CORE}.NodeSystemInfo`, {
    machineID: string,
    systemUUID: string,
    bootID: string,
    kernelVersion: string,
    osImage: string,
    containerRuntimeVersion: string,
    kubeletVersion: string,
    kubeProxyVersion: string,
    operatingSystem: string,
    architecture: string,
    swap: any,
  }),
  images: list(struct(`${CORE}.ContainerImage`, { names: list(string), sizeBytes: int64 })),
  volumesInUse: list(string),
  volumesAttached: list(any),
  config: any,
  runtimeHandlers: list(any),
  features: any,
  declaredFeatures: list(string),
});

export const node = kindSchema(`${CORE}.Node`, { spec: nodeSpec, status: nodeStatus });

const eventSource = struct(`${CORE}.EventSource`, { component: string, host: string });

export const coreEvent = kindSchema(
  `${CORE}.Event`,
  {
    involvedObject: objectReference,
    reason: string,
    message: string,
    source: eventSource,
    firstTimestamp: time,
    lastTimestamp: time,
    count: int32,
    type: string,
    eventTime: microTime,
    series: struct(`${CORE}.EventSeries`, { count: int32, lastObservedTime: microTime }),
    action: string,
    related: objectReference,
    reportingComponent: string,
    reportingInstance: string,
  },
  ['metadata', 'involvedObject'],
);

const EVENTS = 'io.k8s.api.events.v1';

export const event = kindSchema(
  `${EVENTS}.Event`,
  {
    eventTime: microTime,
    series: struct(`${EVENTS}.EventSeries`, { count: int32, lastObservedTime: microTime }),
    reportingController: string,
    reportingInstance: string,
    action: string,
    reason: string,
    regarding: objectReference,
    related: objectReference,
    note: string,
    type: string,
    deprecatedSource: eventSource,
    deprecatedFirstTimestamp: time,
    deprecatedLastTimestamp: time,
    deprecatedCount: int32,
  },
  ['eventTime'],
);

export const lease = kindSchema('io.k8s.api.coordination.v1.Lease', {
  spec: struct('io.k8s.api.coordination.v1.LeaseSpec', {
    holderIdentity: string,
    leaseDurationSeconds: int32,
    acquireTime: microTime,
    renewTime: microTime,
    leaseTransitions: int32,
    strategy: string,
    preferredHolder: string,
  }),
});

const RBAC = 'io.k8s.api.rbac.v1';

const rules = list(
  struct(`${RBAC}.PolicyRule`, {
    verbs: list(string),
    apiGroups: list(string),
    resources: list(string),
    resourceNames: list(string),
    nonResourceURLs: list(string),
  }),
);
const subjects = list(struct(`${RBAC}.Subject`, { kind: string, apiGroup: string, name: string, namespace: string }));
const roleRef = struct(`${RBAC}.RoleRef`, { apiGroup: string, kind: string, name: string });

export const role = kindSchema(`${RBAC}.Role`, { rules });
export const clusterRole = kindSchema(`${RBAC}.ClusterRole`, {
  rules,
  aggregationRule: any,
});
export const roleBinding = kindSchema(`${RBAC}.RoleBinding`, { subjects, roleRef }, ['roleRef']);
export const clusterRoleBinding = kindSchema(`${RBAC}.ClusterRoleBinding`, { subjects, roleRef }, ['roleRef']);

const AUTHORIZATION = 'io.k8s.api.authorization.v1';

export const selfSubjectAccessReview = kindSchema(
  `${AUTHORIZATION}.SelfSubjectAccessReview`,
  {
    spec: struct(`${AUTHORIZATION}.SelfSubjectAccessReviewSpec`, {
      resourceAttributes: struct(`${AUTHORIZATION}.ResourceAttributes`, {
        namespace: string,
        verb: string,
        group: string,
        version: string,
        resource: string,
        subresource: string,
        name: string,
        fieldSelector: any,
        labelSelector: any,
      }),
      nonResourceAttributes: struct(`${AUTHORIZATION}.NonResourceAttributes`, { path: string, verb: string }),
    }),
  },
  ['spec'],
);

export const selfSubjectRulesReview = kindSchema(`${AUTHORIZATION}.SelfSubjectRulesReview`, {
  spec: struct(`${AUTHORIZATION}.SelfSubjectRulesReviewSpec`, { namespace: string }),
});

export const tokenRequest = kindSchema('io.k8s.api.authentication.v1.TokenRequest', {
  spec: struct('io.k8s.api.authentication.v1.TokenRequestSpec', {
    audiences: list(string),
    expirationSeconds: int64,
    boundObjectRef: any,
  }),
});
