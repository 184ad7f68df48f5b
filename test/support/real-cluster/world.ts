/** The lab’s LAN, with nodes on it that nothing has been installed on but containerd. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RunResult } from '../../../src/lab/exec.ts';
import { runOnHost } from '../../../src/lab/hosts.ts';
import { labDown, labUp } from '../../../src/lab/lab.ts';
import { labPaths, type LabPaths } from '../../../src/lab/layout.ts';
import { listNetns } from '../../../src/lab/netns.ts';
import { removeNode } from '../../../src/lab/network.ts';
import { processId } from '../../../src/lab/process.ts';
import { agentImage, clusterImages } from './images.ts';
import { RealNode, removeGroups } from './node.ts';

const ID = 'real';
const NUMBERS = { n1: 11, n2: 12, n3: 13, w1: 14 } as const;
export type NodeName = keyof typeof NUMBERS;

export interface RealWorld {
  readonly paths: LabPaths;
  readonly nodes: Readonly<Record<NodeName, RealNode>>;
  /** Switches a node on for the first time, with images loaded as if they had been pulled. */
  prepare(name: NodeName): Promise<RealNode>;
  /** A host of the lab that is no node. */
  on(host: 'laptop' | 'router' | 'internet', ...argv: string[]): Promise<RunResult>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Folder with the binaries; undefined: there is none, and nothing here can run. */
export function binaries(): string | undefined {
  const folder = process.env['KUBE_LAB_DIR'];
  return folder === undefined || folder === '' ? undefined : folder;
}

/** @param lab see README.md */
export async function createRealWorld(lab: string): Promise<RealWorld> {
  await sweep();
  const paths = labPaths(`${ID}${process.pid}`);
  await labUp(paths.id, { nodes: 1, cluster: false, agents: false, dhcp: { pingCheck: false } });
  // The lab has at least one node; ours are of another kind.
  await removeNode(paths, 'n1');
  const hosts = Object.entries(NUMBERS).map(([name, number]) => `10.77.0.${number} ${name}`);
  const node = (name: NodeName): RealNode =>
    new RealNode({ name, number: NUMBERS[name], paths, lab, hosts: hosts.join(';') });
  const nodes = { n1: node('n1'), n2: node('n2'), n3: node('n3'), w1: node('w1') };
  let images: Promise<string[]> | undefined;
  return {
    paths,
    nodes,
    async prepare(name) {
      mkdirSync(join(paths.dir, 'images'), { recursive: true });
      images ??= Promise.all([clusterImages(lab), agentImage(join(paths.dir, 'images'))]);
      const archives = await images;
      await nodes[name].powerOn();
      for (const archive of archives) await nodes[name].load(archive);
      return nodes[name];
    },
    on: async (host, ...argv) => runOnHost(paths, host, argv, { timeoutMs: 60_000 }),
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(nodes).map(async (one) => one.powerOff()));
      await labDown(paths.id);
      rmSync(paths.dir, { recursive: true, force: true });
    },
  };
}

/** What a killed test process has left. */
async function sweep(): Promise<void> {
  const prefix = `kubevip-${ID}`;
  const ids = listNetns(prefix).map((name) => Number(new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1]));
  for (const pid of new Set(ids)) {
    if (Number.isNaN(pid) || pid === process.pid || processId(pid) !== undefined) continue;
    await labDown(`${ID}${pid}`);
    for (const name of Object.keys(NUMBERS)) await removeGroups(`${prefix}${pid}-${name}`);
    rmSync(labPaths(`${ID}${pid}`).dir, { recursive: true, force: true });
  }
}
