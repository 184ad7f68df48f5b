/** What `init` and `join` have in common before their plan runs. */
import type { BootstrapConfig } from '../../cluster/config.ts';
import { Journal } from '../../cluster/engine/journal.ts';
import { chooseNodeIps } from '../../cluster/node-facts.ts';
import type { NodeFacts } from '../../cluster/kubeadm/documents.ts';
import { preflightFailure, problems } from '../../cluster/preflight/run.ts';
import type { PreflightRequest } from '../../cluster/preflight/request.ts';
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

/** Warnings as steps. @throws PreflightError */
export async function* checkMachine(machine: Machine, request: PreflightRequest): AsyncGenerator<Step, void> {
  const report = await machine.preflight(request);
  for (const { level, what, remedy } of problems(report)) if (level === 'warn') yield warning(`${what} (${remedy})`);
  const failure = preflightFailure(report);
  if (failure !== undefined) throw failure;
}
