/** What echo-main.ts saw, and what can be read from it. Times are milliseconds since 1970, by the kernel's clock. */

export interface EchoLog {
  readonly sent: number[];
  /** By index of `sent`: when the kernel had the answer, 0 for none. */
  readonly answered: number[];
}

/**
 * The longest time between two answers, from `from` on: the last answer before it counts as the first.
 * A log without an answer on both sides of the gap says nothing of its length.
 * @throws RangeError then.
 */
export function longestGap(
  log: EchoLog,
  from = 0,
): { readonly gap: number; readonly start: number; readonly end: number } {
  const times = log.answered.filter((time) => time > 0).sort((a, b) => a - b);
  const next = times.findIndex((time) => time >= from);
  let longest = { gap: -1, start: 0, end: 0 };
  for (let i = Math.max(1, next); next >= 0 && i < times.length; i++) {
    const [start = 0, end = 0] = [times[i - 1], times[i]];
    if (end - start > longest.gap) longest = { gap: end - start, start, end };
  }
  if (longest.gap < 0) throw new RangeError('no answer came after the fault');
  return longest;
}

/** Requests sent from `from` on that were never answered. */
export function lost(log: EchoLog, from = 0): number {
  return log.sent.filter((time, i) => time >= from && log.answered[i] === 0).length;
}

/** How far apart two requests were at most: the resolution of the log. */
export function coarsest({ sent }: EchoLog): number {
  return sent.reduce((most, time, i) => Math.max(most, time - (sent[i - 1] ?? time)), 0);
}
