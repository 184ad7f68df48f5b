/** What is done to us and to our peers alike. */
import { setTimeout as delay } from 'node:timers/promises';
import { powerOff, stopAgent } from '../../src/lab/faults.ts';
import type { LabPaths } from '../../src/lab/layout.ts';
import type { Ip } from '../../src/model/ip.ts';
import type { Milliseconds } from '../../src/model/time.ts';
import { coarsest, longestGap, lost } from './probe/echo-log.ts';
import { startEcho } from './probe/prober.ts';
import type { Rig } from './rig.ts';
import type { Witness } from './witness.ts';

export interface Contender {
  readonly name: string;
  readonly paths: LabPaths;
  readonly witness: Witness;
  readonly vip: Ip;
  /** Lets go of the address by itself: SIGTERM. */
  readonly stop: (node: string) => Promise<unknown>;
  readonly restore: (node: string) => Promise<void>;
}

export interface Outage {
  /** The longest time between two answers. */
  readonly gap: Milliseconds;
  /** Requests without an answer. */
  readonly lost: number;
}

/** A prober that was late by more than this has measured itself. */
const COARSE_MS = 12;
const TAIL_MS = 300;

export function contender(rig: Rig): Contender {
  const { paths, witness, vip, restore } = rig;
  return {
    name: 'kubevip',
    paths,
    witness,
    vip,
    restore,
    stop: async (node) => await stopAgent(paths.id, node),
  };
}

/** Cuts the power of the node that has the address, and gives it back afterwards. */
export async function cutPower(one: Contender): Promise<Outage> {
  return await outage(one, async (owner) => await powerOff(one.paths.id, owner));
}

/** The node that has the address is asked to let go of it. */
export async function handOver(one: Contender, tailMs = TAIL_MS): Promise<Outage> {
  return await outage(one, async (owner) => await one.stop(owner), tailMs);
}

/**
 * Does something to the owner, with a request to the address every 2 ms, until another has it and `tailMs` longer.
 * A sample in which the prober itself was late is taken again.
 */
async function outage(one: Contender, fault: (owner: string) => Promise<unknown>, tailMs = TAIL_MS): Promise<Outage> {
  for (let attempt = 1; ; attempt++) {
    const { paths, witness, vip } = one;
    const owner = await witness.holder(vip);
    const echo = await startEcho(paths, vip);
    await delay(200 + 100 * Math.random());
    const at = Date.now();
    await fault(owner);
    await witness.holder(vip, owner);
    await delay(tailMs);
    const log = await echo.stop();
    await one.restore(owner);
    const resolution = coarsest(log);
    // The clocks differ by less than this.
    const since = at - 5;
    if (resolution <= COARSE_MS) return { gap: longestGap(log, since).gap, lost: lost(log, since) };
    if (attempt === 5) throw new Error(`the machine is too busy: requests were ${resolution.toFixed(0)} ms apart`);
    console.error(`requests were ${resolution.toFixed(0)} ms apart: once more`);
  }
}
