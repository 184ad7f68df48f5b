/**
 * `kubevip uninstall`: the agents give back what they made on the LAN and on the router, and only then everything is
 * removed from the cluster. The control plane's address goes last, since we may be talking by way of it. What kubelet starts
 * from a file of its node stays, and is said.
 */
import { readAssigned } from '../../exposure/address/assigned.ts';
import { CLUSTER_RECORD, STATIC_POD } from '../../cluster/names.ts';
import { withoutServices } from '../../cluster/record.ts';
import { presenceNameOf } from '../../exposure/ownership/names.ts';
import type { Cluster } from '../../kube/client.ts';
import { isApiError } from '../../kube/errors.ts';
import type { Kind } from '../../kube/kinds.ts';
import { controlPlaneAccount } from '../../manifests/control-plane-daemon-set.ts';
import {
  BGP_SECRET,
  CONTROL_PLANE_LEASE,
  CONTROL_PLANE_NAME,
  FIELD_MANAGER,
  HEARTBEAT_SECRET,
  NAME,
  NAMESPACE,
} from '../../manifests/names.ts';
import type { AnyManifest } from '../../manifests/objects.ts';
import { controlPlaneRbac, servicesRbac } from '../../manifests/rbac.ts';
import { FINALIZER } from '../../model/annotations.ts';
import { BGP_LEASE_PREFIX } from '../../model/bgp-record.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import { keyOf, type ConfigMap, type DaemonSet, type Service } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { hasConditions } from '../stages.ts';
import { done, stageStep, warning, type Step } from '../steps.ts';
import { agentsOfFiles, refuseOldAgents, servingOf, type AgentOfFile } from './agents-of-files.ts';
import { labelOf } from './objects.ts';
import { until } from './until.ts';

export interface UninstallPlan {
  readonly services: DaemonSet | undefined;
  readonly controlPlane: DaemonSet | undefined;
  /** Agents that stay, since files of their nodes start them; in the order of their nodes. */
  readonly ofFiles: readonly AgentOfFile[];
  /** The record of a cluster of `init`. */
  readonly record: ConfigMap | undefined;
  /** Services that still have something of ours. */
  readonly held: readonly Service[];
  /** For a person, before anything is done. */
  readonly question: string;
}

export interface UninstallParts {
  readonly cluster: Pick<Cluster, 'resource' | 'server'>;
  readonly clock: Clock;
  readonly timeout: Milliseconds;
  /** Do not wait for the agents to give anything back. */
  readonly force: boolean;
  readonly signal?: AbortSignal;
}

export interface UninstallResult {
  readonly removed: readonly string[];
  /** What is left, in a sentence each, with what would take it away. */
  readonly stays: readonly string[];
}

/** @throws KubevipError OLD_AGENTS, OWN_WAY when the connection goes by the address that would go; ApiError */
export async function planUninstall(cluster: UninstallParts['cluster'], signal?: AbortSignal): Promise<UninstallPlan> {
  const sets = cluster.resource('DaemonSet');
  const [ofFiles, record, services, controlPlane, held] = await Promise.all([
    agentsOfFiles(cluster, signal),
    cluster.resource('ConfigMap').find({ name: CLUSTER_RECORD, namespace: NAMESPACE }, { signal }),
    sets.find({ name: NAME, namespace: NAMESPACE }, { signal }),
    sets.find({ name: CONTROL_PLANE_NAME, namespace: NAMESPACE }, { signal }),
    heldServices(cluster, signal),
  ]);
  refuseOldAgents(ofFiles);
  const vip = controlPlane && addressOf(controlPlane);
  const host = new URL(cluster.server).hostname.replace(/^\[|\]$/g, '');
  if (vip?.split(',').includes(host) === true) {
    throw new KubevipError(`the API server is reached at ${host}, which is the address that would go`, {
      code: 'OWN_WAY',
      hints: ['Use a kubeconfig with the address of a node: --kubeconfig FILE.'],
    });
  }
  const parts = [
    `${held.length} ${held.length === 1 ? 'Service loses its address' : 'Services lose their addresses'}`,
    ...(vip === undefined ? [] : [`nobody answers at ${vip} for the API servers any more`]),
    ...(ofFiles.length === 0 ? [] : [`the virtual IP of the control plane stays (${nodesOf(ofFiles)})`]),
  ];
  return { ofFiles, record, services, controlPlane, held, question: `Uninstall kubevip? ${parts.join(', and ')}.` };
}

/** @throws KubevipError TIMED_OUT (5), NO_AGENTS, INTERRUPTED (130); ApiError */
export async function* uninstall(plan: UninstallPlan, parts: UninstallParts): AsyncGenerator<Step, UninstallResult> {
  const removed: string[] = [];
  const serving = servingOf(plan.ofFiles);
  yield* switchOff(plan, parts);
  yield* giveBack(plan, parts);
  yield* remove([daemonSet(NAME)], parts, removed);
  yield* podsGone(NAME, parts);
  const ofWhoStays = new Set(serving.flatMap(({ node }) => [presenceNameOf(node), `${BGP_LEASE_PREFIX}${node}`]));
  const goes = (name: string): boolean =>
    name === SERVICES_LEASE ? serving.length === 0 : name.startsWith(`${NAME}-`) && !ofWhoStays.has(name);
  yield* removeLeases(goes, parts, removed);
  yield* removePools(parts, removed);
  yield* removeRights(serving.length > 0, parts, removed);
  if (plan.controlPlane !== undefined) {
    yield* remove([daemonSet(CONTROL_PLANE_NAME)], parts, removed);
    yield* podsGone(CONTROL_PLANE_NAME, parts);
    yield* removeLeases((name) => name === CONTROL_PLANE_LEASE, parts, removed);
    const rights = controlPlaneRbac({ serviceAccount: CONTROL_PLANE_NAME });
    yield* remove([...rights.toReversed(), controlPlaneAccount()], parts, removed);
  }
  // Agents that stay would make it again, with the key that they have.
  if (plan.ofFiles.length === 0) yield* removeKey(parts, removed);
  const stays = plan.ofFiles.length === 0 ? [] : staying(plan.ofFiles);
  if (removed.length === 0 && stays.length === 0) yield done('Nothing of kubevip is in this cluster');
  for (const sentence of stays) yield warning(sentence);
  return { removed, stays };
}

/** kube-vip's Lease, which our allocating agent holds as `NODE_kubevip`. */
const SERVICES_LEASE = 'plndr-svcs-lock';

function daemonSet(name: string): Pick<AnyManifest, 'kind' | 'metadata'> {
  return { kind: 'DaemonSet', metadata: { name, namespace: NAMESPACE } };
}

function addressOf({ spec }: DaemonSet): string | undefined {
  const env = spec.template.spec.containers.flatMap((container) => container.env ?? []);
  return env.find(({ name }) => name === 'address')?.value;
}

async function heldServices(
  cluster: Pick<Cluster, 'resource'>,
  signal: AbortSignal | undefined,
): Promise<readonly Service[]> {
  const { items } = await cluster.resource('Service').list({ namespace: '*' }, { signal });
  return items.filter(
    (service) =>
      readAssigned(service) !== undefined ||
      hasConditions(service) ||
      (service.metadata.finalizers ?? []).includes(FINALIZER),
  );
}

/** Agents of files heed the record of their cluster, and machines that join from now on serve no Services either. */
async function* switchOff(
  { ofFiles, record }: UninstallPlan,
  { cluster, signal }: UninstallParts,
): AsyncGenerator<Step, void> {
  const serving = servingOf(ofFiles);
  if (serving.length === 0 || record === undefined) return;
  const config = withoutServices(record);
  if (config === undefined || record.data?.['config'] === config) return;
  const { resourceVersion } = record.metadata;
  const body = { metadata: { resourceVersion }, data: { config } };
  const ref = { name: CLUSTER_RECORD, namespace: NAMESPACE };
  await cluster.resource('ConfigMap').patch(ref, body, { type: 'merge', fieldManager: FIELD_MANAGER, signal });
  yield done(
    `ConfigMap ${NAMESPACE}/${CLUSTER_RECORD} says that Services are served no more: ${nodesOf(serving)} heed it`,
  );
}

/** Agents of files go on under their own rights, and without a ServiceAccount. */
async function* removeRights(someStay: boolean, parts: UninstallParts, removed: string[]): AsyncGenerator<Step, void> {
  const rights = servicesRbac().toReversed();
  if (!someStay) return yield* remove(rights, parts, removed);
  const { cluster, signal } = parts;
  for (const object of servicesRbac({ bgp: true, onControlPlanes: 'alone' })) {
    const { name, namespace } = object.metadata;
    const options = { type: 'apply', fieldManager: FIELD_MANAGER, force: true, signal } as const;
    await cluster.resource(object.kind).patch({ name, namespace }, object, options);
  }
  yield* remove(
    rights.filter(({ kind }) => kind === 'ServiceAccount'),
    parts,
    removed,
  );
}

function staying(ofFiles: readonly AgentOfFile[]): string[] {
  const serving = servingOf(ofFiles);
  return [
    `${nodesOf(ofFiles)}: the agent of the control plane’s virtual IP stays, as kubelet starts it from ${STATIC_POD}; \`kubevip reset\` there takes the machine out of the cluster with it`,
    ...(serving.length === 0
      ? []
      : [
          `${nodesOf(serving)}: for that agent stay its rights (Roles ${NAME} and system:${NAME}), its Leases, and what it is told by (ConfigMap ${CLUSTER_RECORD}, Secrets ${HEARTBEAT_SECRET} and ${BGP_SECRET}); \`kubevip init\` on the first control plane serves Services again`,
        ]),
  ];
}

function nodesOf(agents: readonly AgentOfFile[]): string {
  return agents.map(({ node }) => node).join(', ');
}

/** The agents restart with `svc_withdraw`, all at once, and take everything back from the Services. */
async function* giveBack(plan: UninstallPlan, parts: UninstallParts): AsyncGenerator<Step, void> {
  const { cluster, clock, timeout, force, signal } = parts;
  if (plan.held.length === 0) return;
  if (force) {
    yield* abandon(plan.held, parts);
    return;
  }
  const serving = servingOf(plan.ofFiles);
  if (plan.services === undefined && serving.length === 0) {
    throw new KubevipError(`${plan.held.length} Services have something of ours, and there are no agents to undo it`, {
      code: 'NO_AGENTS',
      hints: [
        'Run `kubevip install`, and then this again.',
        '--force goes on without: leases and router ports run out by themselves, names within two hours.',
      ],
    });
  }
  const patch = {
    spec: {
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '100%' } },
      template: { spec: { containers: [{ name: 'agent', env: [{ name: 'svc_withdraw', value: 'true' }] }] } },
    },
  };
  if (plan.services !== undefined) {
    await cluster
      .resource('DaemonSet')
      .patch({ name: NAME, namespace: NAMESPACE }, patch, { type: 'strategic', fieldManager: FIELD_MANAGER, signal });
  }
  yield stageStep('services', 'waiting', 'Withdrawing', countOf(plan.held));
  let left = plan.held;
  const empty = await until(async () => (left = await heldServices(cluster, signal)).length === 0, {
    clock,
    timeout,
    signal,
  });
  if (!empty) {
    const names = left.map(keyOf).slice(0, 5).join(', ');
    throw new KubevipError(`${countOf(left)} still there after ${timeout / 1000} s: ${names}`, {
      code: 'TIMED_OUT',
      exit: EXIT.timeout,
      hints: ['The agents go on: `kubevip status -A` shows what is left, and the same command goes on from here.'],
    });
  }
  yield stageStep('services', 'ready', 'Withdrawn', 'no Service has anything of kubevip any more');
}

function countOf(services: readonly Service[]): string {
  return `what ${services.length} ${services.length === 1 ? 'Service has' : 'Services have'} of kubevip is`;
}

/** Services must not wait for ever for an agent that does not come: their finalizer goes. */
async function* abandon(held: readonly Service[], { cluster, signal }: UninstallParts): AsyncGenerator<Step, void> {
  for (const service of held) {
    const { name, namespace, finalizers = [], resourceVersion } = service.metadata;
    if (finalizers.includes(FINALIZER)) {
      const body = { metadata: { resourceVersion, finalizers: finalizers.filter((one) => one !== FINALIZER) } };
      await cluster.resource('Service').patch({ name, namespace }, body, { type: 'merge', signal });
    }
    yield warning(`Service ${keyOf(service)}: its lease, router ports and names run out by themselves`);
  }
}

async function* remove(
  objects: readonly Pick<AnyManifest, 'kind' | 'metadata'>[],
  { cluster, signal }: UninstallParts,
  removed: string[],
): AsyncGenerator<Step, void> {
  for (const object of objects) {
    const { name, namespace } = object.metadata;
    if (!(await deleted(cluster, object.kind, { name, namespace }, signal))) continue;
    const label = labelOf(object as AnyManifest);
    removed.push(label);
    yield done(`${label} removed`);
  }
}

/** False: it was not there. */
async function deleted(
  cluster: Pick<Cluster, 'resource'>,
  kind: Kind,
  ref: { readonly name: string; readonly namespace: string | undefined },
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await cluster.resource(kind).delete(ref, { signal });
    return true;
  } catch (error) {
    if (isApiError(error, 'NOT_FOUND')) return false;
    throw error;
  }
}

/** An agent that ends takes its addresses and rules off the node: the rights that it needs for that stay until then. */
async function* podsGone(
  name: string,
  { cluster, clock, timeout, signal }: UninstallParts,
): AsyncGenerator<Step, void> {
  const labelSelector = `app.kubernetes.io/name=${name}`;
  const list = () => cluster.resource('Pod').list({ namespace: NAMESPACE, labelSelector }, { signal });
  // Mirrors of static pods have the label too, and go with the node's file only.
  const left = async (): Promise<number> =>
    (await list()).items.filter(({ metadata }) => metadata.annotations?.['kubernetes.io/config.mirror'] === undefined)
      .length;
  if (await until(async () => (await left()) === 0, { clock, timeout, signal })) return;
  yield warning(
    `agents are still ending after ${timeout / 1000} s: kubectl -n ${NAMESPACE} get pods -l ${labelSelector}`,
  );
}

async function* removeLeases(
  which: (name: string) => boolean,
  { cluster, signal }: UninstallParts,
  removed: string[],
): AsyncGenerator<Step, void> {
  const { items } = await cluster.resource('Lease').list({ namespace: NAMESPACE }, { signal });
  const ours = items.filter(({ metadata, spec }) => {
    if (!which(metadata.name)) return false;
    // A kube-vip may have it.
    const holder = spec?.holderIdentity ?? '';
    return metadata.name !== SERVICES_LEASE || holder === '' || holder.endsWith('_kubevip');
  });
  let count = 0;
  for (const { metadata } of ours) {
    if (!(await deleted(cluster, 'Lease', { name: metadata.name, namespace: NAMESPACE }, signal))) continue;
    removed.push(`Lease ${NAMESPACE}/${metadata.name}`);
    count++;
  }
  if (count > 0) yield done(`${count} ${count === 1 ? 'Lease' : 'Leases'} removed`);
}

/** Of the heartbeats. */
async function* removeKey({ cluster, signal }: UninstallParts, removed: string[]): AsyncGenerator<Step, void> {
  if (!(await deleted(cluster, 'Secret', { name: HEARTBEAT_SECRET, namespace: NAMESPACE }, signal))) return;
  removed.push(`Secret ${NAMESPACE}/${HEARTBEAT_SECRET}`);
  yield done(`Secret ${NAMESPACE}/${HEARTBEAT_SECRET} removed`);
}

/** What we applied goes; keys that others wrote stay, and the ConfigMap with them. */
async function* removePools({ cluster, signal }: UninstallParts, removed: string[]): AsyncGenerator<Step, void> {
  const configMaps = cluster.resource('ConfigMap');
  const ref = { name: NAME, namespace: NAMESPACE };
  if ((await configMaps.find(ref, { signal })) === undefined) return;
  const nothing = { apiVersion: 'v1', kind: 'ConfigMap', metadata: ref };
  const left = await configMaps.patch(ref, nothing, {
    type: 'apply',
    fieldManager: FIELD_MANAGER,
    force: true,
    signal,
  });
  const label = `ConfigMap ${NAMESPACE}/${NAME}`;
  if (Object.keys(left.data ?? {}).length > 0) {
    yield warning(`${label} stays: its keys were not written by kubevip install`);
    return;
  }
  if (!(await deleted(cluster, 'ConfigMap', ref, signal))) return;
  removed.push(label);
  yield done(`${label} removed`);
}
