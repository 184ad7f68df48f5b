/** Waits until a DaemonSet runs on every node that it is meant for. */
import type { Cluster } from '../../kube/client.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { DaemonSet, Pod } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { follow } from '../follow.ts';
import { stageStep, warning, type Step } from '../steps.ts';

export interface RunningParts {
  readonly cluster: Pick<Cluster, 'resource'>;
  readonly clock: Clock;
  readonly timeout: Milliseconds;
  readonly signal?: AbortSignal;
}

/** @returns on how many nodes. @throws KubevipError TIMED_OUT (5) with what the pods wait for, INTERRUPTED (130) */
export async function* runsEverywhere(
  { name, namespace = '' }: { readonly name: string; readonly namespace?: string },
  parts: RunningParts,
): AsyncGenerator<Step, number> {
  const { cluster, clock, timeout, signal } = parts;
  const deadline = clock.now() + timeout;
  const follower = await follow(cluster.resource('DaemonSet'), { namespace, name }, { clock, signal });
  try {
    let told = '';
    for (;;) {
      const { observed, ready, desired, complete } = countsOf(follower.current);
      const text = observed ? `${ready} of ${desired} nodes` : 'not looked at by Kubernetes yet';
      if (complete) {
        if (desired === 0) yield warning(`DaemonSet ${name} is meant for no node of this cluster`);
        yield stageStep(name, 'ready', 'Running', text);
        return ready;
      }
      if (text !== told) yield stageStep(name, 'waiting', 'Starting', text);
      told = text;
      if (signal?.aborted === true) {
        throw new KubevipError(`interrupted: DaemonSet ${namespace}/${name} goes on starting`, {
          code: 'INTERRUPTED',
          exit: EXIT.interrupted,
        });
      }
      if (clock.now() >= deadline) throw await notRunning(name, namespace, text, parts);
      await follower.news(deadline - clock.now());
    }
  } finally {
    follower.close();
  }
}

function countsOf(set: DaemonSet | undefined): {
  observed: boolean;
  ready: number;
  desired: number;
  complete: boolean;
} {
  const {
    observedGeneration = 0,
    desiredNumberScheduled = 0,
    updatedNumberScheduled = 0,
    numberReady = 0,
  } = set?.status ?? {};
  const observed = set !== undefined && observedGeneration >= (set.metadata.generation ?? 1);
  return {
    observed,
    // Until all are of the new kind, some that are ready are of the old.
    ready: Math.min(numberReady, updatedNumberScheduled),
    desired: desiredNumberScheduled,
    complete: observed && updatedNumberScheduled >= desiredNumberScheduled && numberReady >= desiredNumberScheduled,
  };
}

async function notRunning(
  name: string,
  namespace: string,
  text: string,
  { cluster, timeout }: RunningParts,
): Promise<KubevipError> {
  const labelSelector = `app.kubernetes.io/name=${name}`;
  const pods = await cluster
    .resource('Pod')
    .list({ namespace, labelSelector })
    .then(
      ({ items }) => items,
      () => [],
    );
  const why = [...new Set(pods.flatMap(troubleOf))];
  return new KubevipError(`the agents do not run after ${timeout / 1000} s: ${text}`, {
    code: 'TIMED_OUT',
    exit: EXIT.timeout,
    hints: [
      ...why.slice(0, 5),
      `kubectl -n ${namespace} describe pods -l ${labelSelector}`,
      'It goes on by itself; the same command again waits for it.',
    ],
  });
}

function troubleOf({ metadata, spec, status }: Pod): string[] {
  const on = spec.nodeName === undefined ? '' : ` on ${spec.nodeName}`;
  return (status?.containerStatuses ?? []).flatMap(({ state }) =>
    state?.waiting?.reason === undefined
      ? []
      : [`${metadata.name}${on}: ${state.waiting.reason}${state.waiting.message ? `: ${state.waiting.message}` : ''}`],
  );
}
