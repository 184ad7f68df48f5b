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
  /** How long it was waited for, or has failed; undefined when there was nothing to wait for. */
  readonly after?: Milliseconds;
}

/**
 * How long a stage may fail for one and the same reason. Some such reasons mend themselves (a router that is just
 * starting), so the first is not the last word; whoever has no DHCP server should not wait a minute to hear it.
 */
const GRACE: Milliseconds = 15_000;

/** Agents answer within a second: with nothing after this long there is probably none. */
const SILENCE: Milliseconds = 10_000;

/** @throws KubevipError NO_AGENT, SERVICE_GONE; ApiError. Returns early when the signal is aborted. */
export async function* waitForStages(follower: Follower<Service>, options: WaitOptions): AsyncGenerator<Step, Waited> {
  const { clock, deadline, before, signal } = options;
  const started = clock.now();
  const told = new Map<string, string>();
  const failures = new Failures();
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
    if (stuck === undefined) return { service, stages };
    const now = clock.now();
    for (const view of stages) failures.note(view, now);
    const isHopeless = (view: StageView): boolean =>
      view.final || (view.state === 'failed' && failures.lasted(view, now) >= GRACE);
    // A broken extra is no reason to stop before the essential stages and the other extras are through.
    const hopeless =
      open.find((view) => isHopeless(view) && ESSENTIAL.includes(view.stage)) ??
      (open.every(isHopeless) ? stuck : undefined);
    if (hopeless) {
      return { service, stages, stuck: hopeless, ...(hopeless.final ? {} : { after: failures.lasted(hopeless, now) }) };
    }
    if (now >= deadline || signal?.aborted === true) {
      const after = stuck.state === 'failed' ? failures.lasted(stuck, now) : now - started;
      return { service, stages, stuck, after };
    }
    const silent = !asked && !hasConditions(service);
    if (silent && now - started >= SILENCE) {
      asked = true;
      await checkAgents(options);
    }
    const looks = [deadline, ...open.map((view) => now + GRACE - failures.lasted(view, now))];
    if (silent) looks.push(Math.max(now + 1, started + SILENCE));
    await follower.news(Math.min(...looks.filter((at) => at > now)) - now);
  }
}

/** Since when each stage has failed for the reason it gives. Trying again in between changes nothing. */
class Failures {
  readonly #since = new Map<string, { readonly reason: string; readonly at: Milliseconds }>();

  note(view: StageView, now: Milliseconds): void {
    if (view.state === 'ready') this.#since.delete(view.stage);
    if (view.state !== 'failed' || this.#since.get(view.stage)?.reason === view.reason) return;
    this.#since.set(view.stage, { reason: view.reason, at: now });
  }

  /** 0 for a stage that does not fail. */
  lasted({ stage }: StageView, now: Milliseconds): Milliseconds {
    const since = this.#since.get(stage);
    return since === undefined ? 0 : now - since.at;
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
    return items.filter(isPresence);
  } catch (error) {
    if (isApiError(error, 'FORBIDDEN')) return undefined;
    throw error;
  }
}

export function isPresence({ metadata }: Lease): boolean {
  return metadata.name.startsWith(PRESENCE.prefix);
}

function gone(): KubevipError {
  return new KubevipError('somebody deleted the Service meanwhile', { code: 'SERVICE_GONE', exit: EXIT.failed });
}
