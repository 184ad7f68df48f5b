/** A LAN of nodes without Kubernetes, for tests that bootstrap it there. */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from '../../../src/lab/cluster-daemons.ts';
import { run, type RunResult } from '../../../src/lab/exec.ts';
import { configure, createBridge, createNetns, deleteNetns, listNetns } from '../../../src/lab/netns.ts';
import { processId } from '../../../src/lab/process.ts';
import { startNode, type Node } from './machine.ts';
import type { NodeFacts } from './node/facts.ts';

const HERE = import.meta.dirname;
/** Of namespaces and folders; followed by the pid of the process that they belong to. */
const PREFIX = 'kvn-';
const OVERLAYFS = 0x794c7630;
export const GATEWAY = '10.77.0.1';

export interface WorldOptions<Name extends string> {
  /** Host names, at most 8 characters; 10.77.0.11 is the first. */
  readonly nodes: readonly Name[];
  /** Of kubeadm and all else; its rules follow from it. Default v1.36.2. */
  readonly version?: string;
  /** By which kubeadm's time-outs are multiplied. Default 0.1: 24 s for a control plane, 6 s for an API call. */
  readonly patience?: number;
}

export interface World<Name extends string = string> {
  readonly nodes: Readonly<Record<Name, Node>>;
  /** A machine on the same LAN that is no node, for clients: 10.77.0.200. */
  readonly laptop: { run(argv: readonly string[]): Promise<RunResult>; readonly netns: string };
  readonly dir: string;
  /** Of its namespaces, before their names: `sw` is the switch, with the gateway’s address. */
  readonly netnsPrefix: string;
  /** What the process of the cluster has said, for when a test fails. */
  clusterLog(): string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function createWorld<const Name extends string>(options: WorldOptions<Name>): Promise<World<Name>> {
  await sweep();
  const dir = mkdtempSync(join(base(), `${PREFIX}${process.pid}-`));
  const prefix = `${basename(dir)}-`;
  const bridge = `${prefix}sw`;
  const machines: Node[] = [];
  let cluster: ChildProcess | undefined;
  const dispose = async (): Promise<void> => {
    await Promise.all(machines.map(async (node) => await node.powerOff()));
    cluster?.stdin?.end();
    await Promise.all(listNetns(prefix).map(deleteNetns));
    await removeFolder(dir);
  };
  try {
    installPrograms(join(dir, 'bin'));
    await createNetns(bridge);
    await createBridge(bridge, 'br0');
    await configure(bridge, [`addr add ${GATEWAY}/24 dev br0`]);
    const control = join(dir, 'control.sock');
    cluster = await startCluster(dir, control);
    const switchboard = { netns: bridge, bridge: 'br0' };
    const laptopNetns = `${prefix}laptop`;
    await createNetns(laptopNetns);
    await configure(bridge, [
      `link add p-laptop type veth peer name eth0 netns ${laptopNetns}`,
      'link set p-laptop master br0 up',
    ]);
    await configure(laptopNetns, ['link set eth0 up', 'addr add 10.77.0.200/24 dev eth0']);
    const started = await Promise.all(
      options.nodes.map(async (name, i) => {
        const facts: NodeFacts = {
          name,
          ip: `10.77.0.${11 + i}`,
          version: options.version ?? 'v1.36.2',
          control,
          trace: join(dir, 'nodes', name, 'trace.jsonl'),
          patience: options.patience ?? 0.1,
        };
        const mac = `02:77:00:00:00:${(11 + i).toString(16).padStart(2, '0')}`;
        const node = await startNode({ facts, mac, dir, netns: `${prefix}${name}`, switchboard, gateway: GATEWAY });
        machines.push(node);
        return [name, node] as const;
      }),
    );
    return {
      nodes: Object.fromEntries(started) as unknown as Record<Name, Node>,
      laptop: { netns: laptopNetns, run: async (argv) => await run(argv, { netns: laptopNetns }) },
      dir,
      netnsPrefix: prefix,
      clusterLog: () => readFileSync(join(dir, 'cluster.log'), 'utf8'),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Overlays need a file system below them that is none itself. */
function base(): string {
  return statfsSync(tmpdir()).type === OVERLAYFS ? '/dev/shm' : tmpdir();
}

/** What worlds of killed test processes have left: their nodes ended with them, folders and names are still there. */
async function sweep(): Promise<void> {
  const orphan = (name: string): boolean => {
    const pid = Number(/^kvn-(\d+)-/.exec(name)?.[1] ?? process.pid);
    return pid !== process.pid && processId(pid) === undefined;
  };
  await Promise.all(listNetns(PREFIX).filter(orphan).map(deleteNetns));
  for (const name of readdirSync(base())) {
    if (name.startsWith(PREFIX) && orphan(name)) await removeFolder(join(base(), name));
  }
}

/** Work folders of overlays have no permissions at all, which is nothing to root. */
async function removeFolder(dir: string): Promise<void> {
  for (let attempt = 0; existsSync(dir); attempt++) {
    try {
      rmSync(dir, { recursive: true, force: true });
    } catch (error) {
      // Mounts of a node that is just ending.
      if (attempt > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function installPrograms(bin: string): void {
  mkdirSync(bin, { recursive: true });
  const source = join(HERE, 'node', 'bin');
  for (const name of readdirSync(source)) {
    copyFileSync(join(source, name), join(bin, name));
    chmodSync(join(bin, name), 0o755);
  }
  const node = (path: string): string => {
    const [executable = '', flag = '', cache = ''] = program('agent/main');
    return `exec ${executable} ${flag} ${cache} ${join(HERE, path)} "$@"`;
  };
  const version = `$(sed 's/.*"version":"\\([^"]*\\)".*/\\1/' /run/stand-in/node.json)`;
  const scripts = {
    // What is asked most often of all, by every command and check of `kubevip`, needs no Node.
    kubeadm: `if [ "$*" = 'version -o short' ]; then
  facts=/run/stand-in/node.json
  printf '{"event":"call","argv":["version","-o","short"],"pid":%d}\\n' $$ >>"$(sed 's/.*"trace":"\\([^"]*\\)".*/\\1/' $facts)"
  echo "${version}"
  exit 0
fi
${node('cli/main.ts')}`,
    kubelet: `[ "$1" = --version ] && { echo "Kubernetes ${version}"; exit 0; }\n${node('node/kubelet.ts')}`,
    containerd: `[ "$1" = --version ] && { echo "containerd github.com/containerd/containerd/v2 v2.1.0 0"; exit 0; }\n${node('node/containerd.ts')}`,
  };
  for (const [name, body] of Object.entries(scripts)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
}

async function startCluster(dir: string, control: string): Promise<ChildProcess> {
  const [executable = '', flag = '', cache = ''] = program('agent/main');
  const main = fileURLToPath(new URL('cluster/main.ts', import.meta.url));
  const log = join(dir, 'cluster.log');
  writeFileSync(log, '');
  const child = spawn(executable, [flag, cache, main, '--folder', join(dir, 'clusters'), '--control', control], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const note = (chunk: Buffer): void => writeFileSync(log, chunk, { flag: 'a' });
  child.stdout.on('data', note);
  child.stderr.on('data', note);
  for (let i = 0; !readFileSync(log, 'utf8').includes('ready'); i++) {
    if (i > 1000 || child.exitCode !== null) throw new Error(`the cluster did not start: ${readFileSync(log, 'utf8')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return child;
}
