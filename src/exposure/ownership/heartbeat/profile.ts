/** How fast the death of a node is noticed, and how much a network may lose before a living one is taken for dead. */
import type { Milliseconds } from '../../../model/time.ts';

export interface HeartbeatProfile {
  /** Between two beats. */
  readonly interval: Milliseconds;
  /** A node counts as dead after this many intervals without a beat. */
  readonly missed: number;
}

/** Setting `kubevip_heartbeat`. */
export const PROFILES = {
  lan: { interval: 50, missed: 3 },
  fast: { interval: 20, missed: 3 },
  wifi: { interval: 200, missed: 4 },
  wan: { interval: 500, missed: 4 },
} as const satisfies Readonly<Record<string, HeartbeatProfile>>;

export type ProfileName = keyof typeof PROFILES;

/** After this time without a beat. */
export function timeoutOf({ interval, missed }: HeartbeatProfile): Milliseconds {
  return interval * missed;
}
