/** The agent processes of a lab, as their kernel sees them. */
import { readFileSync } from 'node:fs';
import { agentName } from '../../src/lab/cluster-daemons.ts';
import { runningDaemons } from '../../src/lab/daemons.ts';
import type { TestLab } from './e2e.ts';

/** Clock ticks of /proc/PID/stat per second: USER_HZ, which is 100 on every architecture that Node runs on. */
const TICKS = 100;

/** @throws Error when the agent of that node does not run. */
export function agentPid({ paths }: Pick<TestLab, 'paths'>, node: string): number {
  const daemon = runningDaemons(paths).get(agentName(node));
  if (!daemon) throw new Error(`the agent of ${node} does not run`);
  return daemon.pid;
}

/** Processor time that the agents of these nodes have spent together, user and system. */
export function agentCpuSeconds(lab: Pick<TestLab, 'paths'>, nodes: readonly string[]): number {
  const ticks = nodes.map((node) => {
    const stat = readFileSync(`/proc/${agentPid(lab, node)}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS;
}
