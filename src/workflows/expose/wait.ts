/** Waits until every stage holds, or until it is clear which one does not. */
import type { Cluster } from '../../kube/client.ts';
import { isApiError } from '../../kube/errors.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Lease, Service } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { Follower } from '../follow.ts';
import { hasConditions } from '../stages.ts';
import { stageStep, type Step } from '../steps.ts';
import { ESSENTIAL, judge, type StageView } from './judge.ts';

export interface WaitOptions {
  readonly cluster: Pick<Cluster, 'resource'>;
  readonly clock: Clock;
  /** On the clock. */
  readonly deadline: Milliseconds;
  readonly before: Service | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Waited {
  readonly service: Service;
  readonly stages: readonly StageView[];
  /** The stage that ended the waiting without success; undefined when all are ready. */
  readonly stuck?: StageView;
  readonly timedOut: boolean;
}

/** Agents answer within a second: with nothing after this long there is probably none. */
const SILENCE: Milliseconds = 10_000;

/** @throws KubevipError NO_AGENT, SERVICE_GONE; ApiError. Returns early when the signal is aborted. */
export async function* waitForStages(follower: Follower<Service>, options: WaitOptions): AsyncGenerator<Step, Waited> {
  const { clock, deadline, before, signal } = options;
  const started = clock.now();
  const told = new Map<string, string>();
  let asked = false;
  for (;;) {
    const service = follower.current;
    if (service === undefined) throw gone();
    const stages = judge(service, before);
    for (const view of stages) {
      const text = `${view.state} ${view.reason} ${view.message}`;
      if (told.get(view.stage) !== text) yield stageStep(view.stage, view.state, view.reason, view.message);
      told.set(view.stage, text);
    }
    const open = stages.filter(({ state }) => state !== 'ready');
    const [stuck] = open;
    if (stuck === undefined) return { service, stages, timedOut: false };
    // A broken extra is no reason to stop before the essential stages and the other extras are through.
    const hopeless =
      open.find(({ final, stage }) => final && ESSENTIAL.includes(stage)) ??
      (open.every(({ final }) => final) ? stuck : undefined);
    if (hopeless) return { service, stages, stuck: hopeless, timedOut: false };
    const now = clock.now();
    if (now >= deadline || signal?.aborted === true) return { service, stages, stuck, timedOut: true };
    const silent = !asked && !hasConditions(service);
    if (silent && now - started >= SILENCE) {
      asked = true;
      await checkAgents(options);
    }
    await follower.news(Math.min(deadline - now, silent ? Math.max(1, started + SILENCE - now) : deadline - now));
  }
}

/** Prefix of the Leases by which agents show that they are there. */
export const PRESENCE = { namespace: 'kube-system', prefix: 'kubevip-node-' } as const;

/** @throws KubevipError NO_AGENT */
async function checkAgents({ cluster, signal }: WaitOptions): Promise<void> {
  const leases = await readPresence(cluster, signal);
  if (leases === undefined || leases.length > 0) return;
  throw new KubevipError('no kubevip agent is running in this cluster: nobody answers for the Service', {
    code: 'NO_AGENT',
    hints: ['Are its pods running? kubectl -n kube-system get pods', '`kubevip status` shows the agents.'],
  });
}

/** The presence Leases of all agents, live or not; undefined when they may not be read. */
export async function readPresence(
  cluster: Pick<Cluster, 'resource'>,
  signal?: AbortSignal,
): Promise<readonly Lease[] | undefined> {
  try {
    const { items } = await cluster.resource('Lease').list({ namespace: PRESENCE.namespace }, { signal });
    return items.filter(({ metadata }) => metadata.name.startsWith(PRESENCE.prefix));
  } catch (error) {
    if (isApiError(error, 'FORBIDDEN')) return undefined;
    throw error;
  }
}

function gone(): KubevipError {
  return new KubevipError('somebody deleted the Service meanwhile', { code: 'SERVICE_GONE', exit: EXIT.failed });
}
