/** When a lease is to be renewed, and when it ends. */
import type { Milliseconds } from '../../model/time.ts';
import type { Forms } from './events.ts';

/** A lease without end (RFC 2131 §3.3, RFC 8415 §7.7). */
export const INFINITE_SECONDS = 0xffff_ffff;

/** Of what a lease's times are told. */
interface Timed {
  readonly terms: Pick<Forms['held']['terms'], 'leaseSeconds' | 'renewSeconds' | 'rebindSeconds'>;
  readonly since: Milliseconds;
}

/** When the lease ends, on the clock of `since`; infinite for a lease without end. */
export function expiryOf(lease: Timed): Milliseconds {
  return after(lease, lease.terms.leaseSeconds);
}

/** T1 without the jitter. */
export function renewalOf(lease: Timed): Milliseconds {
  return after(lease, lease.terms.renewSeconds);
}

/** T2 without the jitter. */
export function rebindingOf(lease: Timed): Milliseconds {
  return after(lease, lease.terms.rebindSeconds);
}

function after(lease: Timed, seconds: number): Milliseconds {
  return seconds >= INFINITE_SECONDS ? Infinity : lease.since + seconds * 1000;
}

/**
 * T1 and T2 as the server gave them, or half and seven eighths of the lease (RFC 2131 §4.4.5) where they are missing
 * or not in order. Never less than a second: a server that grants leases of a second must not be able to make this
 * client talk without a pause.
 */
export function timesOf(
  leaseSeconds: number,
  given: { readonly renewSeconds: number | undefined; readonly rebindSeconds: number | undefined },
): { readonly renewSeconds: number; readonly rebindSeconds: number } {
  if (leaseSeconds >= INFINITE_SECONDS) return { renewSeconds: INFINITE_SECONDS, rebindSeconds: INFINITE_SECONDS };
  const t2 = given.rebindSeconds;
  const rebindSeconds =
    t2 !== undefined && t2 > 0 && t2 < leaseSeconds ? t2 : Math.max(1, Math.floor(leaseSeconds * 0.875));
  const t1 = given.renewSeconds;
  const half = Math.max(1, Math.min(Math.floor(leaseSeconds * 0.5), rebindSeconds));
  return { renewSeconds: t1 !== undefined && t1 > 0 && t1 < rebindSeconds ? t1 : half, rebindSeconds };
}
