/** How long a mapping is asked for, and when it is refreshed. */
import type { Milliseconds } from '../../model/time.ts';

/** PCP and NAT-PMP know no mapping without end, 0 deletes: a week is the longest that IGD:2 knows either. */
const LONGEST: Milliseconds = 7 * 24 * 3600 * 1000;
const SHORTEST: Milliseconds = 10_000;

/** Long enough that the refresh half-way finds even a slow cluster to have written it down. */
const UNRECORDED: Milliseconds = 600_000;

/**
 * What to ask for at first: a node that goes before a mapping is on record leaves it to nobody, so until then it is
 * asked for a short time, and the refresh half-way asks for the whole.
 *
 * @param wanted 0 = until removed.
 */
export function firstLifetime(wanted: Milliseconds, onRecord: boolean): Milliseconds {
  if (onRecord) return wanted;
  return wanted === 0 ? UNRECORDED : Math.min(wanted, UNRECORDED);
}

/** Whole seconds to ask of PCP, NAT-PMP and IGD:2, where 0 (until removed) becomes the longest there is. */
export function leaseSeconds(lifetime: Milliseconds): number {
  const wanted = lifetime === 0 ? LONGEST : Math.min(Math.max(lifetime, SHORTEST), LONGEST);
  return Math.ceil(wanted / 1000);
}

/** IGD:1 knows mappings without end, as 0. */
export function leaseSecondsOrForever(lifetime: Milliseconds): number {
  return lifetime === 0 ? 0 : leaseSeconds(lifetime);
}

/**
 * When to refresh a mapping that was granted for `granted`: half-way (RFC 6887 §11.2.1). Some routers grant one time and
 * keep another, or call every mapping endless and forget it all the same: so never later than half of what was asked for.
 * Undefined for one that was asked for without end, and got.
 */
export function refreshAfter(granted: Milliseconds, asked: Milliseconds): Milliseconds | undefined {
  const ends = [granted, asked].filter((lifetime) => lifetime !== 0);
  return ends.length === 0 ? undefined : Math.max(Math.min(...ends) / 2, 1000);
}
