/**
 * How an exchange ends, with a lease or without one. Whose refusal counts: a question to all reaches every server on the LAN, and one that takes itself for
 * the only one refuses what it knows nothing of, although the server that gave the lease stands by it.
 */
import type { Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import type { Design, Step } from './state.ts';

/** Time for our own server to speak up after another one refused. */
const GRACE: Milliseconds = 2000;

interface Said {
  readonly server: Ip;
  readonly text: string | undefined;
}

export interface Refusal extends Said {
  /** When it counts if our own server has not said otherwise. */
  readonly countsAt: Milliseconds;
}

/** @param isOwn said by the server that gave the lease: that counts at once. */
export function weigh({ server, text }: Said, isOwn: boolean, now: Milliseconds): Refusal {
  return { server, text, countsAt: isOwn ? now : now + GRACE };
}

/** The lease is ours, or goes on, with these terms. */
export function bindTo<D extends Design>(lease: D['held']): Step<D> {
  return { outputs: [{ kind: 'bound', lease }], next: { to: 'BOUND', lease } };
}

export function loseTo<D extends Design>({ server, text }: Said, lease: D['held']): Step<D> {
  return { outputs: [{ kind: 'lost', lease, cause: { kind: 'refused', server, text } }], next: { to: 'STOPPED' } };
}

export function loseToTime<D extends Design>(lease: D['held']): Step<D> {
  return { outputs: [{ kind: 'lost', lease, cause: { kind: 'expired' } }], next: { to: 'STOPPED' } };
}
