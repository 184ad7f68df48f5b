/** A small LAN for tests: a switch and some hosts in network namespaces of their own, gone with `dispose()`. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run, runOrThrow, type RunOptions, type RunResult } from '../../src/lab/exec.ts';
import { configure, createBridge, createNetns, deleteNetns, listNetns, plug } from '../../src/lab/netns.ts';
import { isAlive, spawnDaemon, stopProcess, type ProcessId } from '../../src/lab/process.ts';

export interface HostDaemon {
  readonly id: ProcessId;
  readonly logFile: string;
  /** What it has written so far. */
  log(): string;
  alive(): boolean;
  /** SIGTERM, then SIGKILL. */
  stop(): Promise<void>;
}

export interface LanHost {
  readonly name: string;
  /** The namespace's name, for `ip netns exec`; its path is /run/netns/NETNS. */
  readonly netns: string;
  /** 10.77.0.11, 10.77.0.12, … in the order of `nodes`, /24, on `eth0`. */
  readonly ip: string;
  /** 02:77:00:00:00:0b, … */
  readonly mac: string;
  /** Runs a command in the namespace; never throws for an exit code. */
  run(argv: readonly string[], options?: Omit<RunOptions, 'netns'>): Promise<RunResult>;
  /** Runs a command that has to work; gives its standard output. */
  must(argv: readonly string[], options?: Omit<RunOptions, 'netns'>): Promise<string>;
  /** Lines of ip(8) in the namespace. */
  ip8(...lines: string[]): Promise<void>;
  /** Starts a daemon in the namespace; `dispose` stops it. */
  daemon(argv: readonly string[], options?: { env?: Record<string, string | undefined> }): HostDaemon;
}

export interface Lan<Name extends string = string> {
  readonly hosts: Readonly<Record<Name, LanHost>>;
  /** The namespace of the switch `br0`; the port of host `a` is `p-a`. */
  readonly bridge: string;
  /** A scratch folder, removed with the LAN. */
  readonly dir: string;
  /** Pulls (false) or plugs (true) the cable of a host at the switch. */
  setCable(host: Name, up: boolean): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * Makes a LAN 10.77.0.0/24. Names are unique in the machine: they hold the pid and a serial number.
 * @param options.nodes host names, at most 12 characters each.
 */
export async function createLan<const Name extends string>(options: { nodes: readonly Name[] }): Promise<Lan<Name>> {
  const dir = mkdtempSync(join(tmpdir(), 'kubevip-test-'));
  // mkdtemp's suffix is what makes two LANs of one process differ.
  const prefix = `kvt-${process.pid}-${dir.slice(-6)}-`;
  const bridge = `${prefix}sw`;
  const daemons: HostDaemon[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(daemons.map((daemon) => daemon.stop()));
    await Promise.all(listNetns(prefix).map(deleteNetns));
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await createNetns(bridge);
    await createBridge(bridge, 'br0');
    const hosts = await Promise.all(
      options.nodes.map(async (name, i) => {
        const number = 11 + i;
        const netns = `${prefix}${name}`;
        const mac = `02:77:00:00:00:${number.toString(16).padStart(2, '0')}`;
        const ip = `10.77.0.${number}`;
        await createNetns(netns);
        await plug({ netns, name: 'eth0', mac }, { netns: bridge, name: 'br0', port: `p-${name}` });
        await configure(netns, [`addr add ${ip}/24 dev eth0`]);
        return [name, host({ name, netns, ip, mac }, dir, daemons)] as const;
      }),
    );
    return {
      hosts: Object.fromEntries(hosts) as Record<Name, LanHost>,
      bridge,
      dir,
      setCable: (name, up) => configure(bridge, [`link set p-${name} ${up ? 'up' : 'down'}`]),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function host(
  facts: { name: string; netns: string; ip: string; mac: string },
  dir: string,
  daemons: HostDaemon[],
): LanHost {
  const { netns } = facts;
  return {
    ...facts,
    run: (argv, options) => run(argv, { ...options, netns }),
    must: (argv, options) => runOrThrow(argv, { ...options, netns }),
    ip8: (...lines) => configure(netns, lines),
    daemon: (argv, options) => {
      const logFile = join(dir, `${facts.name}-${daemons.length}.log`);
      const id = spawnDaemon({ netns, argv, logFile, ...options });
      const daemon: HostDaemon = {
        id,
        logFile,
        log: () => readFileSync(logFile, 'utf8'),
        alive: () => isAlive(id),
        stop: () => stopProcess(id),
      };
      daemons.push(daemon);
      return daemon;
    },
  };
}

/**
 * Waits until `condition` gives something truthy, and gives that back; asks every 10 ms. An error of the condition
 * counts as not yet. @throws Error naming `what`, with the last error, after `guardMs` (default 15 s).
 */
export async function eventually<T>(what: string, condition: () => T | Promise<T>, guardMs = 15_000): Promise<T> {
  const deadline = performance.now() + guardMs;
  let last: unknown;
  do {
    try {
      const value = await condition();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await delay(10);
  } while (performance.now() < deadline);
  throw new Error(`not within ${guardMs} ms: ${what}`, { cause: last });
}
