/** One of two nodes that announce an address goes, without a word or with one: what is lost beyond the router. */
import type { Milliseconds } from '../../src/model/time.ts';
import { absoluteRow, besideRow, neverRow, printedRow, summarise, type BenchRow, type RowResult } from '../harness.ts';
import type { Outage } from '../failover/probe/outage.ts';
import { BIRD } from './bird.ts';
import type { RouterMake } from './peering.ts';
import { PACE, withBoth, type Pair, type SideBySide } from './side-by-side.ts';

/** Looked at for so long after the router has found the other way. */
const TAIL_MS = 500;
const WATCHED = `BFD ${PACE.intervalMs} ms × ${PACE.multiplier}`;

export const bfdPowerOff: BenchRow = {
  name: 'bfd-power-off',
  what: `power of the one of two nodes that answers cut, ${WATCHED}: longest time between answers beyond the router`,
  async measure(n, { election }) {
    const cut = (both: SideBySide, pair: Pair): Promise<Outage> => both.cutPower(pair, TAIL_MS);
    const bird = await inTurn(n, election, 'BIRD', cut);
    const frr = await inTurn(n, election, 'FRR', cut);
    return [
      besideRow('bfd-power-off', gaps(bird.ours), 160, { name: BIRD, samples: gaps(bird.theirs) }),
      // It lets 60 ms pass between the end of a session and the change of its routes, whoever the peer was.
      { ...printedRow('bfd-power-off: FRR on the router', gaps(frr.ours)), peer: peerOf(frr.theirs) },
    ];
  },
};

export const sigtermLost: BenchRow = {
  name: 'sigterm-lost',
  what: 'SIGTERM of the agent on the one of two nodes that answers: requests from beyond the router (every 2 ms) lost',
  measure: async (n, { election }): Promise<RowResult[]> => {
    const { ours, theirs } = await inTurn(n, election, 'FRR', (both, pair) => both.terminate(pair, TAIL_MS));
    return [
      neverRow('sigterm-lost', losses(ours)),
      absoluteRow('sigterm-lost: longest gap', gaps(ours), 10),
      printedRow(`sigterm-lost: ${BIRD}: lost`, losses(theirs), ''),
      printedRow(`sigterm-lost: ${BIRD}: longest gap`, gaps(theirs)),
    ];
  },
};

const gaps = (outages: readonly Outage[]): Milliseconds[] => outages.map(({ gap }) => gap);
const peerOf = (outages: readonly Outage[]): NonNullable<RowResult['peer']> => ({
  name: BIRD,
  ...summarise(gaps(outages)),
});
const losses = (outages: readonly Outage[]): number[] => outages.map(({ lost }) => lost);

async function inTurn(
  n: number,
  election: 'heartbeat' | 'lease',
  make: RouterMake,
  sample: (both: SideBySide, pair: Pair) => Promise<Outage>,
): Promise<{ readonly ours: readonly Outage[]; readonly theirs: readonly Outage[] }> {
  return await withBoth(election, make, async (both) => {
    const [ours, theirs]: [Outage[], Outage[]] = [[], []];
    for (let i = 0; i < n; i++) {
      ours.push(await sample(both, both.ours));
      theirs.push(await sample(both, both.theirs));
    }
    return { ours, theirs };
  });
}
