/** The Lease of one address on this node: follows the decision, one call at a time. */
import { KEY } from '../../model/annotations.ts';
import type { Ip } from '../../model/ip.ts';
import type { Lease } from '../../model/kubernetes.ts';
import { holderOf, isSameRecord, releasedRecord, takenRecord } from '../../model/lease.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import { decide, type Action, type Situation } from './decide.ts';
import { callTimeout } from './election/times.ts';
import { LEASE_LABELS, leaseNameOf } from './names.ts';
import type { LeaseStore, LeaseTimes, Takeover } from './port.ts';
import type { RollCall } from './roll-call.ts';
import type { Slots } from './slots.ts';

/** What all addresses share. */
export interface Surroundings {
  readonly node: string;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  readonly store: LeaseStore;
  readonly slots: Slots;
  /** How long each better candidate for a free address goes ahead. */
  readonly step: Milliseconds;
  readonly rollCall: RollCall;
  /** Our own presence stands, by the clock. */
  readonly isPresent: () => boolean;
  /** Counts the times that our presence began to stand; what was held before counts no more. */
  readonly term: () => number;
  /** Called synchronously: whoever lost the address lets go before it is written that others may have it. */
  readonly onOwner: (address: Ip) => void;
  /** Another node had it before; told before `onOwner`. */
  readonly onTakeover: (takeover: Takeover) => void;
  /** Nobody wants the address and its Lease is gone. */
  readonly onDone: (name: string) => void;
  readonly onError: (error: unknown, lease: string) => void;
}

type Write = Exclude<Action['do'], 'nothing' | 'wait'>;

export class AddressLease {
  readonly address: Ip;
  readonly name: string;
  readonly #around: Surroundings;
  #demand: Situation['demand'] = 'unknown';
  #eligible: readonly string[] = [];
  /** The term of our presence in which we wrote ourselves into the Lease. */
  #heldIn: number | undefined;
  /** Who had it last, and since when nobody has, as far as that was seen. */
  #lastHolder: string | undefined;
  #freedAt: Milliseconds | undefined;
  /** As last looked at. */
  #noted: Lease | undefined;
  #contendingSince: Milliseconds | undefined;
  #isBusy = false;
  #pending: Promise<void> = Promise.resolve();
  #notBefore: Milliseconds = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #told: string | undefined;
  #stopped = false;

  constructor(address: Ip, around: Surroundings) {
    this.address = address;
    this.name = leaseNameOf(address);
    this.#around = around;
  }

  get demand(): Situation['demand'] {
    return this.#demand;
  }

  get lease(): Lease | undefined {
    return this.#around.store.get(this.name);
  }

  get isHeld(): boolean {
    return !this.#stopped && this.#heldIn === this.#around.term() && this.#around.isPresent();
  }

  /** The node that owns the address now, if any. */
  get owner(): string | undefined {
    const { node, rollCall } = this.#around;
    if (this.isHeld) return node;
    const holder = holderOf(this.lease);
    return holder !== undefined && holder !== node && rollCall.live.includes(holder) ? holder : undefined;
  }

  want(eligible: readonly string[]): void {
    if (this.#demand === 'wanted' && this.#eligible.join() === eligible.join()) return;
    this.#demand = 'wanted';
    this.#eligible = [...eligible];
    this.#contendingSince = undefined;
    this.#told = this.owner; // whoever asks is answered, and called back only for what comes after
    this.step();
  }

  release(): void {
    this.#demand = 'released';
    this.step();
  }

  /** The Lease has changed by the hand of others. */
  observed(): void {
    if (holderOf(this.lease) !== this.#around.node) this.#heldIn = undefined;
    this.step();
  }

  /** Something that the decision depends on may have changed. */
  step(): void {
    if (this.#stopped) return;
    const { clock, node, rollCall, isPresent } = this.#around;
    const now = clock.now();
    this.#noteHolder();
    this.#timer?.cancel();
    this.#timer = undefined;
    const action = decide({
      address: this.address,
      node,
      present: isPresent(),
      demand: this.#demand,
      eligible: this.#eligible,
      live: rollCall.live,
      lease: this.lease,
      held: this.isHeld,
      contendingSince: this.#contendingSince,
      step: this.#around.step,
      now,
    });
    if (action.do === 'wait' || action.do === 'take') this.#contendingSince ??= now;
    else this.#contendingSince = undefined;
    this.#follow(action, now);
    this.#tell();
    if (this.#demand !== 'wanted' && !this.#isBusy && !this.lease) this.#around.onDone(this.name);
  }

  /** Stops holding, before anything is written that lets others have the address. */
  letGo(): void {
    this.#heldIn = undefined;
    this.#tell();
  }

  /** Holds nothing and does nothing any more. `remove`: deletes the Lease if it is ours; never rejects. */
  async stop(remove: boolean): Promise<void> {
    this.#timer?.cancel();
    this.letGo();
    this.#stopped = true;
    await this.#pending;
    if (remove && holderOf(this.lease) === this.#around.node) await this.#act('remove');
  }

  /**
   * A holder that was counted as dead may have come back and confirmed the address as its own, and a read of
   * this Lease can show that before the watch shows its presence.
   */
  #noteHolder(): void {
    const { node, rollCall, clock } = this.#around;
    const { lease } = this;
    const isNews = !isSameRecord(lease, this.#noted);
    this.#noted = lease;
    const holder = holderOf(lease);
    // With the Lease goes the Service that it was for: the next one begins anew.
    if (holder !== undefined || lease === undefined) this.#lastHolder = holder;
    this.#freedAt = holder === undefined ? (this.#freedAt ?? clock.now()) : undefined;
    if (isNews && holder !== undefined && holder !== node) rollCall.signOfLife(holder);
  }

  #follow(action: Action, now: Milliseconds): void {
    if (action.do === 'nothing') return;
    if (action.do === 'give' || action.do === 'remove') this.letGo();
    if (this.#isBusy) return; // the end of the call looks again
    const until = Math.max(action.do === 'wait' ? action.until : now, this.#notBefore);
    if (until > now) this.#timer = this.#around.clock.after(until - now, () => this.step());
    else if (action.do !== 'wait') this.#pending = this.#act(action.do);
  }

  async #act(what: Write): Promise<void> {
    const { store, clock, times, slots, onError } = this.#around;
    this.#isBusy = true;
    try {
      const result = await slots.run(async () => this.#write(what));
      if (result === 'conflict') await store.read(this.name, { timeoutMs: callTimeout(times) });
    } catch (error) {
      this.#notBefore = clock.now() + times.retryPeriod;
      onError(error, this.name);
    }
    this.#isBusy = false;
    this.step();
  }

  async #write(what: Write): Promise<unknown> {
    const { store, clock, node, times, term } = this.#around;
    const call = { timeoutMs: callTimeout(times) };
    const before = this.lease;
    if (what === 'take') {
      const [sentIn, from, freedAt] = [term(), this.#lastHolder, this.#freedAt];
      const lease = this.#taken(before);
      const written = await (before ? store.replace(lease, call) : store.create(lease, call));
      // An answer from before our presence was lost proves nothing any more: `isHeld` compares the terms.
      if (written !== 'conflict' && holderOf(this.lease) === node) {
        this.#heldIn = sentIn;
        if (from !== undefined && from !== node) this.#tellTakeover(from, freedAt);
      }
      return written;
    }
    if (!before) return undefined;
    if (what === 'remove') return store.delete(before, call);
    return store.replace({ ...before, spec: releasedRecord(before, clock.wall()) }, call);
  }

  #tellTakeover(from: string, freedAt: Milliseconds | undefined): void {
    const { clock, rollCall, onTakeover } = this.#around;
    const { address } = this;
    const handover = { cause: 'handover', ...(freedAt === undefined ? {} : { detected: freedAt }) } as const;
    onTakeover({ address, from, ...(rollCall.passing(from) ?? handover), decided: clock.now() });
  }

  #taken(before: Lease | undefined): Lease {
    const { node, clock } = this.#around;
    const metadata = before?.metadata ?? { name: this.name };
    return {
      metadata: {
        ...metadata,
        labels: { ...metadata.labels, ...LEASE_LABELS },
        annotations: { ...metadata.annotations, [KEY.leaseAddress]: this.address },
      },
      // No duration: the Lease stands as long as the presence of its holder does.
      spec: takenRecord(before, node, clock.wall(), undefined),
    };
  }

  #tell(): void {
    const owner = this.owner;
    if (owner === this.#told) return;
    this.#told = owner;
    this.#around.onOwner(this.address);
  }
}
