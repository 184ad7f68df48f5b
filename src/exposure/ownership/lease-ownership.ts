/**
 * Owners by Lease: one Lease per address and one per agent for its being alive. Who is preferred for a free address is
 * computed alike by all (rendezvous hashing); the Lease decides.
 */
import { failed, off, pending, ready, type Decision } from '../../model/decision.ts';
import { parseIp, type Ip } from '../../model/ip.ts';
import type { Lease } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { Contest } from './contest.ts';
import type { ElectionTimes } from './election.ts';
import type { LeaseStore, Owner, Ownership } from './port.ts';
import { rankNodes } from './rendezvous.ts';

/** Lets the preferred node take a free Lease first; by then it would have. */
const PATIENCE_PER_RANK: Milliseconds = 150;
const PRESENCE_PREFIX = 'kubevip-node-';
const ADDRESS_ANNOTATION = 'kubevip.dev/address';
const LABELS = { 'app.kubernetes.io/managed-by': 'kubevip' };

export interface LeaseOwnershipOptions {
  readonly node: string;
  readonly namespace: string;
  readonly times: ElectionTimes;
  readonly clock: Clock;
  readonly store: LeaseStore;
  readonly onError: (error: unknown, lease: string) => void;
}

export interface LeaseOwnership extends Ownership {
  start(): Promise<void>;
  /** Gives all Leases up, so that others need not wait. */
  stop(): Promise<void>;
  holds(ip: Ip): boolean;
}

export function createLeaseOwnership(options: LeaseOwnershipOptions): LeaseOwnership {
  return new ByLease(options);
}

/** Name of the Lease of an address: a DNS label, like `kubevip-10-77-0-100`. */
export function leaseNameOf(ip: Ip): string {
  // A label may not end in a dash, as `fd00::` would make it.
  return `kubevip-${ip.replaceAll(/[.:]/g, '-')}`.replace(/-$/, '-0');
}

class ByLease implements LeaseOwnership {
  readonly #options: LeaseOwnershipOptions;
  readonly #contests = new Map<Ip, Contest>();
  readonly #byName = new Map<string, Contest>();
  /** When each agent's presence was last seen to change. */
  readonly #presence = new Map<string, { readonly seenAt: Milliseconds; readonly lease: Lease }>();
  readonly #listeners = new Set<(ip: Ip | undefined) => void>();
  #own: Contest | undefined;
  #live: string[] = [];
  #stops: (() => void)[] = [];

  constructor(options: LeaseOwnershipOptions) {
    this.#options = options;
    this.#live = [options.node];
  }

  async start(): Promise<void> {
    const { store, node } = this.#options;
    this.#stops.push(store.onChange((name, lease) => this.#seen(name, lease)));
    await store.start();
    this.#own = this.#contest(`${PRESENCE_PREFIX}${node}`, {}, () => undefined);
    this.#own.contend(true);
    this.#countLive();
    const tick = (): void => {
      this.#countLive();
      const timer = this.#options.clock.after(this.#options.times.retryPeriod / 2, tick);
      this.#stops.push(() => timer.cancel());
    };
    tick();
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    const contests = [...this.#contests.values()];
    this.#contests.clear();
    await Promise.all([...contests.map((contest) => contest.release()), this.#own?.remove()]);
    this.#options.store.stop();
  }

  ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    const { node, clock } = this.#options;
    let contest = this.#contests.get(address);
    if (!contest) {
      contest = this.#contest(leaseNameOf(address), { [ADDRESS_ANNOTATION]: address }, () => this.#tell(address));
      this.#contests.set(address, contest);
    }
    const rank = rankNodes(address, eligible).indexOf(node);
    const { election } = contest;
    if (rank < 0 && election.holding) void this.#giveUp(address, contest);
    else contest.contend(rank >= 0, rank * PATIENCE_PER_RANK);
    const holder = election.holder(clock.now());
    if (holder === undefined) {
      if (eligible.length === 0) return failed('NoEligibleNode', `no live node may own ${address}`);
      return pending('WaitingForOwner', `choosing an owner for ${address} among ${eligible.join(', ')}`);
    }
    const { acquireTime, leaseTransitions } = election.lease?.spec ?? {};
    const owner = { node: holder, mine: election.holding, since: acquireTime ?? '', term: leaseTransitions ?? 0 };
    return ready(owner, 'Owned', `${holder} owns ${address}`);
  }

  release(address: Ip): Decision {
    const contest = this.#contests.get(address);
    this.#contests.delete(address);
    this.#byName.delete(leaseNameOf(address));
    void contest?.remove();
    return off('Released', `nobody wants ${address}`);
  }

  liveNodes(): readonly string[] {
    return this.#live;
  }

  holds(ip: Ip): boolean {
    return this.#contests.get(ip)?.election.holding ?? false;
  }

  onChange(callback: (address: Ip | undefined) => void): () => void {
    this.#listeners.add(callback);
    return () => void this.#listeners.delete(callback);
  }

  /** Not eligible any more: the address is let go here first, then the others may have it. */
  async #giveUp(address: Ip, contest: Contest): Promise<void> {
    this.#contests.delete(address);
    this.#byName.delete(leaseNameOf(address));
    const released = contest.release();
    this.#tell(address);
    await released;
    this.#tell(address);
  }

  #contest(name: string, annotations: Record<string, string>, onChange: () => void): Contest {
    const { node, namespace, times, clock, store, onError } = this.#options;
    const contest = new Contest({
      name,
      namespace,
      identity: node,
      times,
      clock,
      store,
      labels: LABELS,
      annotations,
      onChange,
      onError: (error) => onError(error, name),
    });
    this.#byName.set(name, contest);
    return contest;
  }

  #seen(name: string, lease: Lease | undefined): void {
    if (name.startsWith(PRESENCE_PREFIX)) {
      if (lease) this.#presence.set(name.slice(PRESENCE_PREFIX.length), { seenAt: this.#options.clock.now(), lease });
      else this.#presence.delete(name.slice(PRESENCE_PREFIX.length));
      this.#countLive();
    }
    this.#byName.get(name)?.observe(lease);
  }

  /** Alive: its presence changed within the time that it says itself. */
  #countLive(): void {
    const now = this.#options.clock.now();
    const live = new Set([this.#options.node]);
    for (const [node, { seenAt, lease }] of this.#presence) {
      const seconds = lease.spec?.leaseDurationSeconds ?? 0;
      if (lease.spec?.holderIdentity === node && now - seenAt < seconds * 1000) live.add(node);
    }
    const next = [...live].sort();
    if (next.join() === this.#live.join()) return;
    this.#live = next;
    for (const listener of [...this.#listeners]) listener(undefined);
  }

  #tell(address: Ip): void {
    for (const listener of [...this.#listeners]) listener(address);
  }
}

/** Addresses that have a Lease, whoever holds it. */
export function addressOf(lease: Lease): Ip | undefined {
  return parseIp(lease.metadata.annotations?.[ADDRESS_ANNOTATION] ?? '');
}
