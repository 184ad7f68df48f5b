/**
 * Owners by Lease. One Lease per agent says that it is alive, and is renewed; one Lease per address says who
 * has it, and is written only when that changes: it stands as long as its holder's agent is alive. So the API
 * server has as much to do with a thousand addresses as with one.
 *
 * Why no two nodes hold an address at once: an agent that cannot renew its presence lets everything go before
 * anybody else counts it as dead, and once alive again it holds only what it has written anew.
 */
import { failed, off, pending, ready, type Decision } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { Lease } from '../../model/kubernetes.ts';
import { holderOf } from '../../model/lease.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { AddressLease, type Surroundings } from './address-lease.ts';
import { createElection } from './election/election.ts';
import { addressOf, leaseNameOf, presenceNameOf } from './names.ts';
import type { Election, LeaseStore, LeaseTimes, Owner, RunningOwnership, Takeover } from './port.ts';
import { RollCall } from './roll-call.ts';
import { Slots } from './slots.ts';

export interface LeaseOwnershipOptions {
  /** This node. */
  readonly node: string;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  readonly store: LeaseStore;
  /** What this agent says of itself, as annotations of its presence Lease; asked anew at each renewal. */
  readonly about?: () => Readonly<Record<string, string>>;
  /** How long each better candidate for a free address goes ahead. Default 150 ms. */
  readonly step?: Milliseconds;
  /** For the log: calls that failed. They are repeated. */
  readonly onError?: (error: unknown, lease: string) => void;
}

/** @throws KubevipError BAD_LEASE_TIMES */
export function createLeaseOwnership(options: LeaseOwnershipOptions): RunningOwnership {
  return new ByLease(options);
}

const STEP: Milliseconds = 150;
/** How long stopping waits for an API server that does not answer. */
const STOP: Milliseconds = 3000;
const WRITES_AT_ONCE = 16;
/** After this time an address of ours that no Service has asked for since the start is nobody's. */
const ORPHAN: Milliseconds = 15_000;

class ByLease implements RunningOwnership {
  readonly #node: string;
  readonly #store: LeaseStore;
  readonly #clock: Clock;
  readonly #presence: Election;
  readonly #rollCall: RollCall;
  readonly #around: Surroundings;
  readonly #addresses = new Map<string, AddressLease>();
  readonly #callbacks = new Set<(address: Ip | undefined) => void>();
  readonly #takeovers = new Set<(takeover: Takeover) => void>();
  #stops: (() => void)[] = [];

  constructor(options: LeaseOwnershipOptions) {
    const { node, times, clock, store, about, step = STEP } = options;
    const onError = (error: unknown, lease: string): void => options.onError?.(error, lease);
    this.#node = node;
    this.#store = store;
    this.#clock = clock;
    this.#rollCall = new RollCall({ node, times, clock, store, onError, onChange: () => this.#liveChanged() });
    const name = presenceNameOf(node);
    this.#presence = createElection({
      name,
      identity: node,
      times,
      clock,
      store,
      // The only agent has nobody to make room for: it keeps its addresses through any outage of the API server.
      lenient: () => this.#rollCall.isOnly,
      removeOnStop: true,
      ...(about ? { annotations: about } : {}),
      onError: (error) => onError(error, name),
    });
    this.#around = {
      node,
      times,
      clock,
      store,
      step,
      slots: new Slots(WRITES_AT_ONCE),
      rollCall: this.#rollCall,
      isPresent: () => this.#presence.isLeader,
      term: () => this.#presence.term,
      onOwner: (address) => this.#tell(address),
      onTakeover: (takeover) => [...this.#takeovers].forEach((callback) => callback(takeover)),
      onDone: (lease) => void this.#addresses.delete(lease),
      onError,
    };
  }

  async start(): Promise<void> {
    await this.#store.start();
    for (const lease of this.#store.list()) this.#seen(lease.metadata.name, lease);
    const orphans = this.#clock.after(ORPHAN, () => this.#dropOrphans());
    this.#stops = [
      this.#store.onChange((name, lease) => this.#seen(name, lease)),
      this.#presence.onChange(() => this.#presenceChanged()),
      () => orphans.cancel(),
    ];
    this.#presence.start();
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    // With others alive, giving up the presence frees every address at once; alone, nothing is left behind.
    const alone = this.#rollCall.live.length === 1;
    this.#rollCall.stop();
    const stopped = Promise.all([...this.#addresses.values()].map(async (address) => address.stop(alone)));
    const { promise: patience, resolve } = Promise.withResolvers<undefined>();
    const timer = this.#clock.after(STOP, () => resolve(undefined));
    await Promise.race([stopped, patience]);
    timer.cancel();
    await this.#presence.stop();
    this.#store.stop();
  }

  ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    const held = this.#addressLease(address);
    held.want(eligible);
    const { owner } = held;
    if (owner !== undefined) {
      const { acquireTime: since = '', leaseTransitions: term = 0 } = held.lease?.spec ?? {};
      return ready({ node: owner, mine: owner === this.#node, since, term }, 'Owned', `${owner} owns ${address}`);
    }
    if (!this.#presence.isLeader && this.#presence.term > 0) {
      const lease = presenceNameOf(this.#node);
      return pending('LeaseNotRenewed', `${this.#node} cannot renew its Lease ${lease} and holds nothing until it can`);
    }
    const live = this.liveNodes();
    if (!eligible.some((node) => live.includes(node))) {
      return failed('NoEligibleNode', `no live node may own ${address}`);
    }
    return pending('WaitingForOwner', `choosing an owner for ${address} among ${eligible.join(', ')}`);
  }

  release(address: Ip): Decision {
    this.#addresses.get(leaseNameOf(address))?.release();
    return off('Released', `nobody wants ${address}`);
  }

  liveNodes(): readonly string[] {
    return this.#rollCall.live;
  }

  /** What is held here was confirmed by the API server moments ago: there is nothing to doubt. */
  doubt(): void {}

  recordedHolder(address: Ip): string | undefined {
    return holderOf(this.#store.get(leaseNameOf(address)));
  }

  lostNodes(): readonly string[] {
    return this.#rollCall.lost;
  }

  holds(address: Ip): boolean {
    return this.#addresses.get(leaseNameOf(address))?.isHeld ?? false;
  }

  onChange(callback: (address: Ip | undefined) => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  onTakeover(callback: (takeover: Takeover) => void): () => void {
    this.#takeovers.add(callback);
    return () => void this.#takeovers.delete(callback);
  }

  #addressLease(address: Ip): AddressLease {
    const name = leaseNameOf(address);
    const known = this.#addresses.get(name);
    if (known) return known;
    const made = new AddressLease(address, this.#around);
    this.#addresses.set(name, made);
    return made;
  }

  #seen(name: string, lease: Lease | undefined): void {
    if (this.#rollCall.observe(name, lease)) return;
    const address = lease && addressOf(lease);
    const known = this.#addresses.get(name) ?? (address && this.#addressLease(address));
    known?.observed();
  }

  #presenceChanged(): void {
    const present = this.#presence.isLeader;
    for (const address of [...this.#addresses.values()]) {
      if (present) address.step();
      else address.letGo();
    }
  }

  #liveChanged(): void {
    for (const address of [...this.#addresses.values()]) address.step();
    this.#tell(undefined);
  }

  #tell(address: Ip | undefined): void {
    for (const callback of [...this.#callbacks]) callback(address);
  }

  /** Addresses that a Service let go while no agent was there to see it. */
  #dropOrphans(): void {
    for (const address of [...this.#addresses.values()]) if (address.demand === 'unknown') address.release();
  }
}
