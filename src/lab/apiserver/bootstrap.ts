/** What is there before anybody has made anything: namespaces, the `kubernetes` Service, roles. */
import type { JsonObject } from './json.ts';
import { storageKey, type ApiObject } from './object.ts';
import { inOrder } from './handlers/present.ts';
import type { Backend } from './operations/backend.ts';
import { createObject } from './operations/create.ts';
import { RBAC_GROUP } from './registry/rbac/resources.ts';
import { firstAddress } from './registry/service/ranges.ts';
import { unusualAddress } from './validation/ip-text.ts';

const MANAGER = { manager: 'kube-apiserver' } as const;
const RBAC_VERSION = `${RBAC_GROUP}/v1`;

interface Listener {
  readonly address: string;
  readonly port: number;
}

export interface Wanted {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly [field: string]: unknown;
}

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];

/** The least the agent needs, and nothing more. */
export const AGENT_RULES: readonly JsonObject[] = [
  { apiGroups: [''], resources: ['services'], verbs: [...READ, 'patch', 'update'] },
  { apiGroups: [''], resources: ['services/status'], verbs: ['patch'] },
  { apiGroups: [''], resources: ['nodes', 'configmaps', 'namespaces'], verbs: READ },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: [...READ, ...WRITE] },
  { apiGroups: [''], resources: ['secrets'], resourceNames: ['kubevip-heartbeat'], verbs: READ },
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
];

export const AGENT_ACCOUNT = { namespace: 'kube-system', name: 'kubevip' } as const;

/**
 * Makes what is missing; what is there stays as it is: all that a new cluster has, and what the agent needs.
 * @param listeners where the server listens. Clients in the cluster reach it at the first that is not of loopback.
 */
export function bootstrap(backend: Backend, listeners: readonly Listener[]): void {
  bootstrapCluster(backend, listeners);
  for (const wanted of agent()) ensureExists(backend, wanted);
}

/** Only what every cluster has from its first second. */
export function bootstrapCluster(backend: Backend, listeners: readonly Listener[]): void {
  for (const wanted of [...namespaces(), ...roles(), ...kubernetesService(backend, listeners)])
    ensureExists(backend, wanted);
  for (const { object } of backend.store.list('namespaces')) ensureExists(backend, serviceAccount(object, 'default'));
}

/** Every namespace has an account for pods that name none. */
export function serviceAccount(namespace: ApiObject, name: string): Wanted {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: namespace.metadata.name ?? '' } };
}

function agent(): Wanted[] {
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...AGENT_ACCOUNT } },
    ...clusterRole('kubevip', AGENT_RULES),
    ...bound('kubevip', [{ kind: 'ServiceAccount', ...AGENT_ACCOUNT }]),
  ];
}

export function ensureExists(backend: Backend, wanted: Wanted): void {
  const slash = wanted.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : wanted.apiVersion.slice(0, slash);
  const resource = backend.registry.byKind(group, wanted.apiVersion.slice(slash + 1), wanted.kind);
  if (resource === undefined) throw new Error(`no resource for ${wanted.apiVersion} ${wanted.kind}`);
  const { name, namespace = '' } = wanted.metadata;
  // Asked beforehand: a Service that is there has the address that another of its name would ask for.
  if (backend.store.get(resource.storage, storageKey(namespace, name)) !== undefined) return;
  const object = inOrder(resource, structuredClone(wanted) as unknown as JsonObject);
  createObject(backend, resource, namespace, object, MANAGER);
}

function namespaces(): Wanted[] {
  return ['default', 'kube-system', 'kube-public', 'kube-node-lease'].map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  }));
}

function kubernetesService(backend: Backend, listeners: readonly Listener[]): Wanted[] {
  const reached = listeners.find(({ address }) => unusualAddress(address) === undefined);
  const metadata = { name: 'kubernetes', namespace: 'default' };
  const labels = { component: 'apiserver', provider: 'kubernetes' };
  const [range] = backend.network.clusterCidrs;
  const clusterIP = range === undefined ? '' : firstAddress(range);
  const targetPort = (reached ?? listeners[0])?.port ?? 443;
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, labels },
    spec: {
      clusterIP,
      ipFamilyPolicy: 'SingleStack',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort }],
    },
  };
  if (reached === undefined) return [service];
  const { address, port } = reached;
  return [
    service,
    {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { ...metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': metadata.name } },
      addressType: address.includes(':') ? 'IPv6' : 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    },
  ];
}

function roles(): Wanted[] {
  const discovery = ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*', '/version', '/version/'];
  const health = ['/healthz', '/livez', '/readyz', '/version', '/version/'];
  return [
    ...clusterRole('cluster-admin', [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ]),
    ...bound('cluster-admin', [{ kind: 'Group', name: 'system:masters' }]),
    ...clusterRole('system:discovery', [{ nonResourceURLs: [...discovery, ...health], verbs: ['get'] }]),
    ...bound('system:discovery', [{ kind: 'Group', name: 'system:authenticated' }]),
    ...clusterRole('system:public-info-viewer', [{ nonResourceURLs: health, verbs: ['get'] }]),
    ...bound('system:public-info-viewer', [
      { kind: 'Group', name: 'system:authenticated' },
      { kind: 'Group', name: 'system:unauthenticated' },
    ]),
    ...clusterRole('system:basic-user', [
      {
        apiGroups: ['authorization.k8s.io'],
        resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
        verbs: ['create'],
      },
    ]),
    ...bound('system:basic-user', [{ kind: 'Group', name: 'system:authenticated' }]),
  ];
}

export function clusterRole(name: string, rules: readonly JsonObject[]): Wanted[] {
  return [{ apiVersion: RBAC_VERSION, kind: 'ClusterRole', metadata: { name }, rules }];
}

export function bound(name: string, subjects: readonly JsonObject[]): Wanted[] {
  const roleRef = { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name };
  return [{ apiVersion: RBAC_VERSION, kind: 'ClusterRoleBinding', metadata: { name }, subjects, roleRef }];
}
