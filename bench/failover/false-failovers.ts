/** Two programs on every core that never stop, and nothing else happens: does an address move? */
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureDaemon, stopDaemon } from '../../src/lab/daemons.ts';
import { neverRow, printedRow, type BenchRow } from '../harness.ts';
import { longestGap } from './probe/echo-log.ts';
import { startEcho } from './probe/prober.ts';
import { withRig } from './rig.ts';
import { callRolls } from './two-owners.ts';

const DEFAULT_MINUTES = 10;
const PER_CORE = 2;

export const falseFailovers: BenchRow = {
  name: 'false-failovers',
  what: '10 min (--minutes) with two busy loops per core: how often the address moves',
  measure: (_, { election, minutes = DEFAULT_MINUTES }) =>
    withRig({ election, profile: 'lan' }, async (rig) => {
      const loops = Array.from({ length: PER_CORE * cpus().length }, (_, i) => `busy-${i + 1}`);
      // Programs of the lab: they end with it.
      for (const name of loops) await ensureDaemon(rig.paths, { name, argv: ['sh', '-c', 'while :; do :; done'] });
      const rolls = callRolls(rig);
      try {
        const echo = await startEcho(rig.paths, rig.vip);
        await delay(60_000 * minutes);
        const log = await echo.stop();
        return [
          neverRow('false-failovers: moves', [rolls.moves()]),
          neverRow('false-failovers: answered by two', [rolls.disputed()]),
          printedRow('false-failovers: longest gap', [longestGap(log).gap]),
        ];
      } finally {
        rolls.stop();
        for (const name of loops) await stopDaemon(rig.paths, name, { graceMs: 0 });
      }
    }),
};
