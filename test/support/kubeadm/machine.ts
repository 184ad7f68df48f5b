/** One node: its namespaces, its power, its cable, and what is on it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { configure, createNetns, deleteNetns, netnsPath, sysctl } from '../../../src/lab/netns.ts';
import { isAlive, killHard, processId, type ProcessId } from '../../../src/lab/process.ts';
import { program } from '../../../src/lab/cluster-daemons.ts';
import type { Answer, Method } from './cli/api.ts';
import type { Doc } from './cli/config.ts';
import type { NodeFacts, Trace } from './node/facts.ts';

const BOOT = join(import.meta.dirname, 'node', 'boot.sh');
const ASK = join(import.meta.dirname, 'cli', 'ask.ts');
const NO_SWAP = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n';
/** Above kubeadm's own limits at the patience of tests. */
const TIMEOUT_MS = 60_000;

export interface Outcome {
  /** Null: ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface NodeRunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default 60 s; then it is killed. */
  readonly timeoutMs?: number;
}

/** A command that goes on while the test does other things. */
export interface Started {
  readonly done: Promise<Outcome>;
  /** What it has said so far. */
  output(): { readonly stdout: string; readonly stderr: string };
  /** kill -9 of the command alone: what it has started goes on. */
  kill(): void;
  /** kill -9 of the command and everything it has started. */
  killAll(): void;
}

export interface Node {
  readonly name: string;
  readonly ip: string;
  readonly mac: string;
  readonly netns: string;
  /** Runs a command as root at the console of the node; never throws for an exit code. */
  run(argv: readonly string[], options?: NodeRunOptions): Promise<Outcome>;
  /** One that has to work. @returns its standard output */
  must(argv: readonly string[], options?: NodeRunOptions): Promise<string>;
  start(argv: readonly string[], options?: NodeRunOptions): Started;
  /**
   * Asks an API server with a kubeconfig of the node; code 0: nobody answered.
   * @param options.server in place of the one that the kubeconfig names
   */
  ask(conf: string, method: Method, path: string, options?: { server?: string; body?: Doc }): Promise<Answer>;
  /** A file of the node, also while it has no power: only of folders that are the node's own. Undefined: none. */
  read(path: string): string | undefined;
  /** Another text whenever such a file has been written; empty: there is none. */
  stamp(path: string): string;
  /** Writes a file on the node. */
  write(path: string, content: string): Promise<void>;
  /** What has been called of kubeadm. */
  trace(): Trace[];
  /** All that is on the node: addresses, links, routes, rules, sysctls, files, processes; sorted lines. */
  snapshot(): Promise<string[]>;
  setSwap(on: boolean): void;
  /** Pulls or plugs its cable at the switch. */
  setCable(up: boolean): Promise<void>;
  /** Takes its power: nothing on it can say goodbye. Files stay. */
  powerOff(): Promise<void>;
  powerOn(): Promise<void>;
}

interface Setup {
  readonly facts: NodeFacts;
  readonly mac: string;
  /** Of the world. */
  readonly dir: string;
  readonly netns: string;
  readonly switchboard: { readonly netns: string; readonly bridge: string };
  readonly gateway: string;
}

export async function startNode(setup: Setup): Promise<Node> {
  const { facts, mac, netns, dir } = setup;
  const folder = join(dir, 'nodes', facts.name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'node.json'), JSON.stringify(facts));
  writeFileSync(join(folder, 'swaps'), NO_SWAP);
  writeFileSync(facts.trace, '');
  let first: First | undefined;

  const start = (argv: readonly string[], options: NodeRunOptions = {}): Started => {
    if (first === undefined) throw new Error(`${facts.name} has no power`);
    return startIn(first.id.pid, join(dir, 'bin'), argv, options);
  };
  const node: Node = {
    name: facts.name,
    ip: facts.ip,
    mac,
    netns,
    start,
    run: async (argv, options) => await start(argv, options).done,
    async must(argv, options) {
      const outcome = await start(argv, options).done;
      if (outcome.code === 0) return outcome.stdout;
      const said = `${outcome.stdout}${outcome.stderr}`.trim();
      throw new Error(`${facts.name}: \`${argv.join(' ')}\` ended with ${outcome.code}: ${said}`);
    },
    async ask(conf, method, path, { server, body } = {}) {
      const argv = [
        ...program('agent/main').slice(0, 3),
        ASK,
        conf,
        method,
        path,
        ...(server === undefined ? [] : [server]),
      ];
      return JSON.parse(await node.must(argv, body === undefined ? {} : { input: JSON.stringify(body) })) as Answer;
    },
    read: (path) => readOverlay(folder, path),
    stamp: (path) => {
      const stat = lstatSync(overlayPath(folder, path) ?? '', { throwIfNoEntry: false });
      return stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
    },
    async write(path, content) {
      const script = 'umask 077; mkdir -p "$(dirname "$1")"; cat >"$1"';
      await node.must(['sh', '-c', script, 'sh', path], { input: content });
    },
    trace: () =>
      readFileSync(facts.trace, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Trace),
    async snapshot() {
      const { stdout } = await node.run(['bash', '-c', KERNEL]);
      return [...kernelLines(stdout), ...fileLines(folder)].sort();
    },
    setSwap(on) {
      writeFileSync(join(folder, 'swaps'), on ? `${NO_SWAP}/swapfile file 1048572 0 -2\n` : NO_SWAP);
    },
    setCable: async (up) =>
      await configure(setup.switchboard.netns, [`link set p-${facts.name} ${up ? 'up' : 'down'}`]),
    async powerOff() {
      if (first === undefined) return;
      // The cable first: nothing of a dying node shall be heard.
      await configure(setup.switchboard.netns, [`link del p-${facts.name}`]);
      killHard(first.id);
      while (isAlive(first.id)) await delay(5);
      first = undefined;
      await deleteNetns(netns);
    },
    async powerOn() {
      if (first === undefined) first = await boot(setup, folder);
    },
  };
  await node.powerOn();
  return node;
}

interface First {
  /** Process 1 of the node, by its number on the machine. */
  readonly id: ProcessId;
}

async function boot({ facts, mac, netns, switchboard, gateway }: Setup, folder: string): Promise<First> {
  const port = `p-${facts.name}`;
  await createNetns(netns);
  await configure(switchboard.netns, [
    `link add ${port} type veth peer name eth0 address ${mac} netns ${netns}`,
    `link set ${port} master ${switchboard.bridge} up`,
  ]);
  await configure(netns, [`addr add ${facts.ip}/24 dev eth0`, 'link set eth0 up', `route add default via ${gateway}`]);
  await sysctl(netns, { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 });
  const child = spawn(
    'nsenter',
    [
      `--net=${netnsPath(netns)}`,
      'unshare',
      '--mount',
      '--uts',
      '--ipc',
      '--pid',
      '--fork',
      '--kill-child=SIGKILL',
      'bash',
      BOOT,
      folder,
      facts.name,
      facts.ip,
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  for (let i = 0; !said.includes('booted'); i++) {
    if (i > 3000 || child.exitCode !== null) throw new Error(`${facts.name} does not boot: ${said}`);
    await delay(10);
  }
  const id = onlyChild(child);
  if (id === undefined) throw new Error(`${facts.name} has no first process: ${said}`);
  return { id };
}

/** `unshare --fork` and `nsenter` into a PID namespace have one child, which is the program. */
function onlyChild({ pid }: ChildProcess): ProcessId | undefined {
  try {
    const [first = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return first === '' ? undefined : processId(Number(first));
  } catch {
    return undefined;
  }
}

function startIn(pid: number, bin: string, argv: readonly string[], options: NodeRunOptions): Started {
  const path = `${bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  const child = spawn(
    'nsenter',
    ['--target', String(pid), '--mount', '--uts', '--ipc', '--net', '--pid', '--wdns=/root', ...argv],
    {
      // A group of its own, so that all of it can be killed.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: path, HOME: '/root', LANG: 'C.UTF-8', TERM: 'dumb', NODE_NO_WARNINGS: '1', ...options.env },
    },
  );
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const killAll = (): void => {
    const id = child.pid === undefined ? undefined : processId(child.pid);
    if (id !== undefined) killHard(id);
  };
  const done = new Promise<Outcome>((resolve, reject) => {
    const timer = setTimeout(killAll, options.timeoutMs ?? TIMEOUT_MS);
    child.on('error', reject);
    // Not `close`: what the command leaves behind may keep its output open.
    child.on('exit', (code) => {
      clearTimeout(timer);
      setTimeout(() => resolve({ code, ...said }), 20);
    });
  });
  return {
    done,
    output: () => ({ ...said }),
    kill() {
      const id = onlyChild(child);
      if (id !== undefined) process.kill(id.pid, 'SIGKILL');
    },
    killAll,
  };
}

/** Where a file of the node is on the machine; undefined for folders that are not kept. */
function overlayPath(folder: string, path: string): string | undefined {
  for (const dir of ['usr/local', 'etc', 'var', 'root', 'opt']) {
    if (path.startsWith(`/${dir}/`)) return join(folder, 'disk', dir.replaceAll('/', '_'), relative(`/${dir}`, path));
  }
  return undefined;
}

function readOverlay(folder: string, path: string): string | undefined {
  const file = overlayPath(folder, path);
  return file !== undefined && existsSync(file) && lstatSync(file).isFile() ? readFileSync(file, 'utf8') : undefined;
}

/** Files that change by themselves, or are nobody's state. */
const TRIVIAL =
  /^(var\/log\/|var\/cache\/|var\/lib\/systemd\/|root\/\.(cache|npm|config\/(oclif|kubevip)\/?$)|etc\/(mtab|ld\.so\.cache))/;

/** Everything that is different from the machine's own files: what the node has written. */
function fileLines(folder: string): string[] {
  const disk = join(folder, 'disk');
  const lines: string[] = [];
  const walk = (dir: string): void => {
    for (const name of readdirSync(dir)) {
      const path = join(dir, name);
      const stat = lstatSync(path);
      const shown = relative(disk, path).replace(/^usr_local/, 'usr/local');
      if (TRIVIAL.test(shown)) continue;
      const mode = (stat.mode & 0o7777).toString(8);
      if (stat.isDirectory()) {
        walk(path);
        // A folder of the machine in which something was written is in the overlay too.
        if (mode !== modeOnMachine(`/${shown}`)) lines.push(`file ${shown}/ ${mode}`);
      } else if (stat.isSymbolicLink()) lines.push(`file ${shown} -> ${readlinkSync(path)}`);
      else if (stat.isFile()) {
        lines.push(
          `file ${shown} ${mode} ${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)}`,
        );
      } else lines.push(`file ${shown} ${stat.isCharacterDevice() ? 'removed' : 'special'}`);
    }
  };
  for (const name of readdirSync(disk)) if (!name.endsWith('.work')) walk(join(disk, name));
  return lines;
}

function modeOnMachine(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true ? (stat.mode & 0o7777).toString(8) : undefined;
}

/** Each line with what it is about in front, so that a difference reads well. */
const KERNEL = `
ip -o link | sed 's/^/link /'; ip -o addr | sed 's/^/address /'
{ ip route show table all; ip -6 route show table all; } | sed 's/^/route /'
{ ip rule; ip -6 rule; } | sed 's/^/rule /'
nft list ruleset | sed 's/^/nft /'
sysctl -a --pattern '^(net|kernel\\.(panic|keys)|vm\\.(overcommit|panic))' 2>/dev/null | sed 's/^/sysctl /'
for p in /proc/[0-9]*; do [ "$p" = "/proc/$$" ] || { c=$(tr '\\0' ' ' <"$p/cmdline" 2>/dev/null); [ -n "$c" ] && echo "process $c"; }; done
find /run -mindepth 1 -not -path '/run/stand-in*' -not -path '/run/containerd*' -not -path '/run/lock*' | sed 's/^/file /'
`;

const MOVING = [
  / (valid_lft|preferred_lft|expires|hoplimit|metric|users|packets|bytes|handle) \d+(sec)?/g,
  /^sysctl (net\.netfilter\.nf_conntrack_count|net\.ipv4\.tcp_fastopen_key|net\.core\.flow_limit).*$/gm,
  // The other end of a cable gets another number when a node is switched on again.
  /(?<=^link \d+: \w+)@if\d+/gm,
  // A shorter value over a longer one leaves an empty line in the files that stand for settings (boot.sh).
  /^sysctl \S+ = ?$/gm,
  /^process (sed|sysctl|bash -c|tr|find|nft|ip) .*$/gm,
];

function kernelLines(text: string): string[] {
  return MOVING.reduce((all, moving) => all.replaceAll(moving, ''), text)
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !/^nft\s*\}?$/.test(line));
}
