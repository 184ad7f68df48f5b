/** Pauses that DHCPv4 and DHCPv6 have in common. */
import type { Entropy, Milliseconds } from '../../model/time.ts';

const LONGEST: Milliseconds = 60_000;

/**
 * Pause before starting over when a server refused the address it had offered. The first refusal is an accident of
 * clients asking at the same time, and the next try comes at once; a server that goes on refusing is left in peace.
 */
export function pauseAfterRefusal(refusals: number, entropy: Entropy): Milliseconds {
  if (refusals <= 0) return 0;
  const pause = Math.min(LONGEST, 100 * 4 ** Math.min(refusals - 1, 8));
  return pause * (0.5 + entropy.fraction());
}

/** Moves `at` up to a twentieth of the way back towards `since`, so that leases taken together are not renewed together. */
export function early(at: Milliseconds, since: Milliseconds, entropy: Entropy): Milliseconds {
  return at === Infinity ? at : at - (at - since) * 0.05 * entropy.fraction();
}
