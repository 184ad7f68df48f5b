/** When to send again. */
import type { Entropy, Milliseconds } from '../../../model/time.ts';

const SECOND = 1000;

/**
 * Delay after the `attempt`-th transmission (1 is the first): 4, 8, 16 … s, each moved by up to a second either way
 * (RFC 2131 §4.1). A server that first pings the address it offers (dnsmasq: 3.0–3.3 s) is usually not asked twice,
 * and when it is, its answer still fits: the transaction stays the same.
 */
export function backOff(attempt: number, entropy: Entropy, longest = 64 * SECOND): Milliseconds {
  const delay = Math.min(longest, 4 * SECOND * 2 ** Math.min(attempt - 1, 16));
  return delay + (entropy.fraction() * 2 - 1) * SECOND;
}

/**
 * Next transmission while renewing or rebinding: half of the time left, but not less than a minute (RFC 2131
 * §4.4.5). For leases of minutes that minimum would leave a single try, so it shrinks with the lease.
 */
export function halfOfRest(now: Milliseconds, end: Milliseconds, leaseSeconds: number): Milliseconds {
  const least = Math.min(60 * SECOND, Math.max(4 * SECOND, (leaseSeconds / 16) * SECOND));
  return now + Math.max(least, (end - now) / 2);
}
