/** The states in which nothing is asked for and nothing is heard: INIT, BOUND and STOPPED. */
import type { Milliseconds } from '../../model/time.ts';
import { renewalOf } from './lease-times.ts';
import { early, pauseAfterRefusal } from './pauses.ts';
import { STAY, type Context, type Design, type Entered } from './state.ts';

/**
 * No lease and nothing under way; waits out the pause after a refusal, then asks.
 *
 * The random delay that RFC 2131 §4.4.1 and RFC 8415 §18.2.1 want here is for machines that all boot when the power comes
 * back. Services come one by one, and are waited for.
 */
export function enterInit<D extends Design>(
  context: Context<unknown>,
  first: D['next'],
  now: Milliseconds,
): Entered<D> {
  const start = now + pauseAfterRefusal(context.refusals, context.entropy);
  return {
    outputs: [],
    state: {
      name: 'INIT',
      deadline: () => start,
      tick: (at) => (at < start ? STAY : { next: first }),
      receive: () => STAY,
    },
  };
}

/** The lease is ours, and nothing is sent until T1 (RFC 2131 §4.4.5, RFC 8415 §18.2.4). */
export function enterBound<D extends Design>(
  context: Context<unknown>,
  lease: D['held'],
  renewing: (lease: D['held']) => D['next'],
): Entered<D> {
  const t1 = early(renewalOf(lease), lease.since, context.entropy);
  return {
    outputs: [],
    state: {
      name: 'BOUND',
      lease,
      deadline: () => (t1 === Infinity ? undefined : t1),
      tick: (at) => (at < t1 ? STAY : { next: renewing(lease) }),
      receive: () => STAY,
    },
  };
}

/** Until it is started again; entered by release and by stop. */
export function enterStopped<D extends Design>(): Entered<D> {
  return {
    outputs: [],
    state: { name: 'STOPPED', deadline: () => undefined, tick: () => STAY, receive: () => STAY },
  };
}
