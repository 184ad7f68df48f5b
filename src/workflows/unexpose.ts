/** `kubevip unexpose`: takes a Service off the LAN, and waits until nothing of it is left there. */
import { readAssigned } from '../exposure/address/assigned.ts';
import { leasesOf } from '../exposure/address/leased.ts';
import { DEFAULT_CLASS_RULES, readIntent } from '../exposure/intent/intent.ts';
import { readRecords } from '../exposure/router/records.ts';
import type { Cluster } from '../kube/client.ts';
import { isApiError } from '../kube/errors.ts';
import { FINALIZER, KEY } from '../model/annotations.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import type { Service } from '../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../model/time.ts';
import { publishedNames } from './expose/judge.ts';
import { MANAGED_BY } from './expose/service.ts';
import { follow, type Follower } from './follow.ts';
import { hasConditions } from './stages.ts';
import { done, stageStep, type Step } from './steps.ts';

export interface UnexposePlan {
  readonly service: Service;
  /** Type to go back to; undefined: the Service is deleted. */
  readonly backTo?: string;
  /** We delete what somebody else made: worth a question. */
  readonly question?: string;
}

export interface UnexposeResult {
  readonly namespace: string;
  readonly service: string;
  readonly deleted: boolean;
  /** What was there, and is no more. */
  readonly undone: readonly Held[];
}

export interface UnexposeParts {
  readonly cluster: Pick<Cluster, 'resource'>;
  readonly clock: Clock;
  readonly timeout: Milliseconds;
  readonly signal?: AbortSignal;
}

/** @throws KubevipError NO_SUCH_SERVICE, NOT_EXPOSED; ApiError. Nothing is written. */
export async function planUnexposure(
  cluster: Pick<Cluster, 'resource'>,
  request: { readonly namespace: string; readonly name: string; readonly keepService: boolean },
  signal?: AbortSignal,
): Promise<UnexposePlan> {
  const { namespace, name, keepService } = request;
  const service = await cluster.resource('Service').find({ namespace, name }, { signal });
  if (!service) {
    throw new KubevipError(`there is no Service ${name} in namespace ${namespace}`, {
      code: 'NO_SUCH_SERVICE',
      hints: ['`kubevip status -A` lists what is exposed.'],
    });
  }
  const exposed = service.metadata.annotations?.[KEY.exposed];
  const made = exposed === 'created' || service.metadata.labels?.[MANAGED_BY.key] === MANAGED_BY.value;
  const intent = readIntent(service, DEFAULT_CLASS_RULES);
  if (exposed === undefined && !made && intent.state !== 'ready') {
    throw new KubevipError(`Service ${namespace}/${name} is not exposed by kubevip: ${intent.message}`, {
      code: 'NOT_EXPOSED',
      hints: ['If it shall go all the same: kubectl delete service NAME'],
    });
  }
  const before = exposed !== undefined && exposed !== 'created' ? exposed : undefined;
  if (before !== undefined || keepService) return { service, backTo: before ?? 'ClusterIP' };
  return {
    service,
    ...(made ? {} : { question: `Service ${namespace}/${name} was not made by kubevip expose. Delete it?` }),
  };
}

/** @throws KubevipError TIMED_OUT (5) naming what hangs, INTERRUPTED (130); ApiError */
export async function* unexpose(plan: UnexposePlan, parts: UnexposeParts): AsyncGenerator<Step, UnexposeResult> {
  const { cluster, clock, timeout, signal } = parts;
  const { name, namespace = 'default', uid } = plan.service.metadata;
  const label = `Service ${namespace}/${name}`;
  const deadline = clock.now() + timeout;
  const follower = await follow(cluster.resource('Service'), { namespace, name }, { clock, signal });
  try {
    const undone = heldBy(plan.service);
    for (const { stage, what } of undone) yield stageStep(stage, 'waiting', 'Withdrawing', what);
    await write(plan, parts);
    const isOpen = (): boolean =>
      plan.backTo === undefined ? isThere(follower, uid) : isThere(follower, uid) && isHeld(follower.current);
    let open = undone;
    for (;;) {
      const left = isOpen() && follower.current ? heldBy(follower.current) : [];
      const gone = open.filter((held) => !left.some(({ what }) => what === held.what));
      for (const { stage, what } of gone) yield stageStep(stage, 'ready', 'Withdrawn', `${what}: gone`);
      open = open.filter((held) => !gone.includes(held));
      if (!isOpen()) break;
      if (signal?.aborted === true) throw interrupted(label);
      if (clock.now() >= deadline) throw hangs(label, name, follower.current, open, timeout);
      await follower.news(deadline - clock.now());
    }
    yield done(plan.backTo === undefined ? `${label} deleted` : `${label} is of type ${plan.backTo} again`);
    return { namespace, service: name, deleted: plan.backTo === undefined, undone };
  } finally {
    follower.close();
  }
}

/** Something of a Service outside the cluster. */
export interface Held {
  readonly stage: 'name' | 'router' | 'lease' | 'address';
  /** For people. */
  readonly what: string;
}

function heldBy(service: Service): Held[] {
  const assigned = readAssigned(service);
  return [
    ...publishedNames(service).map((name): Held => ({ stage: 'name', what: name })),
    ...readRecords(service).map((record): Held => ({
      stage: 'router',
      what: `${record.protocol} port ${record.externalPort} of router ${record.gateway}`,
    })),
    ...leasesOf(assigned).map(({ ip, server }): Held => ({ stage: 'lease', what: `lease of ${ip} from ${server}` })),
    ...(assigned?.ips ?? []).map((ip): Held => ({ stage: 'address', what: ip })),
  ];
}

async function write(plan: UnexposePlan, { cluster, signal }: UnexposeParts): Promise<void> {
  const { name, namespace, uid, annotations } = plan.service.metadata;
  const services = cluster.resource('Service');
  try {
    if (plan.backTo === undefined) {
      await services.delete({ name, namespace }, { uid, signal });
      return;
    }
    const asked = [
      KEY.router,
      KEY.mdns,
      KEY.dhcp,
      KEY.pool,
      KEY.exposed,
      ...(isOurWish(plan.service) ? [KEY.loadBalancerIPs] : []),
    ];
    const patch = {
      metadata: {
        annotations: Object.fromEntries(
          asked.filter((key) => annotations?.[key] !== undefined).map((key) => [key, null]),
        ),
      },
      spec: { type: plan.backTo, loadBalancerClass: null, loadBalancerIP: null },
    };
    await services.patch({ name, namespace }, patch, { type: 'merge', fieldManager: 'kubevip-cli', signal });
  } catch (error) {
    // Somebody was quicker.
    if (!isApiError(error, 'NOT_FOUND')) throw error;
  }
}

/** A pool's record is taken back by the agent, with the address. */
function isOurWish(service: Service): boolean {
  return readAssigned(service)?.source !== 'pool';
}

function isThere(follower: Follower<Service>, uid: string | undefined): boolean {
  return follower.current !== undefined && follower.current.metadata.uid === uid;
}

function isHeld(service: Service | undefined): boolean {
  if (!service) return false;
  return (
    readAssigned(service) !== undefined ||
    hasConditions(service) ||
    (service.metadata.finalizers ?? []).includes(FINALIZER)
  );
}

function hangs(
  label: string,
  name: string,
  service: Service | undefined,
  open: readonly Held[],
  timeout: Milliseconds,
): KubevipError {
  const finalizers = (service?.metadata.finalizers ?? []).join(', ');
  const what = open.map((held) => held.what).join('; ');
  const parts = [what === '' ? '' : `left: ${what}`, finalizers === '' ? '' : `held by ${finalizers}`].filter(
    (text) => text !== '',
  );
  return new KubevipError(
    `${label} is not gone after ${timeout / 1000} s${parts.length === 0 ? '' : `: ${parts.join('; ')}`}`,
    {
      code: 'TIMED_OUT',
      exit: EXIT.timeout,
      hints: [
        'Is the agent running that owns the address? `kubevip status` shows the agents.',
        `It goes on by itself: \`kubevip status ${name}\``,
      ],
    },
  );
}

function interrupted(label: string): KubevipError {
  return new KubevipError(`interrupted: ${label} is on its way out, and the agents go on with that`, {
    code: 'INTERRUPTED',
    exit: EXIT.interrupted,
  });
}
