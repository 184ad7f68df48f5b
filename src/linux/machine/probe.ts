/** This machine, as preflight asks for it. Looks, and changes nothing. */
import { accessSync, constants, existsSync, readdirSync, statfsSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { arch, availableParallelism, hostname, platform, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import type { CommandOutcome } from '../../cluster/ports/commands.ts';
import type { MachineProbe, Writability } from '../../cluster/ports/preflight.ts';
import { parseIp } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import { ownAddresses, ownLinks, ownRoutes, ownTables } from '../own-traces.ts';
import { findProgram, programEnv } from '../programs.ts';
import { run } from '../run.ts';
import { bgpGreeting } from './bgp-greeting.ts';
import { listTcpListeners } from './listeners.ts';
import { below, readWhole } from './read.ts';
import { remoteTime } from './remote-time.ts';
import { askRuntime } from './runtime.ts';

export interface MachineOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
  /** Put in front of every path but the kernel's own (/proc, /sys), for tests and images that are mounted somewhere. */
  readonly root?: string;
}

const TIMEOUT: Milliseconds = 10_000;

export function createMachineProbe(options: MachineOptions = {}): MachineProbe {
  const { netns } = options;
  const at = (path: string): string => below(options.root, path);
  const command = async (
    program: string,
    args: readonly string[],
    timeoutMs = TIMEOUT,
  ): Promise<CommandOutcome | undefined> => {
    try {
      return await run(program, args, { timeoutMs, env: programEnv(), ...(netns === undefined ? {} : { netns }) });
    } catch {
      return undefined;
    }
  };
  return {
    facts: () => ({
      platform: platform(),
      arch: arch(),
      kernel: release(),
      hostname: hostname(),
      uid: process.geteuid?.() ?? -1,
      cpus: availableParallelism(),
      memoryBytes: totalmem(),
    }),
    now: () => new Date(),
    read: (file) => Promise.resolve(readWhole(at(file), netns)),
    list: (folder) => {
      try {
        return Promise.resolve(readdirSync(at(folder)));
      } catch {
        return Promise.resolve(undefined);
      }
    },
    exists: (file) => Promise.resolve(existsSync(at(file))),
    writability: (folder) => Promise.resolve(writabilityOf(nearest(at(folder)))),
    freeBytes: (folder) => {
      try {
        const { bavail, bsize } = statfsSync(nearest(at(folder)));
        return Promise.resolve(bavail * bsize);
      } catch {
        return Promise.resolve(undefined);
      }
    },
    which: (program) => Promise.resolve(findProgram(program)),
    run: command,
    listeners: () => Promise.resolve(listTcpListeners(netns)),
    runtime: (socket) => askRuntime(at(socket)),
    resolve: async (name) => {
      try {
        return (await lookup(name, { all: true })).flatMap(({ address }) => parseIp(address) ?? []);
      } catch {
        return [];
      }
    },
    remoteTime: (host, port) => remoteTime(host, port, netns),
    bgpGreeting: (router, call) => bgpGreeting(router, call, netns),
    ownTraces: async () => [...seenByNetlink(netns), ...(await ownTables(netns).catch(() => []))],
  };
}

function nearest(path: string): string {
  let at = path;
  while (!existsSync(at) && at !== dirname(at)) at = dirname(at);
  return at;
}

function writabilityOf(folder: string): Writability {
  try {
    accessSync(folder, constants.W_OK);
    return 'yes';
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EROFS' ? 'read-only' : 'denied';
  }
}

/** What this user may not see is not there. */
function seenByNetlink(netns: string | undefined): string[] {
  try {
    return [...ownAddresses(netns), ...ownLinks(netns), ...ownRoutes(netns)];
  } catch {
    return [];
  }
}
