/** What is written to Leases where heartbeats decide, and what is read from them: all of it after the fact. */
import type { Ip } from '../../../model/ip.ts';
import { holderOf } from '../../../model/lease.ts';
import type { Clock, Milliseconds } from '../../../model/time.ts';
import type { OwnerRecord } from '../heartbeat/port.ts';
import { addressOf, leaseNameOf, presenceNameOf } from '../names.ts';
import type { LeaseStore, LeaseTimes } from '../port.ts';
import { AddressRecord } from './address-record.ts';
import { PresenceRecord } from './presence-record.ts';
import { Strangers, type Stranger } from './strangers.ts';

export interface LeaseRecordOptions {
  readonly node: string;
  readonly store: LeaseStore;
  readonly clock: Clock;
  /** Of the presence Lease while agents are there that are not heard. */
  readonly times: LeaseTimes;
  /** What this agent says of itself, as annotations of its presence Lease. */
  readonly about: () => Readonly<Record<string, string>>;
  /** Addresses at which it hears heartbeats. */
  readonly addresses: () => readonly Ip[];
  /** Nodes whose agents are heard, sorted, this one included. */
  readonly live: () => readonly string[];
  /** Whether anybody on the LAN answers for the address. Rejects where that cannot be asked. */
  readonly isAnswered: (address: Ip) => Promise<boolean>;
  readonly onError: (error: unknown, lease: string) => void;
}

export interface LeaseRecord extends OwnerRecord {
  /** Resolves when the Leases are known. Never rejects. */
  start(): Promise<void>;
  /** Addresses of other agents, for unicast. */
  peers(): readonly Ip[];
  /** Agents that are alive and not heard. */
  strangers(): readonly Stranger[];
  isStranger(node: string): boolean;
  onStrangers(callback: () => void): () => void;
  /** The agents that are heard are others. */
  liveChanged(): void;
}

/** Of what another node owns so many are asked for: it has all of them, or none. */
const SAMPLE = 8;
/** How long stopping waits for an API server that does not answer. */
const STOP: Milliseconds = 3000;

export function createLeaseRecord(options: LeaseRecordOptions): LeaseRecord {
  const { node, store, clock, live, onError } = options;
  const callbacks = new Set<() => void>();
  const isHeard = (other: string): boolean => live().includes(other);
  const strangers = new Strangers({
    node,
    clock,
    isHeard,
    read: async (other) => await store.read(presenceNameOf(other), { timeoutMs: options.times.retryPeriod }),
    async isServing(other) {
      const owned = store.list().flatMap((lease) => (holderOf(lease) === other ? (addressOf(lease) ?? []) : []));
      const answers = await Promise.all(owned.slice(0, SAMPLE).map(options.isAnswered));
      return answers.length === 0 || answers.includes(true);
    },
    onChange: () => {
      presence.strangersChanged();
      for (const callback of [...callbacks]) callback();
    },
  });
  const addresses = new AddressRecord({
    node,
    store,
    clock,
    isHeard,
    isStranger: (other) => strangers.includes(other),
    hasStrangers: () => strangers.list.length > 0,
    onError,
  });
  const presence: PresenceRecord = new PresenceRecord({
    ...options,
    hasStrangers: () => strangers.list.length > 0,
    isOwned: (address, holder) =>
      holder === node
        ? addresses.isOwned(address)
        : holder !== undefined && (isHeard(holder) || strangers.includes(holder)),
  });
  let before: readonly string[] = [];
  const unsubscribe: (() => void)[] = [];
  let stopped = false;
  return {
    async start() {
      await store.start();
      if (stopped) return;
      for (const lease of store.list()) strangers.observe(lease.metadata.name, lease);
      unsubscribe.push(
        store.onRecovered(() => addresses.recovered()),
        store.onChange((name, lease) => {
          strangers.observe(name, lease);
          const [address, holder] = [lease && addressOf(lease), holderOf(lease)];
          const isOurs = address !== undefined && addresses.isOwned(address);
          if (isOurs && holder !== undefined && holder !== node && !isHeard(holder)) strangers.took(holder);
          presence.observed(name, lease);
          addresses.observed(lease);
        }),
      );
      strangers.start();
      presence.start();
      addresses.start();
    },
    owned: (address) => addresses.set(address, 'owned'),
    lost: (address) => addresses.forget(address),
    released: (address) => addresses.set(address, 'removed'),
    recordedHolder: (address) => holderOf(store.get(leaseNameOf(address))),
    peers: () => presence.peers(),
    strangers: () => strangers.list,
    isStranger: (other) => strangers.includes(other),
    onStrangers(callback) {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    liveChanged() {
      const now = live();
      const silent = before.filter((other) => !now.includes(other));
      for (const other of silent) presence.died(other);
      if (silent.length > 0) presence.speakUp();
      before = now;
      strangers.review();
    },
    async stop() {
      stopped = true;
      for (const end of unsubscribe.splice(0)) end();
      strangers.stop();
      // With others alive the next owner writes itself over this one; alone, nothing is left behind.
      if (live().length <= 1) {
        // Also of what was handed over or let go of before somebody had written that down.
        const recorded = store.list().flatMap((lease) => addressOf(lease) ?? []);
        for (const address of [...addresses.owned, ...recorded]) addresses.set(address, 'removed');
      }
      const { promise: patience, resolve } = Promise.withResolvers<undefined>();
      const timer = clock.after(STOP, () => resolve(undefined));
      await Promise.race([addresses.idle(), patience]);
      addresses.stop();
      await Promise.race([presence.stop(), patience]);
      timer.cancel();
      store.stop();
    },
  };
}
