/** `kubevip install`: the agents into a cluster that is there already, and waiting until they run. */
import type { Cluster } from '../../kube/client.ts';
import { FIELD_MANAGER } from '../../manifests/names.ts';
import type { AnyManifest, DaemonSetManifest } from '../../manifests/objects.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { done, warning, type Step } from '../steps.ts';
import { refuseBgpOfInit } from './by-init.ts';
import { labelOf } from './objects.ts';
import { runsEverywhere } from './running.ts';

export interface InstallParts {
  readonly cluster: Pick<Cluster, 'resource' | 'version'>;
  readonly clock: Clock;
  /** Until the agents run. */
  readonly timeout: Milliseconds;
  readonly signal?: AbortSignal;
}

export interface InstallResult {
  /** `gitVersion` of the API server. */
  readonly cluster: string;
  readonly applied: readonly string[];
  /** Nodes that run an agent, by DaemonSet. */
  readonly running: Readonly<Record<string, number>>;
}

/** Again and again: what is there already stays, what differs is changed. @throws ApiError; KubevipError TIMED_OUT (5), MADE_BY_INIT (2) */
export async function* install(
  objects: readonly AnyManifest[],
  parts: InstallParts,
): AsyncGenerator<Step, InstallResult> {
  const { cluster, signal } = parts;
  const version = await cluster.version({ signal });
  await refuseBgpOfInit(cluster, signal);
  yield* rivals(parts);
  const applied: string[] = [];
  for (const object of objects) {
    await apply(object, parts, false);
    applied.push(labelOf(object));
    yield done(`${labelOf(object)} applied`);
  }
  const running: Record<string, number> = {};
  for (const { metadata } of objects.filter((object): object is DaemonSetManifest => object.kind === 'DaemonSet'))
    running[metadata.name] = yield* runsEverywhere(metadata, parts);
  return { cluster: version, applied, running };
}

/** What the API server would say of every object; nothing is kept. @throws ApiError */
export async function* tryInstall(
  objects: readonly AnyManifest[],
  parts: Pick<InstallParts, 'cluster' | 'signal'>,
): AsyncGenerator<Step, void> {
  await refuseBgpOfInit(parts.cluster, parts.signal);
  for (const object of objects) {
    await apply(object, parts, true);
    yield done(`${labelOf(object)} would be applied`);
  }
}

async function apply(
  object: AnyManifest,
  { cluster, signal }: Pick<InstallParts, 'cluster' | 'signal'>,
  dryRun: boolean,
): Promise<void> {
  if (signal?.aborted === true) {
    throw new KubevipError('interrupted: what was applied stays', {
      code: 'INTERRUPTED',
      exit: EXIT.interrupted,
      hints: ['The same command goes on; `kubevip uninstall` takes it back.'],
    });
  }
  const { name, namespace } = object.metadata;
  // Ours by name: whoever changed these fields meanwhile asks for what `install` was just asked for.
  const options = { type: 'apply', fieldManager: FIELD_MANAGER, force: true, dryRun, signal } as const;
  await cluster.resource(object.kind).patch({ name, namespace }, object, options);
}

/** Labels and names by which others are known that answer for the same addresses. */
async function* rivals({ cluster, signal }: InstallParts): AsyncGenerator<Step, void> {
  const { items } = await cluster.resource('DaemonSet').list({ namespace: '*' }, { signal });
  const has = (test: (name: string, labels: Readonly<Record<string, string>>) => boolean): boolean =>
    items.some(({ metadata }) => test(metadata.name, metadata.labels ?? {}));
  if (has((_, labels) => labels['svccontroller.k3s.cattle.io/svcname'] !== undefined)) {
    yield warning(
      'k3s’s own load balancer (servicelb) serves Services here, too, with the addresses of the nodes: start k3s with --disable servicelb',
    );
  }
  if (has((name) => name === 'kube-vip-ds'))
    yield warning('kube-vip runs here as DaemonSet kube-vip-ds: docs/guides/kubectl.md says how to change over');
  if (has((_, labels) => labels['app.kubernetes.io/name'] === 'metallb' || labels['app'] === 'metallb'))
    yield warning('MetalLB runs here: give the Services meant for one of the two a loadBalancerClass');
}
