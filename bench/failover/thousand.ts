/** A thousand addresses: all of them on the node whose power is cut, and what they cost while nothing happens. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { powerOff, powerOn, startAgent as startLabAgent, stopAgent } from '../../src/lab/faults.ts';
import { runOnHost } from '../../src/lab/hosts.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import { absoluteRow, printedRow, type BenchRow } from '../harness.ts';
import { allShown, cpuSeconds, create, POOLS, rssMegabytes, startAgent } from '../expose/agent-cost.ts';
import { createPools, eventually, withBenchLab, type BenchLab } from '../expose/bench-lab.ts';
import { startSweep } from './probe/prober.ts';
import { agentEnv } from './rig.ts';
import { openWitness } from './witness.ts';

const SERVICES = 1000;
/** Until an agent that starts with so many Services has nothing left to do. */
const SETTLE_MS = 8000;
/** While agents start all of them are late, and whoever was late asks the others for patience for 30 s more. */
const CALM_MS = 32_000;
/** All of them are served again by then. */
const WATCH_MS = 3000;
const WINDOW_MS = 10_000;
const DEFAULT_MINUTES = 1;
const QUIET = { dhcp: { enabled: false }, upnp: { igd: false, natPmp: false, pcp: false }, ipv6: false };
const WRITES = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

export const thousand: BenchRow = {
  name: 'thousand',
  what: 'power of the owner of 1000 addresses cut: its last answer → the last of them answers from elsewhere',
  measure: (n, { election }) =>
    withBenchLab({ ...QUIET, agentEnv: agentEnv({ election, profile: 'lan' }) }, async (lab) => {
      const { paths, nodes } = lab;
      const witness = openWitness(lab);
      try {
        let [owner = '', ...others] = nodes;
        for (const node of others) await stopAgent(paths.id, node);
        await createPools(lab.cluster, POOLS);
        await create(lab, SERVICES);
        await eventually(`${SERVICES} addresses are shown`, () => allShown(lab, SERVICES), 600);
        const addresses = await addressesOf(lab.cluster);
        const [first = ip('10.78.0.1')] = addresses;
        const [last, firstBack]: [number[], number[]] = [[], []];
        for (let i = 0; i < n; i++) {
          await gather(lab, owner, others);
          const took = await cut(lab, owner, addresses);
          last.push(Math.max(...took));
          firstBack.push(Math.min(...took));
          // One of the two that share them now hands over to the other.
          const [next = '', leaver = ''] = others;
          await stopAgent(paths.id, leaver);
          await witness.holder(first, leaver);
          [owner, others] = [next, [owner, leaver]];
        }
        return [
          absoluteRow('thousand: last one answers', last, 300),
          printedRow('thousand: first one answers', firstBack),
        ];
      } finally {
        witness.close();
      }
    }),
};

/**
 * The others run as well, and all addresses are where they were: whoever comes later takes nothing back. Where a machine
 * is so busy that the owner counted as dead for a moment that is done again. @throws Error when it is too busy.
 */
async function gather({ paths }: BenchLab, owner: string, others: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    for (const node of others) {
      await powerOn(paths.id, node);
      await startLabAgent(paths.id, node);
    }
    await delay(SETTLE_MS);
    const { stdout } = await runOnHost(paths, owner, ['ip', '-o', '-4', 'addr', 'show', 'dev', 'eth0']);
    const count = stdout.split(' inet 10.78.').length - 1;
    if (count >= SERVICES) {
      await delay(CALM_MS);
      return;
    }
    const what = `${owner} has ${count} of ${SERVICES} addresses`;
    if (attempt === 5) throw new Error(`the machine is too busy: ${what}`);
    console.error(`${what}: once more`);
    // They hand over what they have.
    for (const node of others) await stopAgent(paths.id, node);
  }
}

/** Of all Services, as their status shows them. @throws Error when it is not the expected number. */
async function addressesOf(cluster: BenchLab['cluster']): Promise<Ip[]> {
  const { items } = await cluster.resource('Service').list({ namespace: 'default' });
  const shown = items.flatMap(({ status }) =>
    (status?.loadBalancer?.ingress ?? []).flatMap(({ ip: text }) => text ?? []),
  );
  if (shown.length !== SERVICES) throw new Error(`${SERVICES} Services show ${shown.length} addresses`);
  return shown.map(ip);
}

/** @returns for each address, how long after the old owner's last answer it was served. */
async function cut({ paths }: BenchLab, owner: string, addresses: readonly Ip[]): Promise<number[]> {
  const sweep = await startSweep(paths, addresses, owner);
  await delay(500);
  await powerOff(paths.id, owner);
  sweep.go();
  await delay(WATCH_MS);
  const { oldUntil, servedAt } = await sweep.stop();
  const took = Object.values(servedAt).map((at) => at - oldUntil);
  const missing = addresses.filter((address) => servedAt[address] === undefined);
  if (missing.length > 0) throw new Error(`${missing.length} addresses are not served after 3 s: ${missing[0]}, …`);
  if (oldUntil === 0) throw new Error(`${owner} did not have ${addresses[0]}`);
  return took;
}

export const steady: BenchRow = {
  name: 'steady',
  what: '1000 Services, three nodes, nothing happens for 1 min (--minutes): API writes, processor time, memory',
  runs: 1,
  minutes: DEFAULT_MINUTES,
  measure: (n, { election, minutes = DEFAULT_MINUTES }) =>
    withBenchLab({ ...QUIET, agents: false, audit: true }, async (lab) => {
      await createPools(lab.cluster, POOLS);
      const agents = lab.nodes.map((node) => startAgent(lab, node, agentEnv({ election, profile: 'lan' })));
      try {
        const pids = agents.map(({ pid = 0 }) => pid);
        await create(lab, SERVICES);
        await eventually(`${SERVICES} addresses are shown`, () => allShown(lab, SERVICES), 600);
        await delay(2.5 * SETTLE_MS);
        const [rates, processor, memory]: [number[], number[], number[]] = [[], [], []];
        for (let i = 0; i < Math.max(1, Math.round((60_000 * minutes * n) / WINDOW_MS)); i++) {
          const before = { at: performance.now(), writes: writes(lab), spent: pids.map(cpuSeconds) };
          await delay(WINDOW_MS);
          const seconds = (performance.now() - before.at) / 1000;
          rates.push((writes(lab) - before.writes) / lab.nodes.length / seconds);
          processor.push(...pids.map((pid, k) => (100 * (cpuSeconds(pid) - (before.spent[k] ?? 0))) / seconds));
          memory.push(...pids.map(rssMegabytes));
        }
        return [
          absoluteRow('steady: API writes per node', rates, 0.2, '/s'),
          printedRow('steady: processor time per agent', processor, '%'),
          absoluteRow('steady: memory per agent', memory, 120, 'MB'),
        ];
      } finally {
        for (const agent of agents) agent.kill('SIGKILL');
      }
    }),
};

/** Requests of the agents so far that change something, refused ones included. */
function writes({ paths }: BenchLab): number {
  return readFileSync(paths.auditLog, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly verb: string; readonly userAgent: string })
    .filter(({ verb, userAgent }) => WRITES.has(verb) && userAgent.startsWith('kubevip-agent/')).length;
}
