/**
 * When to announce an address. Again after 0.1 s, since a frame may be lost; then more than a second
 * apart, since Linux may ignore what changes a neighbour entry again within a second; then seldom, for hosts that
 * missed it all.
 */
import type { Milliseconds } from '../../model/time.ts';

export interface AnnouncementTiming {
  /** Since the start, ascending. */
  readonly burst: readonly Milliseconds[];
  /** After the burst, for as long as the address is held. */
  readonly every: Milliseconds;
}

export const TAKEOVER: AnnouncementTiming = { burst: [0, 100, 1100, 2200, 5000], every: 30_000 };

export interface AnnouncementSchedule {
  /** How many announcements have fallen due since the last call: 0, or 1 however late the call is. */
  take(now: Milliseconds): 0 | 1;
  deadline(): Milliseconds;
  /** From the beginning: the address was taken over, or its link is back. */
  restart(now: Milliseconds): void;
}

export function createAnnouncementSchedule(now: Milliseconds, timing = TAKEOVER): AnnouncementSchedule {
  let start = now;
  let next = 0;
  let last = now;
  const deadline = (): Milliseconds => {
    const inBurst = timing.burst[next];
    return inBurst === undefined ? last + timing.every : start + inBurst;
  };
  return {
    take: (time) => {
      if (time < deadline()) return 0;
      last = time;
      next++;
      // What was slept through is not made up for.
      while (next < timing.burst.length && start + (timing.burst[next] ?? 0) <= time) next++;
      return 1;
    },
    deadline,
    restart: (time) => {
      start = time;
      last = time;
      next = 0;
    },
  };
}
