/** The API server is away, for longer than any Lease lasts, and then the owner's power is cut. */
import { setTimeout as delay } from 'node:timers/promises';
import { stopDaemon } from '../../src/lab/daemons.ts';
import { powerOff } from '../../src/lab/faults.ts';
import { labUp } from '../../src/lab/lab.ts';
import { absoluteRow, neverRow, type BenchRow } from '../harness.ts';
import { longestGap, lost } from './probe/echo-log.ts';
import { startEcho } from './probe/prober.ts';
import { withRig } from './rig.ts';

const DEFAULT_MINUTES = 10;

export const apiDown: BenchRow = {
  name: 'api-down',
  what: 'API server away for 10 min (--minutes), then power of the owner cut: longest time between answers',
  runs: 1,
  minutes: DEFAULT_MINUTES,
  measure: (n, { election, minutes = DEFAULT_MINUTES }) =>
    withRig({ election, profile: 'lan' }, async ({ paths, witness, vip, restore }) => {
      const [gaps, lostBefore]: [number[], number[]] = [[], []];
      for (let i = 0; i < n; i++) {
        const echo = await startEcho(paths, vip);
        await stopDaemon(paths, 'api', { graceMs: 0 });
        await delay(60_000 * minutes);
        // On a busy machine it may have become another one meanwhile.
        const owner = await witness.holder(vip);
        const at = Date.now() - 5;
        await powerOff(paths.id, owner);
        await witness.holder(vip, owner);
        await delay(300);
        const log = await echo.stop();
        gaps.push(longestGap(log, at).gap);
        lostBefore.push(lost(log) - lost(log, at));
        await labUp(paths.id);
        await restore(owner);
      }
      return [
        absoluteRow('api-down: power-off, longest gap', gaps, 200),
        neverRow('api-down: requests lost before', lostBefore),
      ];
    }),
};
