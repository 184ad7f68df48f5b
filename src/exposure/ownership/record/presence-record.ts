/**
 * The Leases that say which nodes have an agent, where heartbeats decide: renewed once a minute, for people. Beside agents
 * that are not heard they are all that those have to go by, so then they are renewed as by election. Who died is written
 * down by those who noticed.
 */
import { KEY } from '../../../model/annotations.ts';
import { parseIp, type Ip } from '../../../model/ip.ts';
import type { Lease } from '../../../model/kubernetes.ts';
import { holderOf, isSameRecord, releasedRecord, takenRecord } from '../../../model/lease.ts';
import type { Clock, Milliseconds, Timer } from '../../../model/time.ts';
import { addressOf, LEASE_LABELS, nodeOf, presenceNameOf } from '../names.ts';
import type { LeaseStore, LeaseTimes } from '../port.ts';

export interface PresenceRecordOptions {
  readonly node: string;
  readonly store: LeaseStore;
  readonly clock: Clock;
  /** Of its renewals while agents are there that are not heard. */
  readonly times: LeaseTimes;
  /** Whether there are. */
  readonly hasStrangers: () => boolean;
  /** What this agent says of itself, as annotations. */
  readonly about: () => Readonly<Record<string, string>>;
  /** Addresses at which it hears heartbeats. */
  readonly addresses: () => readonly Ip[];
  /** Nodes with a live agent, sorted, this one included. */
  readonly live: () => readonly string[];
  /** Whether the Lease of an address stands for an owner. */
  readonly isOwned: (address: Ip, holder: string | undefined) => boolean;
  readonly onError: (error: unknown, lease: string) => void;
}

const RENEW: Milliseconds = 60_000;
const DURATION: Milliseconds = 180_000;
const RETRY: Milliseconds = 5000;
/** A sign of life for those that are not heard any more: late enough not to be taken for one from before. */
const SPEAK_UP: Milliseconds = 1500;
const CALL = { timeoutMs: 5000 };
/** Leases of addresses that nobody owns, and of nodes that are gone, are looked for this often. */
const TIDY: Milliseconds = 15_000;
/** How long a Lease must have been nobody's. */
const ORPHAN: Milliseconds = 15_000;
const BURIAL: Milliseconds = 60 * 60_000;

export class PresenceRecord {
  readonly #options: PresenceRecordOptions;
  readonly #name: string;
  /** Since when a Lease is nobody's, by name. */
  readonly #idleSince = new Map<string, Milliseconds>();
  /** Of others, with the moment at which they were last seen to change. */
  readonly #others = new Map<string, { readonly lease: Lease; readonly at: Milliseconds }>();
  #timer: Timer | undefined;
  #tidyTimer: Timer | undefined;
  #pending: Promise<void> = Promise.resolve();
  #running = false;

  constructor(options: PresenceRecordOptions) {
    this.#options = options;
    this.#name = presenceNameOf(options.node);
  }

  start(): void {
    this.#running = true;
    for (const lease of this.#options.store.list()) this.observed(lease.metadata.name, lease);
    this.#renew();
    this.#tidyLater();
  }

  /** Says that the agent is gone, and leaves no Lease of it. Never rejects. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#timer?.cancel();
    this.#tidyTimer?.cancel();
    await this.#pending;
    await this.#quietly(this.#name, async () => {
      const { store } = this.#options;
      // Those who notice that it is gone write that down at the same time.
      for (let attempt = 0; attempt < 3; attempt++) {
        const released = await this.#release(this.#name);
        if (released && (await store.delete(released, CALL)) !== 'conflict') return;
        if ((await store.read(this.#name, CALL)) === undefined) return;
      }
    });
  }

  /** There are agents that are not heard, or none any more. */
  strangersChanged(): void {
    if (this.#running) this.#renew();
  }

  /** A Lease was changed by somebody else. */
  observed(name: string, lease: Lease | undefined): void {
    const node = nodeOf(name);
    if (node === undefined) return;
    const { clock, store } = this.#options;
    if (node !== this.#options.node) {
      const known = this.#others.get(node);
      if (lease === undefined) this.#others.delete(node);
      else if (!known || !isSameRecord(known.lease, lease)) this.#others.set(node, { lease, at: clock.now() });
    } else if (this.#running && holderOf(store.get(name)) !== node) {
      // Somebody took us for dead, or a person deleted it.
      this.#renewIn(SPEAK_UP);
    }
  }

  /** Addresses of the agents that gave a sign of life of late. */
  peers(): Ip[] {
    const now = this.#options.clock.now();
    return [...this.#others.values()].flatMap(({ lease, at }) =>
      now - at < DURATION && holderOf(lease) !== undefined ? addressesOf(lease) : [],
    );
  }

  /** Others fell silent: if they live and do not hear this one either, they are to know soon. */
  speakUp(): void {
    if (this.#running && !this.#options.hasStrangers()) this.#renewIn(SPEAK_UP);
  }

  /** The agent of a node fell silent. One of those who noticed writes it down. */
  died(node: string): void {
    if (!this.#running || this.#options.live()[0] !== this.#options.node) return;
    const name = presenceNameOf(node);
    void this.#quietly(name, async () => {
      // Its last renewal may have come in between.
      if ((await this.#release(name)) ?? this.#options.live().includes(node)) return;
      await this.#options.store.read(name, CALL);
      await this.#release(name);
    });
  }

  #hasNews(): boolean {
    const { store, about } = this.#options;
    const annotations = store.get(this.#name)?.metadata.annotations ?? {};
    return Object.entries(about()).some(([key, value]) => annotations[key] !== value);
  }

  #renew(): void {
    if (!this.#running) return;
    this.#timer?.cancel();
    const before = this.#pending;
    this.#pending = this.#quietly(this.#name, async () => {
      await before;
      await this.#write();
    }).then((done) => {
      if (!this.#running) return;
      const { times, hasStrangers } = this.#options;
      this.#renewIn(hasStrangers() ? times.retryPeriod : done ? RENEW : RETRY);
    });
  }

  #renewIn(delay: Milliseconds): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delay, () => this.#renew());
  }

  async #write(): Promise<void> {
    const { store, clock, node, about, addresses, times, hasStrangers } = this.#options;
    for (let attempt = 0; attempt < 2; attempt++) {
      const before = store.get(this.#name);
      const metadata = before?.metadata ?? { name: this.#name };
      const lease: Lease = {
        metadata: {
          ...metadata,
          labels: { ...metadata.labels, ...LEASE_LABELS },
          annotations: { ...metadata.annotations, ...about(), [KEY.heartbeat]: addresses().join() },
        },
        spec: takenRecord(before, node, clock.wall(), hasStrangers() ? times.duration : DURATION),
      };
      const result = before === undefined ? await store.create(lease, CALL) : await store.replace(lease, CALL);
      if (result !== 'conflict') return;
      await store.read(this.#name, CALL);
    }
  }

  /** @returns the Lease without a holder; undefined where there is none, or another agent was quicker. */
  async #release(name: string): Promise<Lease | undefined> {
    const { store, clock } = this.#options;
    const lease = store.get(name);
    if (!lease) return undefined;
    if (holderOf(lease) === undefined) return lease;
    const released = await store.replace({ ...lease, spec: releasedRecord(lease, clock.wall()) }, CALL);
    return released === 'conflict' ? undefined : released;
  }

  #tidyLater(): void {
    this.#tidyTimer = this.#options.clock.after(TIDY, () => {
      if (!this.#running) return;
      this.#tidy();
      this.#tidyLater();
      // What it says of itself is news: a failover, say.
      if (this.#hasNews()) this.#renew();
    });
  }

  /** What the dead left behind is cleared away by the first of the living, and by each node what is its own. */
  #tidy(): void {
    const { store, clock, node, live, isOwned } = this.#options;
    const now = clock.now();
    const isFirst = live()[0] === node;
    const leases = store.list();
    for (const name of this.#idleSince.keys()) if (!store.get(name)) this.#idleSince.delete(name);
    for (const lease of leases) {
      const { name } = lease.metadata;
      const holder = holderOf(lease);
      const of = nodeOf(name);
      const address = addressOf(lease);
      const isIdle =
        address !== undefined
          ? !isOwned(address, holder)
          : of !== undefined && of !== node && !live().includes(of) && (holder === undefined || !this.#isFresh(of));
      if (!isIdle) {
        this.#idleSince.delete(name);
        continue;
      }
      const since = this.#idleSince.get(name) ?? now;
      this.#idleSince.set(name, since);
      if (now - since < (address === undefined ? BURIAL : ORPHAN)) continue;
      if (isFirst || holder === node) void this.#quietly(name, async () => await store.delete(lease, CALL));
    }
  }

  #isFresh(node: string): boolean {
    const known = this.#others.get(node);
    return known !== undefined && this.#options.clock.now() - known.at < DURATION;
  }

  async #quietly(name: string, act: () => Promise<unknown>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      this.#options.onError(error, name);
      return false;
    }
  }
}

function addressesOf(lease: Lease): Ip[] {
  return (lease.metadata.annotations?.[KEY.heartbeat] ?? '').split(',').flatMap((text) => parseIp(text) ?? []);
}
