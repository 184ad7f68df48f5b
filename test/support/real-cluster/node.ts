/** One node from outside: its power, its cable, and commands on it. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmdirSync, globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run, runOrThrow, type RunOptions, type RunResult } from '../../../src/lab/exec.ts';
import { netnsOf, macOf, LAN, LAN6, type LabPaths } from '../../../src/lab/layout.ts';
import { configure, createNetns, deleteNetns, netnsExists, plug, sysctl } from '../../../src/lab/netns.ts';
import { isAlive, killHard, processId, type ProcessId } from '../../../src/lab/process.ts';

const HERE = import.meta.dirname;
const CLI = join(HERE, '..', '..', '..', 'bin', 'run.js');

export interface NodeSetup {
  readonly name: string;
  /** Last byte of its address on the LAN, of either family. */
  readonly number: number;
  readonly paths: LabPaths;
  /** Folder with the binaries. */
  readonly lab: string;
  /** Lines for /etc/hosts, with semicolons between. */
  readonly hosts: string;
}

export class RealNode {
  readonly name: string;
  readonly ip: string;
  readonly ip6: string;
  readonly mac: string;
  readonly netns: string;
  /** What the node has written, also while it has no power. */
  readonly folder: string;
  readonly #setup: NodeSetup;
  #init: ProcessId | undefined;
  /** Routes to pods of other nodes. */
  readonly routes = new Map<string, string>();

  constructor(setup: NodeSetup) {
    const { name, number, paths } = setup;
    this.#setup = setup;
    this.name = name;
    this.ip = `10.77.0.${number}`;
    this.ip6 = `2001:db8:77::${number}`;
    this.mac = macOf(number);
    this.netns = netnsOf(paths, name);
    this.folder = join(paths.dir, 'nodes', name);
  }

  async powerOn(): Promise<void> {
    const { name, paths, lab, hosts } = this.#setup;
    mkdirSync(this.folder, { recursive: true });
    await createNetns(this.netns);
    await sysctl(this.netns, { 'net.ipv6.conf.default.accept_ra': 0, 'net.ipv6.conf.all.forwarding': 1 });
    await plug(
      { netns: this.netns, name: 'eth0', mac: this.mac },
      { netns: netnsOf(paths, 'lan'), name: 'br0', port: `p-${name}` },
    );
    await configure(this.netns, [
      `addr add ${this.ip}/${LAN.prefixLength} dev eth0`,
      `addr add ${this.ip6}/64 dev eth0`,
      `route add default via ${LAN.router}`,
      `route add default via ${LAN6.gateway} dev eth0`,
      ...[...this.routes].map(([prefix, via]) => `route replace ${prefix} via ${via}`),
    ]);
    const groups = makeGroups(this.netns);
    const enter = 'for group in $GROUPS_OF_NODE; do echo $$ > $group/cgroup.procs; done; exec "$@"';
    const namespaces = ['unshare', '-m', '-u', '-i', '-p', '-C', '--fork', '--kill-child'];
    const boot = [...namespaces, join(HERE, 'node.sh'), name, this.folder, hosts];
    const log = openSync(join(this.folder, 'boot.log'), 'a');
    const child = spawn('sh', ['-c', enter, 'sh', 'ip', 'netns', 'exec', this.netns, ...boot], {
      env: { ...process.env, KUBE_LAB_DIR: lab, PATH: this.#path(), GROUPS_OF_NODE: groups.join(' ') },
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    child.unref();
    this.#init = await this.#waitFor('is not there', () => childOf(child.pid ?? 0, 'node.sh'));
    await this.#waitFor('has no containerd', async () => {
      const { code } = await this.run(['ctr', 'version']);
      return code === 0 ? true : undefined;
    });
  }

  /** Takes its power: the cable first, so that nothing dying says goodbye. What it wrote stays. */
  async powerOff(): Promise<void> {
    const lan = netnsOf(this.#setup.paths, 'lan');
    if (netnsExists(lan)) await run(['ip', '-n', lan, 'link', 'delete', `p-${this.name}`]);
    const init = this.#init;
    this.#init = undefined;
    if (init !== undefined) {
      killHard(init);
      for (let i = 0; isAlive(init) && i < 200; i++) await delay(50);
    }
    await deleteNetns(this.netns);
    await removeGroups(this.netns);
  }

  /** Runs a command as root at its console. Never throws for an exit code. */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return await run(this.#command(argv), { timeoutMs: 300_000, ...options });
  }

  /** One that has to work. @returns its standard output */
  async must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    return await runOrThrow(this.#command(argv), { timeoutMs: 300_000, ...options });
  }

  /** The CLI as it is built. */
  async kubevip(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return await this.run([process.execPath, CLI, ...args], options);
  }

  async kubectl(...args: string[]): Promise<string> {
    return await this.must(['kubectl', ...args]);
  }

  async load(archive: string): Promise<void> {
    await this.must(['ctr', '--namespace', 'k8s.io', 'images', 'import', '--local', archive]);
  }

  #command(argv: readonly string[]): string[] {
    if (this.#init === undefined) throw new Error(`${this.name} has no power`);
    const inside = ['nsenter', '-t', String(this.#init.pid), '-m', '-u', '-i', '-n', '-p', '-C', '--'];
    const env = [`PATH=${this.#path()}`, 'HOME=/root', 'KUBECONFIG=/etc/kubernetes/admin.conf'];
    return [...inside, 'env', '-C', '/root', '-u', 'KUBEVIP_NETNS', ...env, ...argv];
  }

  #path(): string {
    const { lab } = this.#setup;
    const own = [join(HERE, 'bin'), join(lab, 'bin'), join(lab, 'rt/usr/bin'), join(lab, 'rt12/usr/sbin')];
    return [...own, process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(':');
  }

  async #waitFor<T>(trouble: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
    for (let i = 0; i < 300; i++) {
      const found = await look();
      if (found !== undefined) return found;
      await delay(100);
    }
    throw new Error(`${this.name} ${trouble}: ${readFileSync(join(this.folder, 'boot.log'), 'utf8')}`);
  }
}

/** The child of `unshare --fork`, once it is the program. */
function childOf(pid: number, program: string): ProcessId | undefined {
  try {
    const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ', 1)[0]);
    return readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(program) ? processId(child) : undefined;
  } catch {
    return undefined;
  }
}

/** One group for the node in each hierarchy, below ours. */
function makeGroups(name: string): string[] {
  return hierarchies().map((path) => {
    const group = join(path, name);
    mkdirSync(group, { recursive: true });
    if (existsSync(join(group, 'cpuset.cpus'))) {
      // A new one has no processors, and nobody can be in it then.
      for (const file of ['cpuset.cpus', 'cpuset.mems'])
        writeFileSync(join(group, file), readFileSync(join(path, file)));
      writeFileSync(join(group, 'cgroup.clone_children'), '1');
    }
    return group;
  });
}

/** Where this process is in each hierarchy of version 1. */
function hierarchies(): string[] {
  return readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, number, controllers = '', path = ''] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
      const mount = join('/sys/fs/cgroup', controllers.replace('name=', ''));
      return number === undefined || number === '0' || !existsSync(mount) ? [] : [join(mount, path)];
    });
}

/** Groups empty themselves in the kernel’s own time. */
export async function removeGroups(name: string): Promise<void> {
  const all = hierarchies()
    .flatMap((path) => [...globSync(`${path}/${name}/**/`), join(path, name)])
    .sort((a, b) => b.length - a.length);
  for (const group of new Set(all)) {
    for (let i = 0; existsSync(group) && i < 100; i++) {
      try {
        rmdirSync(group);
      } catch {
        await delay(20);
      }
    }
  }
}
