/** `kubevip expose`: writes the Service, sees it through every stage, and tries what it promises. */
import type { Cluster } from '../../kube/client.ts';
import { isApiError } from '../../kube/errors.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Service } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { follow, type Follower } from '../follow.ts';
import { goneBy, type GoneOptions } from '../gone.ts';
import type { Reachability } from '../reachability.ts';
import { done, warning, type Step } from '../steps.ts';
import { hintsFor } from '../stages.ts';
import { ESSENTIAL } from './judge.ts';
import type { Plan } from './plan.ts';
import type { ExposeRequest } from './request.ts';
import { endpointsOf, ExposeError, resultOf, type Endpoint, type ExposeResult } from './result.ts';
import { verify } from './verify.ts';
import { waitForStages, type Waited } from './wait.ts';

export interface ExposeParts {
  readonly cluster: Pick<Cluster, 'resource'>;
  readonly clock: Clock;
  readonly reach: Reachability;
  /** Ctrl-C. */
  readonly signal?: AbortSignal;
}

/**
 * @throws ExposeError STAGE_FAILED (1), TIMED_OUT (5), PARTIAL (6); KubevipError NO_AGENT, NO_SUCH_FAMILY, INTERRUPTED;
 * ApiError
 */
export async function* carryOut(plan: Plan, parts: ExposeParts): AsyncGenerator<Step, ExposeResult> {
  const { cluster, clock, signal } = parts;
  const { request, service: wanted } = plan;
  const { name } = wanted.metadata;
  const label = `Service ${request.namespace}/${name}`;
  const deadline = clock.now() + request.timeout;
  for (const text of plan.warnings) yield warning(text);
  if (plan.leaving) {
    yield done(`${label} is just being removed: waiting until it is gone`);
    await waitUntilGone(cluster, plan.leaving, { clock, deadline, signal });
  }
  const written = await write(cluster, plan, signal);
  const created = plan.existing === undefined;
  yield done(created ? `${label} created` : `${label} changed`);
  const oneFamily = missingFamily(request, written);
  if (oneFamily !== undefined) yield warning(oneFamily);
  let finished = false;
  const where = { namespace: request.namespace, name };
  const follower = await follow(cluster.resource('Service'), where, { clock, signal }).catch((error: unknown) => {
    throw isAborted(signal) ? interrupted(label, name, created) : error;
  });
  try {
    const waited = yield* waitForStages(follower, { cluster, clock, deadline, before: plan.existing, signal });
    finished = ESSENTIAL.every((stage) => waited.stages.some((view) => view.stage === stage && view.state === 'ready'));
    if (isAborted(signal)) {
      finished = true;
      throw interrupted(label, name, created);
    }
    const endpoints = await verify(endpointsOf(waited.service, waited.stages), { ...parts, deadline: deadline + 5000 });
    const result = resultOf(waited.service, created, waited.stages, endpoints);
    if (isAborted(signal)) throw interrupted(label, name, created);
    throwIfShort(result, waited, request);
    return result;
  } finally {
    // Whoever made a Service that leads nowhere takes it away again; one that was there before stays.
    if (created && !finished && !request.keep) yield* takeBack(cluster, written, follower, label, clock);
    follower.close();
  }
}

/** What `--family dual` comes to where the cluster has one family for Services. */
function missingFamily({ family }: ExposeRequest, { spec }: Service): string | undefined {
  const [only, other] = spec.ipFamilies ?? [];
  if (family !== 'dual' || only === undefined || other !== undefined) return undefined;
  return `this cluster has only ${only} for Services: the Service gets no other address`;
}

/** A call, so that the compiler does not take the first answer for the last. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

async function write(
  cluster: Pick<Cluster, 'resource'>,
  plan: Plan,
  signal: AbortSignal | undefined,
): Promise<Service> {
  const services = cluster.resource('Service');
  try {
    if (plan.existing === undefined) return await services.create(plan.service, { signal });
    const { name, namespace } = plan.existing.metadata;
    const how = { type: 'merge', fieldManager: 'kubevip-cli', signal } as const;
    return await services.patch({ name, namespace }, plan.patch, how);
  } catch (error) {
    if (!isApiError(error, 'INVALID') || !error.fields.some((field) => field.startsWith('spec.ipFamil'))) throw error;
    throw new KubevipError('this cluster does not have that IP family for Services', {
      code: 'NO_SUCH_FAMILY',
      hints: [
        'Ask for an address of the other family, or for --family dual, which takes what there is.',
        'The cluster’s families are those of --service-cluster-ip-range of its API server.',
      ],
      cause: error,
    });
  }
}

async function* takeBack(
  cluster: Pick<Cluster, 'resource'>,
  written: Service,
  follower: Follower<Service>,
  label: string,
  clock: Clock,
): AsyncGenerator<Step, void> {
  const { name, namespace, uid } = written.metadata;
  if (follower.current === undefined) return;
  try {
    await cluster.resource('Service').delete({ name, namespace }, { uid });
  } catch (error) {
    if (!isApiError(error)) throw error;
    if (error.code !== 'NOT_FOUND') yield warning(`${label} could not be removed again: ${error.message}`);
    return;
  }
  if (await goneBy(follower, uid, { clock, deadline: clock.now() + UNDO })) yield done(`${label} removed again`);
  else yield warning(`${label} is still being removed: \`kubevip status ${name}\` shows what holds it up`);
}

const UNDO: Milliseconds = 10_000;

/** @throws KubevipError STILL_LEAVING */
async function waitUntilGone(
  cluster: Pick<Cluster, 'resource'>,
  leaving: Service,
  options: GoneOptions,
): Promise<void> {
  const { name, namespace = 'default', uid } = leaving.metadata;
  const follower = await follow(cluster.resource('Service'), { namespace, name }, options);
  try {
    if (await goneBy(follower, uid, options)) return;
  } finally {
    follower.close();
  }
  throw new KubevipError(`the earlier Service ${namespace}/${name} is still being removed`, {
    code: 'STILL_LEAVING',
    exit: EXIT.timeout,
    hints: [`\`kubevip status ${name}\` shows what holds it up.`],
  });
}

/** @throws ExposeError unless everything holds and answers. */
function throwIfShort(result: ExposeResult, { stuck, after: waited }: Waited, { keep }: ExposeRequest): void {
  const silent = result.endpoints.filter(({ verified }) => verified === 'no');
  if (stuck === undefined) {
    if (silent.length > 0) throw unanswered(result, silent);
    return;
  }
  const essential = ESSENTIAL.includes(stuck.stage);
  const waiting = stuck.state === 'waiting';
  const time = waited === undefined ? '' : `${Math.round(waited / 1000)} s`;
  const what = waiting ? `is not ready after ${time}` : time === '' ? 'failed' : `has failed for ${time}`;
  throw new ExposeError(
    `stage ${stuck.stage} ${what}: ${stuck.reason}: ${stuck.message}`,
    {
      code: essential ? (waiting ? 'TIMED_OUT' : 'STAGE_FAILED') : 'PARTIAL',
      exit: essential ? (waiting ? EXIT.timeout : EXIT.failed) : EXIT.partial,
      hints: [
        ...hintsFor(stuck.stage, stuck.reason),
        // Of a Service that is taken away again there is nothing to see.
        ...(essential && result.created && !keep ? [] : [`\`kubevip status ${result.service}\` shows how it goes on.`]),
      ],
    },
    result,
  );
}

function unanswered(result: ExposeResult, silent: readonly Endpoint[]): ExposeError {
  const first = silent[0];
  return new ExposeError(
    `every stage is ready, but ${first?.url ?? 'it'} ${first?.note ?? 'does not answer'}`,
    {
      code: 'NO_ANSWER',
      exit: EXIT.partial,
      hints: [
        first?.scope === 'name'
          ? 'Does multicast get through to this machine? `kubevip discover` shows what it hears.'
          : `Are the pods ready? kubectl -n ${result.namespace} get endpointslices -l kubernetes.io/service-name=${result.service}`,
      ],
    },
    result,
  );
}

function interrupted(label: string, name: string, created: boolean): KubevipError {
  return new KubevipError(`interrupted: ${label} stays as it is, and the agents go on with it`, {
    code: 'INTERRUPTED',
    exit: EXIT.interrupted,
    hints: created ? [`Take it back with: kubevip unexpose ${name}`] : [`See it with: kubevip status ${name}`],
  });
}
