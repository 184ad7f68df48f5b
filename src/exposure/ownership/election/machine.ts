/**
 * One Lease, one holder: client-go's leader election as a state machine. The driver makes the calls and owns
 * the timer. Clocks of other machines are never compared: a Lease has run out when its record has not been
 * seen to change *here* for as long as it says.
 */
import type { Lease } from '../../../model/kubernetes.ts';
import { compareVersions, durationOf, holderOf, isSameRecord } from '../../../model/lease.ts';
import type { Milliseconds } from '../../../model/time.ts';
import type { LeaseTimes } from '../port.ts';

export type ElectionInput =
  /** Begin to contend; `lease` as far as known. Again after `stop` begins anew. */
  | { readonly type: 'start'; readonly lease: Lease | undefined }
  /** Seen by the watch, or read. */
  | { readonly type: 'observed'; readonly lease: Lease | undefined }
  /** Our write was accepted. */
  | { readonly type: 'written'; readonly lease: Lease }
  /** Our write came too late: somebody else changed the Lease. */
  | { readonly type: 'conflict' }
  /** The answer to `read`. */
  | { readonly type: 'read'; readonly lease: Lease | undefined }
  /** A call failed or took too long; whether it had an effect is not known. */
  | { readonly type: 'failed' }
  | { readonly type: 'tick' }
  /** Stop holding at once, and contend no more. */
  | { readonly type: 'stop' };

export type ElectionOutput =
  /** Create the Lease (`before` undefined) or replace this version, with ourselves as holder. */
  { readonly type: 'write'; readonly before: Lease | undefined } | { readonly type: 'read' };

export class ElectionMachine {
  readonly #identity: string;
  readonly #times: LeaseTimes;
  #contending = false;
  #lease: Lease | undefined;
  /** When the record was last seen to change. */
  #changedAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #leader = false;
  #term = 0;
  /** When the last accepted write was sent: others may have seen it as early as that. */
  #renewedAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #sentAt: Milliseconds | undefined;
  #notBefore: Milliseconds = Number.NEGATIVE_INFINITY;
  #conflicts = 0;

  constructor(identity: string, times: LeaseTimes) {
    this.#identity = identity;
    this.#times = times;
  }

  /** Counts the times that holding began: whatever rests on it must be done anew when this changes. */
  get term(): number {
    return this.#term;
  }

  /** A call is under way. */
  get isBusy(): boolean {
    return this.#sentAt !== undefined;
  }

  /** Whether we hold the Lease, and nobody can have taken it yet. */
  isLeader(now: Milliseconds, lenient: boolean): boolean {
    return this.#leader && (lenient || now < this.#fenceAt());
  }

  /** When `tick` is due. `lenient`: see {@link handle}. */
  deadline(lenient: boolean): Milliseconds | undefined {
    const fence = this.#leader && !lenient ? this.#fenceAt() : Number.POSITIVE_INFINITY;
    const due = this.#contending && !this.isBusy ? this.#dueAt() : Number.POSITIVE_INFINITY;
    const earliest = Math.min(fence, due);
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  /**
   * @param lenient there is nobody who could take over: stay leader when the Lease cannot be renewed in time, until
   *   it is seen in other hands.
   */
  handle(input: ElectionInput, now: Milliseconds, lenient = false): readonly ElectionOutput[] {
    if (this.#leader && !lenient && now >= this.#fenceAt()) this.#leader = false;
    switch (input.type) {
      case 'start':
        this.#contending = true;
        this.#see(input.lease, now);
        break;
      case 'observed':
        this.#see(input.lease, now);
        break;
      case 'written':
        this.#written(input.lease, now);
        break;
      case 'conflict':
        return this.#conflict(now);
      case 'read':
        this.#sentAt = undefined;
        this.#see(input.lease, now);
        break;
      case 'failed':
        this.#failed(now);
        break;
      case 'stop':
        this.#contending = false;
        this.#leader = false;
        break;
      case 'tick':
        break;
    }
    return this.#next(now);
  }

  #see(lease: Lease | undefined, now: Milliseconds): void {
    if (!isSameRecord(lease, this.#lease) || this.#changedAt === Number.NEGATIVE_INFINITY) this.#changedAt = now;
    this.#lease = lease;
    // The view never falls back behind our own writes, so another name in it is news.
    if (holderOf(lease) !== this.#identity) this.#leader = false;
  }

  #written(lease: Lease, now: Milliseconds): void {
    const sentAt = this.#sentAt ?? now;
    this.#sentAt = undefined;
    this.#conflicts = 0;
    this.#notBefore = Number.NEGATIVE_INFINITY;
    // A later change by somebody else can be seen before the answer to ours arrives.
    if (compareVersions(lease.metadata.resourceVersion, this.#lease?.metadata.resourceVersion) < 0) return;
    this.#lease = lease;
    this.#changedAt = now;
    if (!this.#contending || now >= sentAt + this.#times.renewDeadline) return;
    this.#renewedAt = sentAt;
    if (!this.#leader) this.#term++;
    this.#leader = true;
  }

  #conflict(now: Milliseconds): readonly ElectionOutput[] {
    if (!this.#contending) {
      this.#sentAt = undefined;
      return [];
    }
    // Lost twice in a row: whoever is quicker shall have it; look again after a pause.
    if (++this.#conflicts % 2 === 0) this.#notBefore = now + this.#times.retryPeriod;
    this.#sentAt = now;
    return [{ type: 'read' }];
  }

  #failed(now: Milliseconds): void {
    const sentAt = this.#sentAt ?? now;
    this.#sentAt = undefined;
    this.#notBefore = sentAt + this.#times.retryPeriod;
  }

  #next(now: Milliseconds): readonly ElectionOutput[] {
    if (!this.#contending || this.isBusy || now < this.#dueAt()) return [];
    this.#sentAt = now;
    return [{ type: 'write', before: this.#lease }];
  }

  #fenceAt(): Milliseconds {
    return this.#renewedAt + this.#times.renewDeadline;
  }

  #dueAt(): Milliseconds {
    return Math.max(this.#notBefore, this.#wantedAt());
  }

  #wantedAt(): Milliseconds {
    if (this.#leader) return this.#renewedAt + this.#times.retryPeriod;
    const holder = holderOf(this.#lease);
    // A Lease in our own name, from before a restart or a fence, is ours to go on with.
    if (holder === undefined || holder === this.#identity) return Number.NEGATIVE_INFINITY;
    return this.#changedAt + durationOf(this.#lease, this.#times.duration);
  }
}
