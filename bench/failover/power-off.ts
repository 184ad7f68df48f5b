/** The power of the owner is cut: the longest time without an answer, beside keepalived's at the same interval. */
import type { Milliseconds } from '../../src/model/time.ts';
import { pairedRow, printedRow, type BenchRow, type RowResult } from '../harness.ts';
import { contender, cutPower } from './contender.ts';
import { withKeepalived } from './keepalived.ts';
import { withRig } from './rig.ts';

/** keepalived's own interval, by which it is mostly run. */
const DEFAULT_ADVERT_MS = 1000;
const DEFAULT_RUNS = 3;

export const powerOffDefault = row('power-off-default', 'lan', 50, 200, true);
export const powerOffFast = row('power-off-fast', 'fast', 20, 80);

/** @param isPaired whether it is also to be no worse than keepalived, which is beside it in any case. */
function row(
  name: string,
  profile: 'lan' | 'fast',
  intervalMs: Milliseconds,
  limit: number,
  isPaired = false,
): BenchRow {
  return {
    name,
    what: `power of the owner cut, beats every ${intervalMs} ms × 3: longest time between answers at the laptop`,
    measure: (n, { election }) =>
      withRig({ election, profile }, (rig) =>
        withKeepalived(async (keepalived) => {
          const us = contender(rig);
          const peer = await keepalived.at(intervalMs);
          const [ours, theirs]: [number[], number[]] = [[], []];
          for (let i = 0; i < n; i++) {
            ours.push((await cutPower(us)).gap);
            theirs.push((await cutPower(peer)).gap);
          }
          const results: RowResult[] = [
            held(pairedRow(name, ours, { name: peer.name, samples: theirs }, 1), limit, isPaired),
          ];
          if (profile === 'lan') {
            const slow = await keepalived.at(DEFAULT_ADVERT_MS);
            const gaps: number[] = [];
            for (let i = 0; i < Math.min(n, DEFAULT_RUNS); i++) gaps.push((await cutPower(slow)).gap);
            results.push(printedRow(`${name}: ${slow.name}`, gaps));
          }
          return results;
        }),
      ),
  };
}

/** Held to a number, and to its peer if `paired`. */
function held(result: RowResult, limit: number, paired: boolean): RowResult {
  const { bar, median } = result;
  const text = `≤ ${limit} ms`;
  return {
    ...result,
    bar: paired
      ? { text: `${text}, ${bar?.text ?? ''}`, held: bar?.held === true && median <= limit }
      : { text, held: median <= limit },
  };
}

/** What keepalived measures here, beside what it measured with ping(8) on another day: whether the rig can be trusted. */
export const yardstick: BenchRow = {
  name: 'yardstick',
  what: 'power of a keepalived master cut, adverts every 10 and 100 ms: does this rig see what others saw',
  measure: (n) =>
    withKeepalived(async (keepalived) => {
      const results: RowResult[] = [];
      for (const [advertMs, least, most] of [
        [10, 30, 60],
        [100, 290, 370],
      ] as const) {
        const peer = await keepalived.at(advertMs);
        const gaps: number[] = [];
        for (let i = 0; i < Math.min(n, 10); i++) gaps.push((await cutPower(peer)).gap);
        const result = printedRow(`yardstick: ${peer.name}`, gaps);
        const isHeld = result.median >= least && result.median <= most;
        results.push({ ...result, bar: { text: `${least} to ${most} ms`, held: isHeld } });
      }
      return results;
    }),
};
