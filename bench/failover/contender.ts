/** What is done to us and to our peers alike. */
import { setTimeout as delay } from 'node:timers/promises';
import { powerOff, stopAgent } from '../../src/lab/faults.ts';
import type { LabPaths } from '../../src/lab/layout.ts';
import type { Ip } from '../../src/model/ip.ts';
import { outageOf, type Outage } from './probe/outage.ts';
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

/** Does something to the owner, and looks until another has the address and `tailMs` longer. */
async function outage(one: Contender, fault: (owner: string) => Promise<unknown>, tailMs = TAIL_MS): Promise<Outage> {
  const { paths, witness, vip, restore } = one;
  return await outageOf({
    start: () => startEcho(paths, vip),
    find: () => witness.holder(vip),
    async fault(owner) {
      await fault(owner);
      await witness.holder(vip, owner);
      await delay(tailMs);
    },
    restore,
  });
}
