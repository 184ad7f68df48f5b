/** To which neighbours the router's kernel sends addresses, and when that changed: by `ip monitor`, which says the time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { configure } from '../../src/lab/netns.ts';
import { netnsOf, type LabPaths } from '../../src/lab/layout.ts';
import { eventually } from '../expose/bench-lab.ts';
import { ahead } from '../failover/probe/priority.ts';

/** Tells that it listens (RFC 5737: nobody's address). */
const MARK = '198.51.100.255';

export interface RouteMonitor {
  /**
   * Until the router sends exactly so many addresses to this neighbour.
   * @returns when that became so, in milliseconds since 1970. @throws Error after `seconds`.
   */
  until(neighbor: string, count: number, seconds?: number): Promise<number>;
  /** How often an address was no longer sent to this neighbour, so far. */
  losses(neighbor: string): number;
  close(): void;
}

/** To one neighbour. */
interface Sent {
  readonly all: Set<string>;
  /** Milliseconds since 1970. */
  changed: number;
  losses: number;
}

export async function openRouteMonitor(paths: LabPaths): Promise<RouteMonitor> {
  const netns = netnsOf(paths, 'router');
  // It must not be late when a thousand routes come at once: the kernel keeps few for it.
  const argv = ['netns', 'exec', netns, ...ahead(), 'ip', '-4', '-o', '-ts', 'monitor', 'route'];
  const child = spawn('ip', argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, KUBEVIP_LAB_ID: paths.id },
  });
  const neighborsOf = new Map<string, readonly string[]>();
  const addresses = new Map<string, Sent>();
  let listens = false;
  let trouble = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (trouble += text));
  const of = (neighbor: string): Sent => {
    const found = addresses.get(neighbor) ?? { all: new Set(), changed: Date.now(), losses: 0 };
    addresses.set(neighbor, found);
    return found;
  };

  createInterface({ input: child.stdout }).on('line', (line) => {
    const [, time = '', deleted, address = '', rest = ''] = /^\[([^\]]+)\] (Deleted )?(\S+) (.*)$/.exec(line) ?? [];
    if (rest.includes(MARK) || address === MARK) listens = true;
    const next = deleted === undefined ? [...rest.matchAll(/\bvia (\S+)/g)].map(([, via = '']) => via) : [];
    const before = neighborsOf.get(address) ?? [];
    if (next.length > 0) neighborsOf.set(address, next);
    else neighborsOf.delete(address);
    // It writes local time.
    const changed = new Date(time).getTime();
    for (const gone of before.filter((each) => !next.includes(each))) {
      of(gone).all.delete(address);
      of(gone).changed = changed;
      of(gone).losses++;
    }
    for (const come of next.filter((each) => !before.includes(each))) {
      of(come).all.add(address);
      of(come).changed = changed;
    }
  });

  await eventually('ip monitor listens', async () => {
    await configure(netns, [`route add unreachable ${MARK}`, `route del unreachable ${MARK}`]);
    return listens;
  });
  return {
    async until(neighbor, count, seconds = 30) {
      const what = `the router sends ${count} addresses to ${neighbor}`;
      await eventually(
        what,
        () => {
          // What it missed is missing for good.
          if (trouble !== '') throw new Error(`ip monitor: ${trouble.trim()}`);
          return of(neighbor).all.size === count;
        },
        seconds,
      );
      return of(neighbor).changed;
    },
    losses: (neighbor) => of(neighbor).losses,
    close() {
      child.kill();
      void once(child, 'exit').catch(() => undefined);
    },
  };
}
