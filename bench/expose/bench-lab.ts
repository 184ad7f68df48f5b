/** A lab of its own for a bench, with a cluster client and a look at its LAN from the laptop. */
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Cluster } from '../../src/kube/client.ts';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { labPaths, netnsOf, type LabPaths } from '../../src/lab/layout.ts';
import { nodeNames } from '../../src/lab/network.ts';
import type { LabOptionsInput } from '../../src/lab/options.ts';
import type { LabState } from '../../src/lab/state.ts';
import { createNetwork, type LinuxNetwork } from '../../src/linux/network.ts';
import type { Service } from '../../src/model/kubernetes.ts';
import type { Link } from '../../src/model/wire.ts';

/** A network with hosts on it, and nothing of ours yet. */
export interface BenchLan {
  readonly paths: LabPaths;
  /** n1, n2, … */
  readonly nodes: readonly string[];
  /** As the laptop sees it. */
  readonly network: LinuxNetwork;
  readonly link: Link;
}

export interface BenchLab extends BenchLan {
  readonly cluster: Cluster;
}

/** Brings the lab up, waits until every agent has shown itself, and takes it down again whatever happens. */
export async function withBenchLab<R>(options: LabOptionsInput, work: (lab: BenchLab) => Promise<R>): Promise<R> {
  return await withLan(`bench${process.pid}`, options, async (lan, state) => {
    const cluster = connect({ env: process.env, kubeconfig: lan.paths.adminKubeconfig, userAgent: 'kubevip-bench' });
    try {
      if (state.options.agents) await agentsReady(cluster, state.options.nodes);
      return await work({ ...lan, cluster });
    } finally {
      cluster.close();
    }
  });
}

/** The pools of the cluster, in kube-vip's words: `range-global` → `10.78.0.1-10.78.3.254`. */
export async function createPools(cluster: Cluster, data: Readonly<Record<string, string>>): Promise<void> {
  await cluster.resource('ConfigMap').create({ metadata: { namespace: 'kube-system', name: 'kubevip' }, data });
}

/** The same namespaces and cables without a cluster, for a peer; it may stand beside the other. */
export async function withBenchLan<R>(nodes: number, work: (lan: BenchLan) => Promise<R>): Promise<R> {
  const options = { nodes, cluster: false, agents: false, upnp: { igd: false, natPmp: false, pcp: false } };
  return await withLan(`peer${process.pid}`, options, work);
}

/** Labs that stand: a bench that is interrupted leaves none of them behind. */
const standing = new Set<string>();
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

let ending = false;

function interrupted(): void {
  if (ending) return;
  ending = true;
  const labs = [...standing];
  const down = async (): Promise<unknown> => await Promise.allSettled(labs.map(labDown));
  // A second time: what was just being built when it began to end is there only now.
  void down()
    .then(() => delay(200))
    .then(down)
    .finally(() => process.exit(130));
}

async function withLan<R>(
  id: string,
  options: LabOptionsInput,
  work: (lan: BenchLan, state: LabState) => Promise<R>,
): Promise<R> {
  // The next row shall not begin while the process ends.
  if (ending) return await new Promise(() => undefined);
  const paths = labPaths(id);
  if (standing.size === 0) for (const signal of SIGNALS) process.on(signal, interrupted);
  standing.add(id);
  try {
    const state = await labUp(id, options);
    const network = createNetwork({ netns: netnsOf(paths, 'laptop') });
    try {
      const link = network.links().find(({ name }) => name === 'eth0');
      if (!link) throw new Error('the laptop has no eth0');
      return await work({ paths, nodes: nodeNames(state.options), network, link }, state);
    } finally {
      network.close();
    }
  } finally {
    await labDown(id);
    standing.delete(id);
    if (standing.size === 0) for (const signal of SIGNALS) process.off(signal, interrupted);
  }
}

async function agentsReady(cluster: Cluster, wanted: number): Promise<void> {
  await eventually('every agent has shown itself', async () => {
    const { items } = await cluster.resource('Lease').list({ namespace: 'kube-system' });
    return items.filter(({ metadata }) => metadata.name.startsWith('kubevip-node-')).length >= wanted;
  });
}

/** Asks every 20 ms. @throws Error naming `what` after `seconds`. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean> | boolean,
  seconds = 30,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await delay(20);
  }
}

/** A Service of type LoadBalancer with one port and nothing behind it: what is measured does not need more. */
export function loadBalancer(name: string, annotations: Readonly<Record<string, string>>): Service {
  return {
    metadata: { name, namespace: 'default', annotations },
    spec: { type: 'LoadBalancer', selector: { app: name }, ports: [{ port: 80 }] },
  };
}
