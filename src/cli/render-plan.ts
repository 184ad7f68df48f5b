/** A plan and what came of it, for people. */
import type { Step } from '../cluster/engine/step.ts';
import type { FinishedInit } from '../workflows/bootstrap/init.ts';
import type { JoinResult } from '../workflows/bootstrap/join.ts';

export interface ShownStep {
  readonly id: string;
  readonly title: string;
  readonly explain: string;
}

export function shownSteps(steps: readonly Step[]): ShownStep[] {
  return steps.map(({ id, title, explain }) => ({ id, title, explain }));
}

/** Numbered, with what each step does. */
export function renderSteps(steps: readonly ShownStep[]): string {
  return steps.map(({ title, explain }, i) => `${String(i + 1).padStart(2)}. ${title}\n    ${explain}`).join('\n');
}

/** YAML as a quotation. */
export function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`))
    .join('\n');
}

export function renderInit({ result, joinCode }: FinishedInit, bin: string): string {
  const { cluster, endpoint, ran, kubeconfig, notes } = result;
  const lines =
    ran.length === 0
      ? [`Nothing to do: this machine is a control plane of ${cluster}, at ${endpoint}.`]
      : [`Cluster ${cluster} is up at ${endpoint}.`];
  if (ran.length > 0 && kubeconfig !== undefined) {
    lines.push('', `  kubectl get nodes    # its context is in ${kubeconfig}`);
  }
  if (ran.length > 0) lines.push(...notes.flatMap((note) => ['', note]));
  if (joinCode === undefined) return [...lines, '', `To add machines: ${bin} join-code create`].join('\n');
  return [
    ...lines,
    '',
    'Pods get addresses from a network add-on of your choice: until one is installed, nodes are not Ready.',
    '',
    `To add a machine, run \`${bin} join\` on it as root (with --worker: as worker), and give it this code:`,
    '',
    `  ${joinCode.text}`,
    '',
    `Whoever has this code can join. It is good until ${joinCode.expires.toISOString()}; ${bin} join-code creates others.`,
  ].join('\n');
}

export function renderJoin({ node, role, ran, kubeconfig }: JoinResult): string {
  const what = role === 'worker' ? 'a worker' : 'a control plane';
  if (ran.length === 0) return `Nothing to do: ${node} is ${what} of its cluster.`;
  const hint = kubeconfig === undefined ? [] : ['', `  kubectl get nodes    # the context is in ${kubeconfig}`];
  return [`${node} has joined as ${what}.`, ...hint].join('\n');
}
