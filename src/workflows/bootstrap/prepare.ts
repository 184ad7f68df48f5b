/** What `init` and `join` have in common before their plan runs. */
import { isDeepStrictEqual } from 'node:util';
import type { BootstrapConfig } from '../../cluster/config.ts';
import { Journal } from '../../cluster/engine/journal.ts';
import { chooseNodeIps } from '../../cluster/node-facts.ts';
import type { NodeFacts } from '../../cluster/kubeadm/documents.ts';
import type { Step as PlanStep } from '../../cluster/engine/step.ts';
import type { Problem } from '../../cluster/preflight/finding.ts';
import { fixable, preflightFailure, problems } from '../../cluster/preflight/run.ts';
import type { PreflightRequest } from '../../cluster/preflight/request.ts';
import { mendStep, nextMend, recordedMends, unfinishedMends } from '../../cluster/steps/mend.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Family, Ip } from '../../model/ip.ts';
import { warning, type Step } from '../steps.ts';
import type { Machine } from './machine.ts';

/** @throws KubevipError NOT_ROOT (exit 3) */
export function requireRoot({ uid }: Machine, command: string): void {
  if (uid === 0) return;
  throw new KubevipError(`kubevip ${command} changes this machine, and for that it has to be root`, {
    code: 'NOT_ROOT',
    exit: EXIT.preflight,
    hints: [`sudo kubevip ${command} …`, '--dry-run shows the plan without changing anything.'],
  });
}

export async function openJournal({ journal, parts }: Machine): Promise<Journal> {
  return await Journal.open(journal, () => parts.clock.wall());
}

export interface NodeRequest {
  readonly families: readonly Family[];
  readonly near: readonly Ip[];
  /** Of an earlier run: what was begun with them goes on with them. */
  readonly kept?: readonly Ip[] | undefined;
}

/** @throws KubevipError NO_KUBEADM, KUBEADM_TOO_OLD, NO_NODE_IP */
export async function nodeFacts(
  machine: Machine,
  config: BootstrapConfig,
  { families, near, kept = [] }: NodeRequest,
): Promise<NodeFacts> {
  const { files, kernel, kubeadm } = machine.parts;
  const [first, ...others] = kept;
  return {
    nodeName: config.nodeName ?? machine.hostname.toLowerCase(),
    nodeIps:
      first === undefined
        ? chooseNodeIps({
            links: kernel.links(),
            families,
            near,
            link: config.controlPlane.interface,
            wanted: config.nodeIp,
          })
        : [first, ...others],
    kubeadm: await kubeadm.version(),
    // The one file that only the second version has at its root.
    cgroups: (await files.exists('/sys/fs/cgroup/cgroup.controllers')) ? 2 : 1,
  };
}

export interface Mending {
  /** Of earlier runs and of this one. */
  readonly steps: readonly PlanStep[];
  /** Findings that are mended in this run. */
  readonly findings: ReadonlySet<string>;
}

/**
 * What is mended before anything else: what an earlier run began to mend, and with `--fix` what can be mended now.
 * @param request undefined: nothing new is to be mended.
 */
export async function planMending(
  machine: Machine,
  journal: Journal,
  request: PreflightRequest | undefined,
): Promise<Mending> {
  const history = journal.history();
  const recorded = recordedMends(machine.parts, history);
  if (request === undefined) return { steps: recorded, findings: new Set() };
  const found = fixable(await machine.preflight(request));
  if (found.length === 0) return { steps: recorded, findings: new Set() };
  const changes = unfinishedMends(history).reduce(
    (rest, begun) => rest.filter((change) => !isDeepStrictEqual(change, begun)),
    found.flatMap(({ fix }) => fix?.changes ?? []),
  );
  const findings = new Set(found.map(({ id }) => id));
  if (changes.length === 0) return { steps: recorded, findings };
  const look = async (): Promise<void> => {
    const failure = preflightFailure(await machine.preflight(request), HOW_TO_MEND);
    if (failure !== undefined) throw failure;
  };
  return {
    steps: [...recorded, mendStep(machine.parts, nextMend(history), changes, look)],
    findings,
  };
}

/** Warnings as steps. What is about to be mended stands in nobody's way. @throws PreflightError */
export async function* checkMachine(
  machine: Machine,
  request: PreflightRequest,
  mended: Mending['findings'],
): AsyncGenerator<Step, void> {
  const report = await machine.preflight(request);
  const findings = report.findings.filter((finding) => finding.level === 'ok' || !isMended(finding, mended));
  const rest = { ...report, findings };
  for (const { level, what, remedy, fix } of problems(rest)) {
    if (level === 'warn') yield warning(`${what} (${remedy}${fix === undefined ? '' : '; --fix does it'})`);
  }
  const failure = preflightFailure(rest, HOW_TO_MEND);
  if (failure !== undefined) throw failure;
}

const HOW_TO_MEND =
  'The same command with --fix mends what is safe to mend first, and `kubevip reset` takes that back with the rest.';

function isMended({ id, fix }: Problem, mended: Mending['findings']): boolean {
  return fix !== undefined && mended.has(id);
}
