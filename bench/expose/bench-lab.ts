/** A lab of its own for a bench, with a cluster client and a look at its LAN from the laptop. */
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Cluster } from '../../src/kube/client.ts';
import { labDown, labUp } from '../../src/lab/lab.ts';
import { labPaths, netnsOf, type LabPaths } from '../../src/lab/layout.ts';
import { nodeNames } from '../../src/lab/network.ts';
import type { LabOptionsInput } from '../../src/lab/options.ts';
import { createNetwork, type LinuxNetwork } from '../../src/linux/network.ts';
import type { Service } from '../../src/model/kubernetes.ts';
import type { Link } from '../../src/model/wire.ts';

export interface BenchLab {
  readonly paths: LabPaths;
  /** n1, n2, … */
  readonly nodes: readonly string[];
  readonly cluster: Cluster;
  /** As the laptop sees it. */
  readonly network: LinuxNetwork;
  readonly link: Link;
}

/** Brings the lab up, waits until every agent has shown itself, and takes it down again whatever happens. */
export async function withBenchLab<R>(options: LabOptionsInput, work: (lab: BenchLab) => Promise<R>): Promise<R> {
  const id = `bench${process.pid}`;
  const paths = labPaths(id);
  // A bench that is interrupted leaves no lab behind.
  const stop = (): void => void labDown(id).finally(() => process.exit(130));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const state = await labUp(id, options);
    const cluster = connect({ env: process.env, kubeconfig: paths.adminKubeconfig, userAgent: 'kubevip-bench' });
    const network = createNetwork({ netns: netnsOf(paths, 'laptop') });
    try {
      if (state.options.agents) await agentsReady(cluster, state.options.nodes);
      const link = network.links().find(({ name }) => name === 'eth0');
      if (!link) throw new Error('the laptop has no eth0');
      return await work({ paths, nodes: nodeNames(state.options), cluster, network, link });
    } finally {
      network.close();
      cluster.close();
    }
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    await labDown(id);
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
