/**
 * All addresses of the VIP by one Lease, kube-vip's `plndr-cp-lock`: whoever holds it has them all. A node that is not
 * eligible does not contend, and frees the Lease if it had it.
 */
import { pending, ready, type Decision } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import { holderOf } from '../../model/lease.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { createElection } from '../ownership/election/election.ts';
import type { Election, LeaseStore, LeaseTimes, Owner, Takeover, RunningOwnership } from '../ownership/port.ts';
import type { OtherApiServers } from './port.ts';

export interface OneLeaseOptions {
  /** This node, and what is written as holder. */
  readonly node: string;
  readonly lease: string;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  readonly store: LeaseStore;
  readonly others: Pick<OtherApiServers, 'free'>;
  /** Kept on the Lease, as it is at each renewal. */
  readonly annotations?: () => Readonly<Record<string, string>>;
  /** For the log: calls that failed. They are repeated. */
  readonly onError?: (error: unknown) => void;
}

/** How long this node's own API server may take to free the Lease before the others are asked. */
const PATIENCE: Milliseconds = 300;

/** @throws KubevipError BAD_LEASE_TIMES, by `start` */
export function createOneLease(options: OneLeaseOptions): RunningOwnership {
  return new OneLease(options);
}

class OneLease implements RunningOwnership {
  readonly #options: OneLeaseOptions;
  /** Addresses that this node may have and that are asked for. */
  readonly #wanted = new Set<Ip>();
  readonly #callbacks = new Set<(address: Ip | undefined) => void>();
  readonly #takeovers = new Set<(takeover: Takeover) => void>();
  /** The last other holder: when it was heard of, and when it was seen to have let go. */
  #before: { readonly node: string; readonly heardAt: Milliseconds; readonly freedAt?: Milliseconds } | undefined;
  #election: Election | undefined;
  #freeing: Promise<void> | undefined;
  #known = false;
  #stopped = false;
  #unsubscribe = (): void => undefined;

  constructor(options: OneLeaseOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { store, lease } = this.#options;
    await store.start();
    if (this.#stopped) return;
    this.#note();
    this.#unsubscribe = store.onChange((name) => {
      if (name !== lease) return;
      this.#note();
      this.#tell();
    });
    this.#known = true;
    this.#steer();
    this.#tell();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wanted.clear();
    this.#steer();
    await this.#freeing;
    this.#unsubscribe();
    this.#options.store.stop();
  }

  ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    const { node, lease: name, store } = this.#options;
    if (eligible.includes(node)) this.#wanted.add(address);
    else this.#wanted.delete(address);
    this.#steer();
    if (!this.#known) {
      return pending('LeaseUnknown', `Lease ${name} could not be read yet: who has ${address} is not known`);
    }
    const lease = store.get(name);
    const owner = (holder: string, mine: boolean): Decision<Owner> => {
      const { acquireTime: since = '', leaseTransitions: term = 0 } = lease?.spec ?? {};
      return ready({ node: holder, mine, since, term }, 'Owned', `${holder} owns ${address}`);
    };
    if (this.#election?.isLeader === true) return owner(node, true);
    const holder = holderOf(lease);
    if (holder === undefined) return pending('WaitingForOwner', `nobody holds Lease ${name} yet`);
    if (holder !== node) return owner(holder, false);
    return pending('LeaseNotRenewed', `${node} cannot renew Lease ${name}`);
  }

  release(address: Ip): Decision {
    this.#wanted.delete(address);
    this.#steer();
    return pending('Released', `${address} is not the VIP any more`);
  }

  /** What is held was confirmed by the API server moments ago. */
  doubt(): void {}

  liveNodes(): readonly string[] {
    return [this.#options.node];
  }

  /** One Lease tells of its holder alone. */
  lostNodes(): readonly string[] {
    return [];
  }

  holds(address: Ip): boolean {
    return this.#wanted.has(address) && this.#election?.isLeader === true;
  }

  recordedHolder(): string | undefined {
    return holderOf(this.#options.store.get(this.#options.lease));
  }

  onChange(callback: (address: Ip | undefined) => void): () => void {
    this.#callbacks.add(callback);
    return () => void this.#callbacks.delete(callback);
  }

  onTakeover(callback: (takeover: Takeover) => void): () => void {
    this.#takeovers.add(callback);
    return () => void this.#takeovers.delete(callback);
  }

  #steer(): void {
    const contend = this.#known && this.#wanted.size > 0 && !this.#stopped;
    if (contend && !this.#election && !this.#freeing) this.#contend();
    if (!contend && this.#election) {
      const election = this.#election;
      this.#election = undefined;
      this.#freeing = this.#free(election).then(() => {
        this.#freeing = undefined;
        this.#steer();
      });
    }
  }

  /**
   * Each time a new election: it knows nothing of how long the Lease has stood. After an outage of the whole API the
   * last owner could not renew either, and has its time again from here.
   */
  #contend(): void {
    const { node, lease, times, clock, store, annotations, onError } = this.#options;
    this.#election = createElection({
      name: lease,
      identity: node,
      times,
      clock,
      store,
      ...(annotations ? { annotations } : {}),
      ...(onError ? { onError } : {}),
    });
    this.#election.onChange(() => {
      if (this.#election?.isLeader === true) this.#tellTakeovers();
      this.#tell();
    });
    this.#election.start();
  }

  /** Where this node's API server does not take it, another one does: the next owner need not wait. Never rejects. */
  async #free(election: Election): Promise<void> {
    const { clock, lease, node, others } = this.#options;
    const { promise: patience, resolve } = Promise.withResolvers<undefined>();
    const timer = clock.after(PATIENCE, () => resolve(undefined));
    const stopped = election.stop();
    await Promise.race([stopped, patience]);
    timer.cancel();
    if (this.recordedHolder() === node) await others.free(lease, node);
    await stopped;
  }

  #note(): void {
    const { store, lease, node, clock } = this.#options;
    const holder = holderOf(store.get(lease));
    if (holder !== undefined && holder !== node) this.#before = { node: holder, heardAt: clock.now() };
    else if (holder === undefined && this.#before) this.#before = { freedAt: clock.now(), ...this.#before };
  }

  #tellTakeovers(): void {
    const from = this.#before;
    this.#before = undefined;
    if (!from) return;
    const decided = this.#options.clock.now();
    // Whoever cannot renew is overtaken when the Lease has run out, which is the moment of the decision.
    const how =
      from.freedAt === undefined
        ? ({ cause: 'death', lastHeard: from.heardAt, detected: decided } as const)
        : ({ cause: 'leaving', detected: from.freedAt } as const);
    for (const address of this.#wanted) {
      for (const callback of [...this.#takeovers]) callback({ address, from: from.node, ...how, decided });
    }
  }

  #tell(): void {
    for (const callback of [...this.#callbacks]) callback(undefined);
  }
}
