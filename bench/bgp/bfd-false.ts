/** Two programs on every core that never stop, and nothing else happens: does the router take a node for dead? */
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureDaemon, stopDaemon } from '../../src/lab/daemons.ts';
import { neverRow, printedRow, type BenchRow } from '../harness.ts';
import { BIRD } from './bird.ts';
import { PACE, withBoth } from './side-by-side.ts';

const DEFAULT_MINUTES = 3;
const PER_CORE = 2;

export const bfdFalse: BenchRow = {
  name: 'bfd-false',
  what: `3 min (--minutes) with two busy loops per core, BFD ${PACE.intervalMs} ms × ${PACE.multiplier}: how often the router gives up a node that lives`,
  runs: 1,
  minutes: DEFAULT_MINUTES,
  measure: (n, { election, minutes = DEFAULT_MINUTES }) =>
    withBoth(election, 'BIRD', async (both) => {
      const { paths, ours, theirs } = both;
      const loops = Array.from({ length: PER_CORE * cpus().length }, (_, i) => `busy-${i + 1}`);
      // Programs of the lab: they end with it.
      for (const name of loops) await ensureDaemon(paths, { name, argv: ['sh', '-c', 'while :; do :; done'] });
      try {
        const [mine, others]: [number[], number[]] = [[], []];
        for (let i = 0; i < n; i++) {
          const before = [both.losses(ours), both.losses(theirs)] as const;
          await delay(60_000 * minutes);
          mine.push(both.losses(ours) - before[0]);
          others.push(both.losses(theirs) - before[1]);
        }
        return [neverRow('bfd-false', mine), printedRow(`bfd-false: ${BIRD}`, others, '')];
      } finally {
        for (const name of loops) await stopDaemon(paths, name, { graceMs: 0 });
      }
    }),
};
