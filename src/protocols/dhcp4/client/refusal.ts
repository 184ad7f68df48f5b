/**
 * Whose NAK counts. A broadcast REQUEST about a lease reaches every server on the LAN, and one that calls itself
 * authoritative refuses leases it knows nothing of, although the server that gave the lease stands by it.
 */
import type { Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';
import type { HeldLease } from './lease.ts';
import type { Step } from './state.ts';

/** Time for our own server to speak up after another one refused. */
const GRACE = 2000;

interface Nak {
  readonly server: Ip;
  readonly text: string | undefined;
}

export interface Refusal extends Nak {
  /** When it counts if our own server has not said otherwise. */
  readonly countsAt: Milliseconds;
}

export function weigh(nak: Nak, lease: HeldLease, now: Milliseconds): Refusal {
  return { server: nak.server, text: nak.text, countsAt: nak.server === lease.terms.server ? now : now + GRACE };
}

export function loseTo(refusal: Nak, lease: HeldLease): Step {
  const { server, text } = refusal;
  return { outputs: [{ kind: 'lost', lease, cause: { kind: 'refused', server, text } }], next: { to: 'STOPPED' } };
}

export function loseToTime(lease: HeldLease): Step {
  return { outputs: [{ kind: 'lost', lease, cause: { kind: 'expired' } }], next: { to: 'STOPPED' } };
}
