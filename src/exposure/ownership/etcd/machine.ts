/**
 * One candidate in an election of etcd, as a state machine: a lease, a key that goes with it, and a place in the order
 * in which such keys were made. The driver makes the calls and owns the timer.
 *
 * Whoever is first leads, for as long as both are certain by its own clock: that its lease was renewed and that it was
 * seen to be first, less than `renewDeadline` ago, counted from when it asked. etcd keeps a lease at least `duration` from then
 * on, which is more: so whoever leads has stopped before its key can be gone, and the next one need not wait.
 */
import type { Milliseconds } from '../../../model/time.ts';
import type { LeaseId } from '../../../protocols/etcd/candidates.ts';
import type { LeaseTimes } from '../port.ts';
import type { Look } from './client.ts';

export type CampaignInput =
  /** Begin to contend. */
  | { readonly type: 'start' }
  /** The answer to `grant`. */
  | { readonly type: 'granted'; readonly lease: LeaseId; readonly ttl: Milliseconds }
  | { readonly type: 'entered' }
  | { readonly type: 'renewed' }
  /** There is no such lease any more, nor its key. */
  | { readonly type: 'gone' }
  | { readonly type: 'revoked' }
  /** A call failed, one of `look` excepted; whether it had an effect is not known. */
  | { readonly type: 'failed' }
  /** The answer to `look`. */
  | ({ readonly type: 'looked' } & Look)
  | { readonly type: 'unseen' }
  /** Candidates may have changed. */
  | { readonly type: 'stirred' }
  | { readonly type: 'tick' }
  /** Lead no more at once, and free the place for the next one. */
  | { readonly type: 'stop' };

export type CampaignOutput =
  | { readonly type: 'grant' }
  | { readonly type: 'enter' | 'renew' | 'revoke'; readonly lease: LeaseId }
  | { readonly type: 'look'; readonly own: LeaseId | undefined };

interface OwnLease {
  readonly id: LeaseId;
  /** How long it counts after it was renewed. */
  readonly counts: Milliseconds;
  /** When the last renewal that was answered was sent. */
  renewedAt: Milliseconds;
  /** When the key was known to be there. */
  enteredAt: Milliseconds | undefined;
}

/** A leader as last seen. Times are of this process's monotonic clock. */
export interface OtherLeader {
  readonly id: string;
  /** When it renewed its lease last, to the second; when it was seen, where that is not known. */
  readonly heardAt: Milliseconds;
  /** When the lease runs out unless it is renewed; undefined where that is not known. */
  readonly runsOutAt: Milliseconds | undefined;
}

const LONG_AGO = Number.NEGATIVE_INFINITY;

export class CampaignMachine {
  readonly #times: LeaseTimes;
  #contending = false;
  #lease: OwnLease | undefined;
  /** Leases that are to be revoked. */
  readonly #left: LeaseId[] = [];
  /** The call under way that is no look. */
  #call: { readonly output: CampaignOutput; readonly sentAt: Milliseconds } | undefined;
  #callAfter: Milliseconds = LONG_AGO;
  #look: Look | undefined;
  #other: OtherLeader | undefined;
  /** When the last look that was answered was sent. */
  #lookedAt: Milliseconds = LONG_AGO;
  #looking: Milliseconds | undefined;
  #lookAfter: Milliseconds = LONG_AGO;
  /** Since the last look was sent. */
  #stirred = true;

  constructor(times: LeaseTimes) {
    this.#times = times;
  }

  /** Who contends, as last seen; undefined: not seen yet, or so long ago that nothing can be said. */
  view(now: Milliseconds): Look | undefined {
    return now < this.#lookedAt + this.#times.duration ? this.#look : undefined;
  }

  /** This candidate's own lease, while it has one. */
  get lease(): LeaseId | undefined {
    return this.#lease?.id;
  }

  /** The last leader other than this candidate. */
  get other(): OtherLeader | undefined {
    return this.#other;
  }

  /** Whether this candidate is first, and nobody else can be. */
  isLeader(now: Milliseconds): boolean {
    return this.#isFirst && now < this.#certainUntil();
  }

  /** Nothing of this candidate is in etcd any more, as far as it can be told. */
  get isOut(): boolean {
    return !this.#contending && this.#left.length === 0 && !this.#call;
  }

  /** When `tick` is due. */
  deadline(now: Milliseconds): Milliseconds {
    const fence = this.isLeader(now) ? this.#certainUntil() : Number.POSITIVE_INFINITY;
    return Math.min(fence, this.#call ? Number.POSITIVE_INFINITY : this.#callDue(), this.#lookDue());
  }

  handle(input: CampaignInput, now: Milliseconds): readonly CampaignOutput[] {
    switch (input.type) {
      case 'start':
        this.#contending = true;
        break;
      case 'stop':
        this.#contending = false;
        if (this.#lease) this.#left.push(this.#lease.id);
        this.#lease = undefined;
        this.#callAfter = LONG_AGO;
        break;
      case 'looked':
        this.#looked(input, now);
        break;
      case 'unseen':
        this.#lookAfter = (this.#looking ?? now) + this.#times.retryPeriod;
        this.#looking = undefined;
        this.#stirred = true;
        break;
      case 'stirred':
        this.#stirred = true;
        break;
      case 'tick':
        break;
      default:
        this.#answered(input, now);
    }
    return [...this.#nextCall(now), ...this.#nextLook(now)];
  }

  get #isFirst(): boolean {
    return this.#lease?.enteredAt !== undefined && this.#look?.candidates[0]?.lease === this.#lease.id;
  }

  #certainUntil(): Milliseconds {
    const { renewDeadline } = this.#times;
    const renewed = this.#lease ? this.#lease.renewedAt + this.#lease.counts : LONG_AGO;
    return Math.min(renewed, this.#lookedAt + renewDeadline);
  }

  #answered(
    input: Extract<CampaignInput, { type: 'granted' | 'entered' | 'renewed' | 'gone' | 'revoked' | 'failed' }>,
    now: Milliseconds,
  ): void {
    const call = this.#call;
    this.#call = undefined;
    if (!call) return;
    const { output, sentAt } = call;
    if (input.type === 'granted') this.#granted(input, sentAt);
    else if (output.type === 'revoke') {
      // One attempt: what it did not reach runs out.
      this.#left.splice(this.#left.indexOf(output.lease), 1);
    } else if (input.type === 'failed') this.#callAfter = sentAt + this.#times.retryPeriod;
    // Of a lease that has been given up meanwhile.
    else if (output.type === 'grant' || output.type === 'look' || this.#lease?.id !== output.lease) return;
    else if (input.type === 'gone') this.#lease = undefined;
    else if (input.type === 'renewed') this.#lease.renewedAt = sentAt;
    else if (input.type === 'entered') {
      this.#lease.enteredAt = now;
      this.#stirred = true;
    }
  }

  #granted({ lease: id, ttl }: Extract<CampaignInput, { type: 'granted' }>, sentAt: Milliseconds): void {
    const { duration, renewDeadline } = this.#times;
    if (!this.#contending) {
      this.#left.push(id);
      return;
    }
    // A server that grants less than was asked for takes the same share of it away.
    const counts = ttl >= duration ? renewDeadline : (ttl * renewDeadline) / duration;
    this.#lease = { id, counts, renewedAt: sentAt, enteredAt: undefined };
  }

  #looked({ candidates, lease }: Look, now: Milliseconds): void {
    const sentAt = this.#looking ?? now;
    this.#looking = undefined;
    this.#lookedAt = sentAt;
    this.#look = { candidates };
    const own = this.#lease;
    const [leader] = candidates;
    if (leader && leader.lease !== own?.id) {
      const heardAt = sentAt - (lease?.age ?? 0);
      this.#other = { id: leader.id, heardAt, runsOutAt: lease && heardAt + lease.ttl };
    }
    if (own?.enteredAt === undefined || sentAt < own.enteredAt) return;
    // Somebody took the key away: behind all others again.
    if (!candidates.some(({ lease }) => lease === own.id)) own.enteredAt = undefined;
  }

  #nextCall(now: Milliseconds): readonly CampaignOutput[] {
    if (this.#call || now < this.#callDue()) return [];
    const output = this.#wantedCall();
    if (!output) return [];
    this.#call = { output, sentAt: now };
    return [output];
  }

  #wantedCall(): CampaignOutput | undefined {
    const [left] = this.#left;
    if (left !== undefined) return { type: 'revoke', lease: left };
    if (!this.#contending) return undefined;
    if (!this.#lease) return { type: 'grant' };
    return { type: this.#lease.enteredAt === undefined ? 'enter' : 'renew', lease: this.#lease.id };
  }

  #callDue(): Milliseconds {
    if (this.#left.length > 0) return LONG_AGO;
    if (!this.#contending) return Number.POSITIVE_INFINITY;
    const own = this.#lease;
    const due = own?.enteredAt === undefined ? LONG_AGO : own.renewedAt + this.#times.retryPeriod;
    return Math.max(due, this.#callAfter);
  }

  #nextLook(now: Milliseconds): readonly CampaignOutput[] {
    if (now < this.#lookDue()) return [];
    this.#looking = now;
    this.#stirred = false;
    return [{ type: 'look', own: this.#lease?.id }];
  }

  #lookDue(): Milliseconds {
    if (this.#looking !== undefined) return Number.POSITIVE_INFINITY;
    return Math.max(this.#stirred ? LONG_AGO : this.#lookedAt + this.#times.retryPeriod, this.#lookAfter);
  }
}
