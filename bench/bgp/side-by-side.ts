/** Two nodes with agents and two with BIRD, each pair announcing one address to the same router, seen from beyond it. */
import { setTimeout as delay } from 'node:timers/promises';
import { powerOff, powerOn, startAgent, stopAgent } from '../../src/lab/faults.ts';
import { mustOnHost } from '../../src/lab/hosts.ts';
import { netnsOf, nodeAddresses, type LabPaths } from '../../src/lab/layout.ts';
import { configure } from '../../src/lab/netns.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import type { Milliseconds } from '../../src/model/time.ts';
import type { BfdPace } from '../../test/support/bgp/router.ts';
import { createPools, eventually, loadBalancer, withBenchLab, type BenchLab } from '../expose/bench-lab.ts';
import { outageOf, type Outage } from '../failover/probe/outage.ts';
import { startEcho } from '../failover/probe/prober.ts';
import type { BenchOptions } from '../harness.ts';
import { startBird } from './bird.ts';
import { agentEnv, QUIET, withRouter, type Announcer, type Peering, type RouterMake } from './peering.ts';

/** Everywhere: on the agents, on BIRD, on the router. */
export const PACE: BfdPace = { intervalMs: 50, multiplier: 3 };

const POOL = '10.90.0.0/29';
const OURS = { vip: ip('10.90.0.1'), nodes: ['n1', 'n2'] } as const;
const THEIRS = { vip: ip('10.90.0.14'), nodes: ['n3', 'n4'] } as const;
/** Another moment of everybody's rhythm each time. */
const SETTLE_MS = 1000;
const JITTER_MS = 200;

export interface Pair {
  readonly vip: Ip;
  readonly nodes: readonly string[];
  /** Whatever announces the address on the node is told to end: SIGTERM, until it has. */
  stop(node: string): Promise<unknown>;
  /** From without power, or without the program. */
  start(node: string): Promise<unknown>;
}

export interface SideBySide {
  readonly paths: LabPaths;
  readonly ours: Pair;
  readonly theirs: Pair;
  /** How often the router has given one of the two nodes up so far. */
  losses(pair: Pair): number;
  /** Power of the node that the address is answered from, given back afterwards. */
  cutPower(pair: Pair, tailMs: Milliseconds): Promise<Outage>;
  /** SIGTERM there, and a start afterwards. */
  terminate(pair: Pair, tailMs: Milliseconds): Promise<Outage>;
}

export async function withBoth<R>(
  election: BenchOptions['election'],
  make: RouterMake,
  work: (both: SideBySide) => Promise<R>,
): Promise<R> {
  const options = { ...QUIET, nodes: 4, agentEnv: agentEnv(election, PACE) };
  return await withBenchLab(options, (lab) =>
    withRouter(
      lab,
      async (peering) => {
        const [ours, theirs] = [agents(lab), birds(lab)];
        await createPools(lab.cluster, { 'cidr-global': POOL });
        await lab.cluster.resource('Service').create(loadBalancer('web', { 'kube-vip.io/loadbalancerIPs': OURS.vip }));
        for (const pair of [ours, theirs]) for (const node of pair.nodes) await pair.start(node);
        for (const pair of [ours, theirs]) await whole(pair, peering);
        return await work(sideBySide(lab, peering, ours, theirs));
      },
      { make, pace: PACE },
    ),
  );
}

function agents({ paths }: BenchLab): Pair {
  return {
    ...OURS,
    stop: (node) => stopAgent(paths.id, node),
    start: (node) => startAgent(paths.id, node),
  };
}

function birds({ paths }: BenchLab): Pair {
  const running = new Map<string, Announcer>();
  return {
    ...THEIRS,
    stop: async (node) => await running.get(node)?.stop(),
    async start(node) {
      await configure(netnsOf(paths, node), [`addr replace ${THEIRS.vip}/32 dev lo`]);
      running.set(node, startBird(paths, node, { addresses: [THEIRS.vip], bfdPace: PACE }));
    },
  };
}

function sideBySide(lab: BenchLab, peering: Peering, ours: Pair, theirs: Pair): SideBySide {
  const { paths } = lab;
  const outage = async (
    pair: Pair,
    tailMs: Milliseconds,
    fault: (node: string) => Promise<unknown>,
  ): Promise<Outage> => {
    const { vip } = pair;
    return await outageOf({
      start: () => startEcho(paths, vip, 'internet'),
      find: () => answering(lab, pair),
      async fault(node) {
        await fault(node);
        await peering.monitor.until(nodeAddresses(node).lan, 0);
        await answering(lab, { ...pair, nodes: pair.nodes.filter((other) => other !== node) });
        await delay(tailMs);
      },
      async restore(node) {
        await powerOn(paths.id, node);
        await pair.start(node);
        await whole(pair, peering);
      },
    });
  };
  return {
    paths,
    ours,
    theirs,
    losses: ({ nodes }) =>
      nodes.map((node) => peering.monitor.losses(nodeAddresses(node).lan)).reduce((sum, each) => sum + each, 0),
    cutPower: (pair, tailMs) => outage(pair, tailMs, (node) => powerOff(paths.id, node)),
    terminate: (pair, tailMs) => outage(pair, tailMs, (node) => pair.stop(node)),
  };
}

/** Until the router spreads the address over both nodes, and watches both. */
async function whole({ nodes }: Pair, { router, monitor }: Peering): Promise<void> {
  for (const node of nodes) {
    await monitor.until(nodeAddresses(node).lan, 1, 60);
    await eventually(`BFD with ${node} is up`, () => router.bfdIsUp(node));
  }
  await delay(SETTLE_MS + JITTER_MS * Math.random());
}

/** All requests of one prober are one flow, which the router sends to one of the nodes. */
async function answering({ paths }: BenchLab, { nodes, vip }: Pair): Promise<string> {
  const counts = (): Promise<number[]> =>
    Promise.all(nodes.map(async (node) => echoRequests(await mustOnHost(paths, node, ['cat', '/proc/net/snmp']))));
  let grown: readonly string[] = [];
  await eventually(`${vip} is answered by one of ${nodes.join(', ')}`, async () => {
    const before = await counts();
    await delay(100);
    const after = await counts();
    grown = nodes.filter((_, i) => (after[i] ?? 0) - (before[i] ?? 0) > 10);
    return grown.length === 1;
  });
  return grown[0] ?? '';
}

/** IcmpInEchos, whose column the line above names. */
function echoRequests(snmp: string): number {
  const [names = [], values = []] = snmp
    .split('\n')
    .filter((line) => line.startsWith('Icmp: '))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('InEchos')]);
}
