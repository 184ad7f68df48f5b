/** A node hands its addresses over, because somebody wishes it or because its agent is told to end. */
import { createSystemClock } from '../../src/linux/clock.ts';
import { handover as handNodeOver, undoHandover } from '../../src/workflows/handover.ts';
import { absoluteRow, neverRow, printedRow, type BenchRow, type RowResult } from '../harness.ts';
import { contender, handOver, type Contender } from './contender.ts';
import { withKeepalived } from './keepalived.ts';
import { reasons } from './probe/connect-log.ts';
import { startConnecting } from './probe/prober.ts';
import { withRig, type Rig } from './rig.ts';

/** Two hundred a second. */
const CONNECT_EVERY_MS = 5;
/** As long as the old owner goes on serving, and the first repetition of what it lost. */
const TAIL_MS = 1500;
/** keepalived at the interval of our default. */
const ADVERT_MS = 50;

export const handover = row('handover', 'by `kubevip handover`', (rig) => {
  const parts = { cluster: rig.cluster, clock: createSystemClock(), timeout: 30_000 };
  return {
    ...contender(rig),
    stop: async (node) => await toEnd(handNodeOver(node, parts)),
    restore: async (node) => await toEnd(undoHandover(node, parts)),
  };
});

export const handoverSigterm = row('handover-sigterm', 'its agent is told to end (SIGTERM), and comes back', contender);

function row(name: string, how: string, contenderOf: (rig: Rig) => Contender): BenchRow {
  return {
    name,
    what: `the owner hands over, ${how}: requests (every 2 ms) and TCP connections (200 a second) that are lost`,
    measure: (n, { election }) =>
      withRig({ election, profile: 'lan', pods: 3 }, (rig) =>
        withKeepalived(async (keepalived) => {
          const [us, peer] = [contenderOf(rig), await keepalived.at(ADVERT_MS)];
          const [gaps, lost, failed]: [number[], number[], number[]] = [[], [], []];
          const [peerGaps, peerLost]: [number[], number[]] = [[], []];
          for (let i = 0; i < n; i++) {
            const connecting = await startConnecting(rig.paths, rig.vip, CONNECT_EVERY_MS);
            const ours = await handOver(us, TAIL_MS);
            const log = await connecting.stop();
            gaps.push(ours.gap);
            lost.push(ours.lost);
            failed.push(log.failed.length);
            if (log.failed.length > 0) console.error(`of ${log.started.length} connections: ${reasons(log)}`);
            const theirs = await handOver(peer);
            peerGaps.push(theirs.gap);
            peerLost.push(theirs.lost);
          }
          const results: RowResult[] = [
            neverRow(`${name}: requests lost`, lost),
            neverRow(`${name}: connections failed`, failed),
            absoluteRow(`${name}: longest gap`, gaps, 10),
            printedRow(`${name}: ${peer.name}: requests lost`, peerLost, ''),
            printedRow(`${name}: ${peer.name}: longest gap`, peerGaps),
          ];
          return results;
        }),
      ),
  };
}

async function toEnd(steps: AsyncGenerator): Promise<void> {
  while ((await steps.next()).done !== true);
}
