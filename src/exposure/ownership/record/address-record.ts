/**
 * The Leases of addresses where heartbeats decide: written after the fact by the owner, so that people, `kubevip status`
 * and agents that elect through Leases can see who has what. Nothing waits for them.
 */
import { KEY } from '../../../model/annotations.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Lease } from '../../../model/kubernetes.ts';
import { holderOf, takenRecord } from '../../../model/lease.ts';
import type { Clock, Milliseconds, Timer } from '../../../model/time.ts';
import { addressOf, LEASE_LABELS, leaseNameOf } from '../names.ts';
import type { LeaseStore } from '../port.ts';
import { Slots } from '../slots.ts';

export interface AddressRecordOptions {
  readonly node: string;
  readonly store: LeaseStore;
  readonly clock: Clock;
  /** Other nodes that are heard. */
  readonly isHeard: (node: string) => boolean;
  /** Other nodes that are alive all the same, as their Leases show. */
  readonly isStranger: (node: string) => boolean;
  /** Whether there are any: then two may take an address at once, and its Lease alone tells them so. */
  readonly hasStrangers: () => boolean;
  readonly onError: (error: unknown, lease: string) => void;
}

const CALL = { timeoutMs: 5000 };
/** Whoever takes a thousand addresses at once has more urgent things to do in that moment. */
const AFTERWARDS: Milliseconds = 250;
const RETRY: Milliseconds = 1000;
const LONGEST_RETRY: Milliseconds = 30_000;
/** A record in another name that does not right itself: two nodes wrote at once, or a person did. */
const REASSERT: Milliseconds = 5000;
const WRITES_AT_ONCE = 16;

export class AddressRecord {
  readonly #options: AddressRecordOptions;
  readonly #slots = new Slots(WRITES_AT_ONCE);
  /** What the record is to be. `removed`: no Lease, unless it is another's. */
  readonly #wanted = new Map<Ip, 'owned' | 'removed'>();
  readonly #busy = new Map<Ip, Promise<void>>();
  readonly #timers = new Map<Ip, Timer>();
  readonly #failures = new Map<Ip, number>();
  #started = false;

  constructor(options: AddressRecordOptions) {
    this.#options = options;
  }

  /** The view of Leases is complete from now on. */
  start(): void {
    this.#started = true;
    for (const address of [...this.#wanted.keys()]) this.#settle(address);
  }

  set(address: Ip, wanted: 'owned' | 'removed'): void {
    this.#wanted.set(address, wanted);
    this.#failures.delete(address);
    if (wanted === 'owned' && !this.#options.hasStrangers()) this.#later(address, AFTERWARDS);
    else this.#settle(address);
  }

  /** The API server answers again: what could not be written while it did not waits no longer. */
  recovered(): void {
    for (const address of [...this.#failures.keys()]) {
      this.#failures.delete(address);
      this.#settle(address);
    }
  }

  /** Another node has it, and writes that itself. */
  forget(address: Ip): void {
    this.#wanted.delete(address);
    this.#failures.delete(address);
    this.#timers.get(address)?.cancel();
    this.#timers.delete(address);
  }

  isOwned(address: Ip): boolean {
    return this.#wanted.get(address) === 'owned';
  }

  get owned(): Ip[] {
    return [...this.#wanted].flatMap(([address, wanted]) => (wanted === 'owned' ? [address] : []));
  }

  /** The Lease was changed by somebody else. */
  observed(lease: Lease | undefined): void {
    const address = lease && addressOf(lease);
    if (address === undefined || !this.isOwned(address)) return;
    const holder = holderOf(lease);
    // One that is not heard may have the address by right: then this node is told to let go of it.
    const isOpen = holder === undefined || this.#options.isHeard(holder);
    if (holder !== this.#options.node && isOpen) this.#later(address, REASSERT);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#busy.size > 0) await Promise.all(this.#busy.values());
  }

  stop(): void {
    this.#started = false;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #settle(address: Ip): void {
    if (!this.#started || this.#busy.has(address)) return;
    this.#timers.get(address)?.cancel();
    this.#timers.delete(address);
    const wanted = this.#wanted.get(address);
    if (wanted === undefined || this.#isSettled(address, wanted)) return this.#done(address);
    const work = this.#slots
      .run(async () => this.#write(address))
      .then((done) => {
        this.#busy.delete(address);
        if (done) this.#settle(address);
        else this.#later(address, this.#backoff(address));
      });
    this.#busy.set(address, work);
  }

  #isSettled(address: Ip, wanted: 'owned' | 'removed'): boolean {
    const lease = this.#options.store.get(leaseNameOf(address));
    return wanted === 'owned' ? holderOf(lease) === this.#options.node : !this.#isOurs(lease);
  }

  /** Written by this node, by nobody, or by one that is gone and was not written over while this node had the address. */
  #isOurs(lease: Lease | undefined): boolean {
    const { node, isHeard, isStranger } = this.#options;
    const holder = holderOf(lease);
    if (lease === undefined) return false;
    return holder === undefined || holder === node || !(isHeard(holder) || isStranger(holder));
  }

  #done(address: Ip): void {
    this.#failures.delete(address);
    if (this.#wanted.get(address) === 'removed') this.#wanted.delete(address);
  }

  /** @returns whether the view shows the outcome. Never rejects. */
  async #write(address: Ip): Promise<boolean> {
    const { store, onError } = this.#options;
    const name = leaseNameOf(address);
    const wanted = this.#wanted.get(address);
    if (wanted === undefined || this.#isSettled(address, wanted)) return true;
    const before = store.get(name);
    try {
      const result =
        wanted === 'owned' ? await this.#take(name, address, before) : before && (await store.delete(before, CALL));
      if (result !== 'conflict') return true;
      await store.read(name, CALL);
      return this.#wanted.get(address) === undefined;
    } catch (error) {
      onError(error, name);
      return false;
    }
  }

  async #take(name: string, address: Ip, before: Lease | undefined): Promise<Lease | 'conflict'> {
    const { store, clock, node } = this.#options;
    const metadata = before?.metadata ?? { name };
    const lease: Lease = {
      metadata: {
        ...metadata,
        labels: { ...metadata.labels, ...LEASE_LABELS },
        annotations: { ...metadata.annotations, [KEY.leaseAddress]: address },
      },
      spec: takenRecord(before, node, clock.wall(), undefined),
    };
    return before === undefined ? store.create(lease, CALL) : store.replace(lease, CALL);
  }

  #backoff(address: Ip): Milliseconds {
    const failures = (this.#failures.get(address) ?? 0) + 1;
    this.#failures.set(address, failures);
    return Math.min(LONGEST_RETRY, RETRY * 2 ** (failures - 1));
  }

  #later(address: Ip, delay: Milliseconds): void {
    if (!this.#started || !this.#wanted.has(address)) return;
    this.#timers.get(address)?.cancel();
    this.#timers.set(
      address,
      this.#options.clock.after(delay, () => this.#settle(address)),
    );
  }
}
