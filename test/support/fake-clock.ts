/** A clock that stands still until told otherwise, so that hours of timers run in a moment. */
import type { Clock, Milliseconds, Timer } from '../../src/model/time.ts';

export interface FakeClock extends Clock {
  /**
   * Moves time forward by `delay`, calling back every timer that falls due on the way, in order, at its own time;
   * timers set by callbacks included. `advance(0)` runs what is due now.
   */
  advance(delay: Milliseconds): void;
  /** Like {@link advance}, and lets promises settle before, between and after timers. */
  advanceAsync(delay: Milliseconds): Promise<void>;
  /**
   * Lets time pass with nobody being called back, as when the process is stopped: what fell due comes with the next
   * `advance`, late.
   */
  stall(delay: Milliseconds): void;
  /** Time until the next timer, undefined when there is none. */
  next(): Milliseconds | undefined;
  /** Timers not yet called back or cancelled. */
  pending(): number;
}

interface Entry {
  readonly at: Milliseconds;
  readonly order: number;
  readonly callback: () => void;
}

/** More timers than any sensible test sets off in one step: a loop that never ends is found instead of hanging. */
const MAX_STEPS = 1_000_000;

/** @param wall what the wall clock shows at `now() === 0`. */
export function createFakeClock(wall: Date = new Date('2026-01-01T00:00:00Z')): FakeClock {
  let now = 0;
  let order = 0;
  const entries = new Set<Entry>();

  const earliest = (until: Milliseconds): Entry | undefined => {
    let first: Entry | undefined;
    for (const entry of entries) {
      if (entry.at > until) continue;
      if (!first || entry.at < first.at || (entry.at === first.at && entry.order < first.order)) first = entry;
    }
    return first;
  };
  /** Runs the next timer due by `until`. False when there is none. */
  const step = (until: Milliseconds): boolean => {
    const entry = earliest(until);
    if (!entry) return false;
    entries.delete(entry);
    now = Math.max(now, entry.at);
    entry.callback();
    return true;
  };
  const guard = (steps: number): void => {
    if (steps >= MAX_STEPS) throw new Error(`timers set each other off without end at ${now} ms`);
  };

  return {
    now: () => now,
    wall: () => new Date(wall.getTime() + now),
    after(delay, callback): Timer {
      const entry = { at: now + Math.max(0, delay), order: order++, callback };
      entries.add(entry);
      return { cancel: () => void entries.delete(entry) };
    },
    advance(delay) {
      const until = now + delay;
      for (let steps = 0; step(until); steps++) guard(steps);
      now = until;
    },
    async advanceAsync(delay) {
      const until = now + delay;
      await settle();
      for (let steps = 0; step(until); steps++) {
        guard(steps);
        await settle();
      }
      now = until;
      await settle();
    },
    stall(delay) {
      now += delay;
    },
    next() {
      const entry = earliest(Number.POSITIVE_INFINITY);
      return entry && Math.max(0, entry.at - now);
    },
    pending: () => entries.size,
  };
}

/** One turn of the event loop: every promise that can settle has settled. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
