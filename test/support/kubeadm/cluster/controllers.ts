/** What kube-controller-manager does that a bootstrap can notice; it works while one of them runs and has a quorum. */
import { createHmac } from 'node:crypto';
import {
  isObject,
  objectAt,
  objectsAt,
  stringAt,
  stringMapAt,
  stringsAt,
  type JsonObject,
} from '../../../../src/lab/apiserver/json.ts';
import { specOf, statusOf, type ApiObject } from '../../../../src/lab/apiserver/object.ts';
import type { Backend } from '../../../../src/lab/apiserver/operations/backend.ts';
import { createObject } from '../../../../src/lab/apiserver/operations/create.ts';
import { deleteObject } from '../../../../src/lab/apiserver/operations/delete.ts';
import { tokenOf } from './identity.ts';
import type { Kubernetes } from './kubernetes.ts';

const EVERY_MS = 200;
/** A node not heard of for so long is unknown; 50 s in the real one. */
const NODE_GRACE_MS = 4000;
const MANAGER = { manager: 'kube-controller-manager' } as const;

/** @returns how to stop */
export function runControllers(cluster: Kubernetes): () => void {
  const timer = setInterval(() => {
    const { backend, activeManager } = cluster;
    if (backend === undefined) return;
    nameApiServers(cluster, backend);
    if (activeManager === undefined) return;
    cleanTokens(backend);
    signClusterInfo(backend);
    judgeNodes(backend);
    placeDaemons(backend);
    giveRanges(backend, activeManager.podRange);
  }, EVERY_MS);
  return () => clearInterval(timer);
}

function tokens({ store }: Backend) {
  return store
    .list('secrets', 'kube-system')
    .filter(({ object }) => object['type'] === 'bootstrap.kubernetes.io/token')
    .map(({ object }) => ({ object, token: tokenOf(stringMapAt(object, 'data')) }));
}

/** The controller `tokencleaner`. What hangs on a token goes with it: the garbage collector sees to that. */
function cleanTokens(backend: Backend): void {
  for (const { object, token } of tokens(backend)) {
    if (token.expires <= backend.now().getTime()) remove(backend, 'secrets', object);
  }
}

function remove(backend: Backend, storage: string, object: ApiObject): void {
  const resource = backend.registry.byStorage(storage);
  if (resource === undefined) return;
  deleteObject(backend, resource, object.metadata.namespace ?? '', object.metadata.name ?? '', {});
}

/** The controller `bootstrapsigner`: one detached signature for each token that may sign. */
function signClusterInfo(backend: Backend): void {
  const { store } = backend;
  const info = store.get('configmaps', 'kube-public/cluster-info')?.object;
  if (info === undefined) return;
  const before = stringMapAt(info, 'data');
  const kept = Object.entries(before).filter(([key]) => !key.startsWith('jws-kubeconfig-'));
  const signatures = tokens(backend)
    .filter(({ token }) => token.usages.includes('signing') && token.expires > backend.now().getTime())
    .map(({ token: { id, secret } }) => [`jws-kubeconfig-${id}`, detached(before['kubeconfig'] ?? '', id, secret)]);
  const data = Object.fromEntries([...kept, ...signatures]) as JsonObject;
  if (sameKeys(data, before) && Object.entries(data).every(([key, value]) => before[key] === value)) return;
  store.put('configmaps', 'kube-public/cluster-info', { ...info, metadata: { ...info.metadata }, data });
}

function sameKeys(one: object, other: object): boolean {
  return Object.keys(one).sort().join() === Object.keys(other).sort().join();
}

function detached(content: string, id: string, secret: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: id })).toString('base64url');
  const payload = Buffer.from(content).toString('base64url');
  return `${header}..${createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url')}`;
}

/** The node life cycle controller: by the Lease that each kubelet renews. */
function judgeNodes({ store, now }: Backend): void {
  for (const { object } of store.list('nodes')) {
    const name = object.metadata.name ?? '';
    const lease = store.get('leases.coordination.k8s.io', `kube-node-lease/${name}`)?.object;
    const renewed = Date.parse(stringAt(lease === undefined ? {} : specOf(lease), 'renewTime'));
    const conditions = objectsAt(statusOf(object), 'conditions');
    const ready = conditions.find((condition) => stringAt(condition, 'type') === 'Ready');
    const silent = !(now().getTime() - renewed < NODE_GRACE_MS);
    if (ready === undefined || !silent || stringAt(ready, 'status') === 'Unknown') continue;
    const unknown = {
      ...ready,
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    };
    const status = { ...statusOf(object), conditions: conditions.map((one) => (one === ready ? unknown : one)) };
    store.put('nodes', name, { ...object, metadata: { ...object.metadata }, status });
  }
}

/** Every node that a DaemonSet tolerates has one pod of it. */
function placeDaemons(backend: Backend): void {
  const { store, registry } = backend;
  const pods = registry.byStorage('pods');
  if (pods === undefined) return;
  const nodes = store.list('nodes').map(({ object }) => object);
  for (const { object: set } of store.list('daemonsets.apps')) {
    const namespace = set.metadata.namespace ?? 'default';
    const template = objectAt(specOf(set), 'template');
    const generation = String(set.metadata.generation ?? 1);
    const own = store
      .list('pods', namespace)
      .map(({ object }) => object)
      .filter((pod) =>
        (pod.metadata.ownerReferences ?? []).some((owner) => isObject(owner) && owner['uid'] === set.metadata.uid),
      );
    for (const node of nodes) {
      const name = node.metadata.name ?? '';
      const here = own.filter((pod) => stringAt(specOf(pod), 'nodeName') === name);
      const current = here.filter((pod) => pod.metadata.labels?.['pod-template-generation'] === generation);
      const wanted = tolerates(objectAt(template, 'spec'), node) && set.metadata.deletionTimestamp === undefined;
      for (const pod of here) {
        if ((!wanted || !current.includes(pod)) && pod.metadata.deletionTimestamp === undefined)
          remove(backend, 'pods', pod);
      }
      if (!wanted || here.length > 0) continue;
      createObject(backend, pods, namespace, daemonPod(set, template, name, generation), MANAGER);
    }
    reportDaemons(backend, set, nodes, own);
  }
}

function daemonPod(set: ApiObject, template: JsonObject, node: string, generation: string): ApiObject {
  const { name = '', namespace = 'default', uid = '' } = set.metadata;
  const labels = { ...stringMapAt(objectAt(template, 'metadata'), 'labels'), 'pod-template-generation': generation };
  const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid, controller: true, blockOwnerDeletion: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${name}-${node}-${generation}`, namespace, labels, ownerReferences: [owner] },
    spec: { ...structuredClone(objectAt(template, 'spec')), nodeName: node },
  };
}

function tolerates(spec: JsonObject, node: ApiObject): boolean {
  const tolerations = objectsAt(spec, 'tolerations');
  const selector = Object.entries(stringMapAt(spec, 'nodeSelector'));
  if (!selector.every(([key, value]) => node.metadata.labels?.[key] === value)) return false;
  if (!isMeantFor(spec, node)) return false;
  return objectsAt(specOf(node), 'taints').every((taint) => {
    const [key, effect] = [stringAt(taint, 'key'), stringAt(taint, 'effect')];
    // A DaemonSet stays on nodes that are not ready.
    if (effect === 'PreferNoSchedule' || key.startsWith('node.kubernetes.io/')) return true;
    return tolerations.some((one) => {
      const [wantedKey, wantedEffect] = [stringAt(one, 'key'), stringAt(one, 'effect')];
      return (wantedKey === '' || wantedKey === key) && (wantedEffect === '' || wantedEffect === effect);
    });
  });
}

/** Of what affinities can say: that a node has a label, or has it not. */
function isMeantFor(spec: JsonObject, { metadata }: ApiObject): boolean {
  const affinity = objectAt(objectAt(spec, 'affinity'), 'nodeAffinity');
  const terms = objectsAt(objectAt(affinity, 'requiredDuringSchedulingIgnoredDuringExecution'), 'nodeSelectorTerms');
  const holds = (one: JsonObject): boolean => {
    const isThere = metadata.labels?.[stringAt(one, 'key')] !== undefined;
    const operator = stringAt(one, 'operator');
    if (operator !== 'Exists' && operator !== 'DoesNotExist') throw new TypeError(`${operator} is not known here`);
    return isThere === (operator === 'Exists');
  };
  return terms.length === 0 || terms.some((term) => objectsAt(term, 'matchExpressions').every(holds));
}

function reportDaemons(
  { store }: Backend,
  set: ApiObject,
  nodes: readonly ApiObject[],
  pods: readonly ApiObject[],
): void {
  const ready = pods.filter((pod) =>
    objectsAt(statusOf(pod), 'conditions').some(
      (one) => stringAt(one, 'type') === 'Ready' && stringAt(one, 'status') === 'True',
    ),
  ).length;
  const desired = nodes.filter((node) => tolerates(objectAt(objectAt(specOf(set), 'template'), 'spec'), node)).length;
  const status = {
    currentNumberScheduled: pods.length,
    numberMisscheduled: 0,
    desiredNumberScheduled: desired,
    numberReady: ready,
    numberAvailable: ready,
    updatedNumberScheduled: pods.length,
    observedGeneration: set.metadata.generation ?? 1,
  };
  if (JSON.stringify(status) === JSON.stringify(statusOf(set))) return;
  const key = `${set.metadata.namespace ?? ''}/${set.metadata.name ?? ''}`;
  store.put('daemonsets.apps', key, { ...set, metadata: { ...set.metadata }, status });
}

/** Each node gets a /24 of the pod network. */
function giveRanges({ store }: Backend, podRange: string): void {
  const [, a, b] = /^(\d+)\.(\d+)\./.exec(podRange) ?? [];
  if (a === undefined || b === undefined) return;
  const nodes = store.list('nodes').map(({ object }) => object);
  const taken = new Set(nodes.map((node) => stringAt(specOf(node), 'podCIDR')));
  for (const node of nodes) {
    if (stringAt(specOf(node), 'podCIDR') !== '') continue;
    let index = 0;
    while (taken.has(`${a}.${b}.${index}.0/24`)) index++;
    const podCIDR = `${a}.${b}.${index}.0/24`;
    taken.add(podCIDR);
    const spec = { ...specOf(node), podCIDR, podCIDRs: [podCIDR] };
    store.put('nodes', node.metadata.name ?? '', { ...node, metadata: { ...node.metadata }, spec });
  }
}

/** API servers enter themselves behind the Service `kubernetes`, and take each other off. */
function nameApiServers(cluster: Kubernetes, { store }: Backend): void {
  const servers = [...cluster.apiServers.values()].filter(({ node }) => cluster.canServe(node));
  const slice = store.get('endpointslices.discovery.k8s.io', 'default/kubernetes')?.object;
  const addresses = servers.map(({ advertiseAddress }) => advertiseAddress).sort();
  if (slice === undefined || addresses.length === 0) return;
  const known = objectsAt(slice, 'endpoints').flatMap((endpoint) => stringsAt(endpoint, 'addresses'));
  if (known.join() === addresses.join()) return;
  const endpoints = addresses.map((address) => ({ addresses: [address], conditions: { ready: true } }));
  const changed = { ...slice, metadata: { ...slice.metadata }, endpoints };
  store.put('endpointslices.discovery.k8s.io', 'default/kubernetes', changed);
  const old = store.get('endpoints', 'default/kubernetes')?.object;
  if (old === undefined) return;
  const [subset] = objectsAt(old, 'subsets');
  const subsets = [{ ...subset, addresses: addresses.map((ip) => ({ ip })) }];
  store.put('endpoints', 'default/kubernetes', { ...old, metadata: { ...old.metadata }, subsets });
}
