/** Ownership by heartbeat beside agents that are not heard: what their Leases say is theirs is left to them. */
import { off, ready, type Decision } from '../../../model/decision.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Clock, Milliseconds } from '../../../model/time.ts';
import { ForwardingOwnership } from '../heartbeat/forwarding.ts';
import type { HeartbeatOwnership } from '../heartbeat/options.ts';
import { leaseNameOf } from '../names.ts';
import type { LeaseStore, Owner } from '../port.ts';
import type { LeaseRecord } from './lease-record.ts';

/** How long it is waited for what the Leases say: the API server may be out of reach. */
const PATIENCE: Milliseconds = 1000;

export interface BesideLeasesOptions {
  readonly ownership: HeartbeatOwnership;
  readonly record: LeaseRecord;
  readonly store: LeaseStore;
  readonly clock: Clock;
  /** Whether no heartbeats travel, since the link is down: then only the Leases can tell who owns what. */
  readonly isCutOff?: () => boolean;
}

export function besideLeases(options: BesideLeasesOptions): HeartbeatOwnership {
  return new BesideLeases(options);
}

class BesideLeases extends ForwardingOwnership {
  readonly #record: LeaseRecord;
  readonly #store: LeaseStore;
  readonly #clock: Clock;
  readonly #isCutOff: () => boolean;
  readonly #callbacks = new Set<(address: Ip | undefined) => void>();
  /** Left to agents that are not heard. */
  readonly #left = new Set<Ip>();
  readonly #stops: (() => void)[] = [];
  #isReady = false;

  constructor({ ownership, record, store, clock, isCutOff }: BesideLeasesOptions) {
    super(ownership);
    this.#isCutOff = isCutOff ?? (() => false);
    this.#clock = clock;
    this.#record = record;
    this.#store = store;
  }

  override async start(): Promise<void> {
    this.#stops.push(
      this.inner.onChange((address) => {
        if (address === undefined) this.#record.liveChanged();
        this.#tell(address);
      }),
      this.#record.onStrangers(() => this.#tell(undefined)),
      this.#store.onChange((name) => this.#leaseChanged(name)),
    );
    // Heartbeats begin at once: the Leases may be out of reach.
    const ready = (): void => {
      if (this.#isReady) return;
      this.#isReady = true;
      this.#tell(undefined);
    };
    const patience = this.#clock.after(PATIENCE, ready);
    this.#stops.push(() => patience.cancel());
    void this.#record.start().then(ready);
    await this.inner.start();
  }

  /** The ownership stops its record itself. */
  override async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    await this.inner.stop();
  }

  override ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    const holder = this.#record.recordedHolder(address);
    if (holder === undefined || !this.#isLeftTo(holder)) {
      this.#left.delete(address);
      // Nothing is taken before it is known what is left to others.
      return this.inner.ensure(address, this.#isReady ? eligible : []);
    }
    this.#left.add(address);
    this.inner.release(address);
    const { acquireTime: since = '', leaseTransitions: term = 0 } = this.#store.get(leaseNameOf(address))?.spec ?? {};
    return ready({ node: holder, mine: false, since, term }, 'Owned', `${holder} owns ${address}, as its Lease says`);
  }

  override release(address: Ip): Decision {
    return this.#left.delete(address) ? off('Released', `nobody wants ${address}`) : this.inner.release(address);
  }

  /** Strangers count as alive: the kernel stays silent for them, too. */
  override liveNodes(): readonly string[] {
    const strangers = this.#record.strangers().map(({ node }) => node);
    const heard = this.inner.liveNodes();
    return strangers.length === 0 ? heard : [...heard, ...strangers].sort();
  }

  override lostNodes(): readonly string[] {
    return this.inner.lostNodes().filter((node) => !this.#record.isStranger(node));
  }

  override recordedHolder(address: Ip): string | undefined {
    return this.#record.recordedHolder(address);
  }

  override onChange(callback: (address: Ip | undefined) => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  #isLeftTo(holder: string): boolean {
    if (this.#record.isStranger(holder)) return true;
    return this.#isCutOff() && !this.inner.liveNodes().includes(holder);
  }

  /** By a stranger it may have become another's, or free. */
  #leaseChanged(name: string): void {
    const strange = this.#record.strangers().length > 0 || this.#left.size > 0 || this.#isCutOff();
    if (strange && !name.startsWith('kubevip-node-')) this.#tell(undefined);
  }

  #tell(address: Ip | undefined): void {
    for (const callback of [...this.#callbacks]) callback(address);
  }
}
