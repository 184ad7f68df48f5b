/** Takes back what `init` or `join` did to this machine. */
import { parseBootstrapConfig, type BootstrapConfig } from '../../cluster/config.ts';
import { standing, type Journal, type PlanName } from '../../cluster/engine/journal.ts';
import { takeBack, toTakeBack, type Plan } from '../../cluster/engine/run.ts';
import type { NodeFacts } from '../../cluster/kubeadm/documents.ts';
import { ADMIN_KUBECONFIG, KUBELET_KUBECONFIG, MANIFESTS_FOLDER, STATE_FOLDER } from '../../cluster/names.ts';
import { initPlan, joinPlan } from '../../cluster/plans.ts';
import { newSecrets } from '../../cluster/secrets.ts';
import { recordedMends } from '../../cluster/steps/mend.ts';
import { readNodeConfig } from '../../cluster/steps/node-config.ts';
import { KubevipError } from '../../model/errors.ts';
import type { Step } from '../steps.ts';
import type { Machine } from './machine.ts';
import { narrate, stepOf } from './narrate.ts';
import { openJournal } from './prepare.ts';
import { callersKubeconfig } from './user.ts';

export interface PlannedReset {
  readonly plan: Plan;
  readonly journal: Journal;
  /** For people, in the order in which it goes. */
  readonly list: readonly string[];
  /** Nothing of ours and nothing of kubeadm's is here. */
  readonly nothing: boolean;
  /** There is a cluster here and no journal says that we made it. */
  readonly foreign: boolean;
}

export interface ResetResult {
  readonly undone: readonly string[];
}

/** Looks, changes nothing. */
export async function planReset(machine: Machine): Promise<PlannedReset> {
  const { parts } = machine;
  const journal = await openJournal(machine);
  const { plan: name } = journal.history();
  const there = standing(journal.history()).length > 0;
  const [kubeadm, traces] = await Promise.all([kubeadmTraces(machine), parts.kernel.traces()]);
  const foreign = !there && kubeadm.length > 0;
  const config = (await readNodeConfig(parts.files)) ?? parseBootstrapConfig({}, 'worker', { name: 'the defaults' });
  const plan = await rebuild(machine, name ?? 'join-control-plane', config, recordedMends(parts, journal.history()));
  const list = [
    ...toTakeBack(plan, journal).map(({ title }) => `undo: ${title}`),
    ...kubeadm.map((path) => `of kubeadm: ${path}`),
    ...traces.map((trace) => `in the kernel: ${trace}`),
  ];
  // All is taken back, and the reset was killed before it had forgotten that.
  if (list.length === 0 && (await parts.files.exists(STATE_FOLDER))) list.push(`of kubevip: ${STATE_FOLDER}`);
  return { plan, journal, list, nothing: list.length === 0, foreign };
}

export async function* runReset(
  { plan, journal, foreign }: PlannedReset,
  machine: Machine,
  signal: AbortSignal,
): AsyncGenerator<Step, ResetResult> {
  const { files } = machine.parts;
  if (foreign) await adopt(plan, journal);
  const { undone } = yield* narrate(async (emit) =>
    takeBack(plan, { journal, signal, on: (event) => emit(stepOf(event)) }),
  );
  await machine.parts.kernel.removeTraces();
  // The journal is the last to go: until then an interrupted reset goes on.
  await journal.remove();
  await files.removeTree(STATE_FOLDER);
  return { undone };
}

/** A cluster whose journal is lost, or that was made by hand: as if it had been joined, with nothing known of before. */
async function adopt(plan: Plan, journal: Journal): Promise<void> {
  await journal.begin(plan.name);
  for (const { id } of plan.steps) await journal.append({ event: 'started', step: id });
}

async function kubeadmTraces({ parts: { files } }: Machine): Promise<string[]> {
  const manifests = (await files.list(MANIFESTS_FOLDER)) ?? [];
  const paths = [KUBELET_KUBECONFIG, ADMIN_KUBECONFIG, '/var/lib/etcd/member'];
  const there = await Promise.all(paths.map((path) => files.exists(path)));
  return [
    ...paths.filter((_, i) => there[i]),
    ...manifests.filter((name) => name.endsWith('.yaml')).map((name) => `${MANIFESTS_FOLDER}/${name}`),
  ];
}

/** The steps of a plan for their undoing: what they need to know of it is in the journal and in the configuration. */
async function rebuild(machine: Machine, name: PlanName, config: BootstrapConfig, mends: Plan['steps']): Promise<Plan> {
  const node: NodeFacts = {
    nodeName: config.nodeName ?? machine.hostname.toLowerCase(),
    nodeIps: ['0.0.0.0' as NodeFacts['nodeIps'][0]],
    kubeadm: { major: 1, minor: 0, patch: 0, text: '' },
    cgroups: 2,
  };
  const user = await callersKubeconfig(machine, config.user.kubeconfig ?? '~/.kube/config');
  if (name === 'init') {
    return initPlan(machine.parts, { config, node, user, secrets: () => newSecrets(machine.entropy), mends });
  }
  const code = (): never => {
    throw new KubevipError('a reset joins nothing', { code: 'NO_JOIN_CODE' });
  };
  return joinPlan(machine.parts, name === 'join-worker' ? 'worker' : 'control-plane', {
    config,
    node,
    user,
    code,
    mends,
  });
}
