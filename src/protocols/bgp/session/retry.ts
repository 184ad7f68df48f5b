/** When to call again. */
import type { Entropy, Milliseconds } from '../../../model/time.ts';

const FIRST: Milliseconds = 250;
const LONGEST: Milliseconds = 5000;
/** A session that has stood this long was a good one. */
export const STABLE: Milliseconds = 5000;

/**
 * Pause after so many failures in a row: 250, 500, 1000 … 5000 ms, each shortened by up to a quarter (RFC 4271 §10).
 * RFC 4271 suggests two minutes; a router that has come back shall not wait for them.
 */
export function retryPause(failures: number, entropy: Entropy): Milliseconds {
  return jittered(Math.min(LONGEST, FIRST * 2 ** Math.min(Math.max(failures - 1, 0), 10)), entropy);
}

/** Between three quarters and the whole. */
export function jittered(delay: Milliseconds, entropy: Entropy): Milliseconds {
  return delay * (0.75 + 0.25 * entropy.fraction());
}
