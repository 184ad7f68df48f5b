/** Memory and idle time of one agent that owns every address, started as the image starts it: from dist/. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { netnsOf } from '../../src/lab/layout.ts';
import { containerStart } from '../../test/support/container-start.ts';
import { absoluteRow, type BenchRow } from '../harness.ts';
import { createPools, eventually, loadBalancer, withBenchLab, type BenchLab } from './bench-lab.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const program = join(root, 'dist', 'agent', 'bundle.js');
/** More addresses than the lab's LAN has; with the interface named they need no subnet there. */
export const POOLS = { 'range-global': '10.78.0.1-10.78.3.254', 'interface-global': 'eth0' };
const AT_ONCE = 20;
const SETTLE_MS = 15_000;
const TICKS_PER_SECOND = 100;

export const agentRss100 = rssRow(100, 80);
export const agentRss1000 = rssRow(1000, 120);

export const idleCpu100: BenchRow = {
  name: 'idle-cpu-100',
  what: 'processor time of an agent that owns 100 addresses, nothing happening: windows of 10 s, at least 30 s',
  measure: (n) =>
    withAgent(100, async (pid) => {
      const samples: number[] = [];
      for (let i = 0; i < Math.max(3, Math.min(n, 6)); i++) {
        const [before, at] = [cpuSeconds(pid), performance.now()];
        await delay(10_000);
        samples.push((100_000 * (cpuSeconds(pid) - before)) / (performance.now() - at));
      }
      return absoluteRow('idle-cpu-100', samples, 1, '%');
    }),
};

function rssRow(services: number, limit: number): BenchRow {
  const name = `agent-rss-${services}`;
  return {
    name,
    what: `resident memory of an agent that owns ${services} addresses, once nothing happens any more`,
    measure: (n) =>
      withAgent(services, async (pid) => {
        const samples: number[] = [];
        for (let i = 0; i < n; i++) {
          samples.push(rssMegabytes(pid));
          await delay(500);
        }
        return absoluteRow(name, samples, limit, 'MB');
      }),
  };
}

/** A lab with one node, and on it the agent with that many Services, all of them served and quiet. */
async function withAgent<R>(services: number, work: (pid: number) => Promise<R>): Promise<R> {
  return withBenchLab({ nodes: 1, agents: false }, async (lab) => {
    await createPools(lab.cluster, POOLS);
    const agent = startAgent(lab, 'n1');
    try {
      await create(lab, services);
      await eventually(`${services} addresses are shown`, () => allShown(lab, services), 300);
      await delay(SETTLE_MS);
      return await work(agent.pid ?? 0);
    } finally {
      agent.kill('SIGKILL');
    }
  });
}

/** `ip netns exec` becomes the agent: the pid is the agent's. @throws Error when there is none to start. */
export function startAgent(
  { paths }: BenchLab,
  node: string,
  settings: Readonly<Record<string, string>> = {},
): ChildProcess {
  if (!existsSync(program)) throw new Error('dist/ is not built: npm run build');
  const { flags, env } = image();
  const argv = ['netns', 'exec', netnsOf(paths, node), process.execPath, ...flags, program];
  const lab = { KUBECONFIG: paths.agentKubeconfig, vip_nodename: node, KUBEVIP_LAB_ID: paths.id };
  return spawn('ip', argv, { stdio: 'ignore', env: { ...process.env, ...env, ...lab, ...settings } });
}

/** How the image starts Node. */
function image(): { readonly flags: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const { entrypoint, env } = containerStart();
  return { flags: entrypoint.filter((word) => word.startsWith('--')), env };
}

export async function create({ cluster }: BenchLab, services: number): Promise<void> {
  for (let i = 0; i < services; i += AT_ONCE) {
    const names = Array.from({ length: Math.min(AT_ONCE, services - i) }, (_, j) => `cost${i + j}`);
    await Promise.all(names.map((name) => cluster.resource('Service').create(loadBalancer(name, {}))));
  }
}

export async function allShown({ cluster }: BenchLab, services: number): Promise<boolean> {
  const { items } = await cluster.resource('Service').list({ namespace: 'default' });
  const shown = items.filter(({ status }) => (status?.loadBalancer?.ingress ?? []).length > 0);
  await delay(500);
  return shown.length >= services;
}

export function rssMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no resident memory: it has ended`);
  return Number(kilobytes) / 1024;
}

/** User and system time of all threads: fields 14 and 15 of proc(5) stat. */
export function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
