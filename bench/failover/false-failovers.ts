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
  runs: 1,
  minutes: DEFAULT_MINUTES,
  measure: (n, { election, minutes = DEFAULT_MINUTES }) =>
    withRig({ election, profile: 'lan' }, async (rig) => {
      const loops = Array.from({ length: PER_CORE * cpus().length }, (_, i) => `busy-${i + 1}`);
      // Programs of the lab: they end with it.
      for (const name of loops) await ensureDaemon(rig.paths, { name, argv: ['sh', '-c', 'while :; do :; done'] });
      const [moves, disputed, gaps]: [number[], number[], number[]] = [[], [], []];
      try {
        for (let i = 0; i < n; i++) {
          const rolls = callRolls(rig);
          try {
            const echo = await startEcho(rig.paths, rig.vip);
            await delay(60_000 * minutes);
            gaps.push(longestGap(await echo.stop()).gap);
            moves.push(rolls.moves());
            disputed.push(rolls.disputed());
          } finally {
            rolls.stop();
          }
        }
        return [
          neverRow('false-failovers: moves', moves),
          neverRow('false-failovers: answered by two', disputed),
          printedRow('false-failovers: longest gap', gaps),
        ];
      } finally {
        for (const name of loops) await stopDaemon(rig.paths, name, { graceMs: 0 });
      }
    }),
};
