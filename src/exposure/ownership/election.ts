/**
 * One Lease, one holder: the election of client-go as a machine without I/O. Clocks of other machines are never
 * compared: a Lease has run out when *this* agent has not seen it change for as long as the Lease says.
 */
import type { Lease } from '../../model/kubernetes.ts';
import type { Milliseconds } from '../../model/time.ts';

export interface ElectionTimes {
  /** Others may take over this long after the last change they saw. */
  readonly duration: Milliseconds;
  /** The holder lets go when it could not renew for this long: well before `duration`. */
  readonly renewDeadline: Milliseconds;
  /** Between two attempts. */
  readonly retryPeriod: Milliseconds;
}

/** What has to be written now. The outcome comes back by {@link Election.written} or {@link Election.failed}. */
export type ElectionWrite = { readonly kind: 'create' } | { readonly kind: 'replace'; readonly over: Lease };

export class Election {
  readonly #identity: string;
  readonly #times: ElectionTimes;
  #lease: Lease | undefined;
  /** When the newest version was first seen here. */
  #seenAt: Milliseconds;
  #holding = false;
  /** When the write that made or kept us the holder was sent. */
  #renewedAt: Milliseconds = 0;
  #attemptAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #sentAt: Milliseconds | undefined;
  #contending = false;
  #patience: Milliseconds = 0;

  constructor(identity: string, times: ElectionTimes, now: Milliseconds) {
    this.#identity = identity;
    this.#times = times;
    this.#seenAt = now;
  }

  /**
   * Whether to try to become the holder, and how long to let a better candidate go first once the Lease is free.
   * A holder that no longer contends keeps holding until {@link letGo}.
   */
  contend(contending: boolean, patience: Milliseconds): void {
    this.#contending = contending;
    this.#patience = patience;
  }

  /** The newest version of the Lease, by watch or answer; undefined when there is none. */
  observe(lease: Lease | undefined, now: Milliseconds): void {
    // The watch may bring the version before our own write after the answer to it.
    if (lease && this.#lease && isOlder(lease, this.#lease)) return;
    if (
      lease?.metadata.resourceVersion !== this.#lease?.metadata.resourceVersion ||
      (lease === undefined) !== (this.#lease === undefined)
    ) {
      this.#seenAt = now;
    }
    this.#lease = lease;
    if (this.#holding && lease?.spec?.holderIdentity !== this.#identity && this.#sentAt === undefined)
      this.#holding = false;
  }

  /** Our write was accepted. */
  written(lease: Lease, now: Milliseconds): void {
    const sentAt = this.#sentAt ?? now;
    this.#sentAt = undefined;
    this.observe(lease, now);
    if (lease.spec?.holderIdentity !== this.#identity) return;
    // Counted from when it was sent: the others may have seen it as early as that.
    this.#renewedAt = sentAt;
    this.#holding = now - sentAt < this.#times.renewDeadline;
  }

  /** Our write was refused or got lost. */
  failed(): void {
    this.#sentAt = undefined;
  }

  /** Gives up holding at once, without writing. */
  letGo(): void {
    this.#holding = false;
    this.#contending = false;
  }

  /** What to write now, if anything. */
  next(now: Milliseconds): ElectionWrite | undefined {
    if (this.#holding && now - this.#renewedAt >= this.#times.renewDeadline) this.#holding = false;
    if (this.#sentAt !== undefined || now < this.#dueAt()) return undefined;
    this.#attemptAt = now;
    this.#sentAt = now;
    return this.#lease ? { kind: 'replace', over: this.#lease } : { kind: 'create' };
  }

  /** When to call {@link next} again at the latest; undefined: only after an observation. */
  deadline(): Milliseconds | undefined {
    const due = this.#sentAt === undefined ? this.#dueAt() : Number.POSITIVE_INFINITY;
    const fence = this.#holding ? this.#renewedAt + this.#times.renewDeadline : Number.POSITIVE_INFINITY;
    const earliest = Math.min(due, fence);
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  get holding(): boolean {
    return this.#holding;
  }

  get lease(): Lease | undefined {
    return this.#lease;
  }

  /** The holder as far as anybody knows: undefined once the Lease has run out or was given up. */
  holder(now: Milliseconds): string | undefined {
    if (this.#holding) return this.#identity;
    const holder = this.#lease?.spec?.holderIdentity;
    // Our own name from before a restart, or from before we let go, is no claim of ours.
    if (holder === undefined || holder === '' || holder === this.#identity) return undefined;
    return now < this.expiresAt() ? holder : undefined;
  }

  /** When the Lease runs out as seen from here. */
  expiresAt(): Milliseconds {
    const seconds = this.#lease?.spec?.leaseDurationSeconds;
    return this.#seenAt + (seconds === undefined ? this.#times.duration : seconds * 1000);
  }

  #dueAt(): Milliseconds {
    if (this.#holding) return this.#attemptAt + this.#times.retryPeriod;
    if (!this.#contending) return Number.POSITIVE_INFINITY;
    const again = this.#attemptAt + this.#times.retryPeriod;
    const holder = this.#lease?.spec?.holderIdentity;
    // A Lease in our name is ours to go on with: nobody else may have taken it.
    if (holder === this.#identity) return again;
    const free = this.#lease === undefined || holder === undefined || holder === '' ? this.#seenAt : this.expiresAt();
    return Math.max(free + this.#patience, free > this.#attemptAt ? 0 : again);
  }
}

/** Versions of one object grow (Kubernetes API concepts, resource versions); what cannot be compared is taken as news. */
function isOlder(lease: Lease, than: Lease): boolean {
  const [a, b] = [lease.metadata.resourceVersion ?? '', than.metadata.resourceVersion ?? ''];
  const comparable = lease.metadata.uid === than.metadata.uid && /^\d+$/.test(a) && /^\d+$/.test(b);
  return comparable && BigInt(a) < BigInt(b);
}
