/**
 * Agents that decide for real about one DHCP server, while everything between them is slow in its own way: what each
 * has seen of the Services, what it writes, who owns an address. Under a clock that stands still, so that every race
 * can be run again.
 */
import { Allocator } from '../../src/exposure/address/allocator.ts';
import { parsePools } from '../../src/exposure/address/pools.ts';
import { DEFAULT_CLASS_RULES } from '../../src/exposure/intent/intent.ts';
import type { NamePublisher } from '../../src/exposure/naming/port.ts';
import type { Ownership } from '../../src/exposure/ownership/port.ts';
import { rankNodes } from '../../src/exposure/ownership/rendezvous.ts';
import { Reconciler } from '../../src/exposure/reconcile.ts';
import type { RouterMappings } from '../../src/exposure/router/port.ts';
import type { ServicePatch, ServiceWriter } from '../../src/exposure/status/port.ts';
import { Reporter } from '../../src/exposure/status/reporter.ts';
import { off, pending, ready } from '../../src/model/decision.ts';
import type { Ip } from '../../src/model/ip.ts';
import { keyOf, type Service, type ServiceKey } from '../../src/model/kubernetes.ts';
import type { Milliseconds } from '../../src/model/time.ts';
import { createLeasesLan, type LeasesLan, type LeasesLanOptions } from '../unit/dhcp4/leases-lan.ts';
import type { Chance } from './chance.ts';
import { apply } from './exposure.ts';

const POOL = parsePools({ 'range-global': '10.77.0.200-10.77.0.220' });
const CLOSING: Milliseconds = 40;
const ELECTING: Milliseconds = 15;

export interface SlowCluster {
  readonly lan: LeasesLan;
  /** As the API server has them. */
  readonly services: ReadonlyMap<ServiceKey, Service>;
  /** Which node gives out addresses. */
  allocator: string;
  /** What a user does: creates, changes (undefined: leave as it is) or, by `undefined`, deletes. */
  put(key: ServiceKey, change: (before: Service | undefined) => Service | undefined): void;
  /** Everybody looks at everything, as after an election. */
  again(): void;
}

/** @param longest that anything takes on its way. */
export function createSlowCluster(chance: Chance, longest: Milliseconds, server: LeasesLanOptions): SlowCluster {
  const lan = createLeasesLan(server);
  const { clock } = lan;
  const services = new Map<ServiceKey, Service>();
  const agents: Agent[] = [];
  const owners = new Map<Ip, string>();
  const delay = (): Milliseconds => chance.below(longest + 1);
  let version = 0;

  const store = (key: ServiceKey, object: Service | undefined): void => {
    const ended = object?.metadata.deletionTimestamp !== undefined && finalizersOf(object).length === 0;
    const next =
      object && !ended ? { ...object, metadata: { ...object.metadata, resourceVersion: `${++version}` } } : undefined;
    if (next) services.set(key, next);
    else services.delete(key);
    for (const agent of agents) agent.watch(key, next);
  };
  const writer: ServiceWriter = {
    patch: async (seen, patch, signal) => {
      await later(delay());
      const now = services.get(keyOf(seen));
      // What was dropped on the client's side may have come through all the same.
      const dropped = signal?.aborted === true && chance.happens(0.5);
      const same = now?.metadata.uid === seen.metadata.uid;
      if (now && same && !dropped && isOnTime(now, seen, patch)) store(keyOf(seen), apply(now, patch));
      await later(delay());
      if (signal?.aborted === true) throw new Error('dropped');
    },
  };
  const later = (ms: Milliseconds): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));

  class Agent {
    readonly #node: string;
    readonly #view = new Map<ServiceKey, Service>();
    readonly #wanted = new Map<Ip, readonly string[]>();
    readonly #closing = new Map<ServiceKey, Milliseconds>();
    readonly #queued = new Set<ServiceKey>();
    readonly #reconciler: Reconciler;
    #seenUntil: Milliseconds = 0;

    constructor(number: number) {
      this.#node = `n${number}`;
      const node = lan.node(number);
      node.leases.onChange((key) => this.look(key));
      node.leases6.onChange((key) => this.look(key));
      const allocating = (): boolean => self.allocator === this.#node;
      const allocator = new Allocator({
        network: node.host.network,
        prober: { probe: () => Promise.resolve(undefined) },
        leases: { 4: node.leases, 6: node.leases6 },
        lookUp: () => Promise.resolve([]),
        clock,
        services: () => [...this.#view.values()],
        pools: () => POOL,
        defaultLink: () => 'eth0',
        changed: () => this.again(),
      });
      this.#reconciler = new Reconciler({
        node: this.#node,
        rules: DEFAULT_CLASS_RULES,
        clock,
        service: (key) => this.#view.get(key),
        endpointNodes: () => [],
        excludedNodes: () => [],
        drainingNodes: () => [],
        pools: () => POOL,
        allocating,
        routerEnabled: true,
        conflictPolicy: 'defend',
        defaultLink: () => 'eth0',
        allocator,
        leases: { 4: node.leases, 6: node.leases6 },
        ownership: this.#ownership(),
        announcement: {
          reach: 'owner',
          ensure: () => ready({ link: 'eth0', since: '' }, 'Announced', ''),
          release: () => off('Released', ''),
          cede: () => off('Released', ''),
          setAlone: () => undefined,
          obstacle: () => undefined,
          onConflict: () => () => undefined,
          onClaim: () => () => undefined,
          onConflictOver: () => () => undefined,
          onChange: () => () => undefined,
        },
        router: this.#router(),
        names: NO_NAMES,
        reporter: new Reporter({ writer, events: { record: () => undefined }, clock, onError: () => undefined }),
        again: (key) => this.look(key),
      });
    }

    /** Sees it a while later; in order. */
    watch(key: ServiceKey, object: Service | undefined): void {
      this.#seenUntil = Math.max(this.#seenUntil, clock.now() + delay());
      clock.after(this.#seenUntil - clock.now(), () => {
        if (object) this.#view.set(key, object);
        else this.#view.delete(key);
        this.look(key);
      });
    }

    /** Several reasons to look are one. */
    look(key: ServiceKey): void {
      if (this.#queued.has(key)) return;
      this.#queued.add(key);
      clock.after(chance.below(3), () => {
        this.#queued.delete(key);
        this.#reconciler.reconcile(key);
      });
    }

    again(): void {
      for (const key of this.#view.keys()) this.look(key);
    }

    /** The owner of an address has changed. */
    ownerChanged(address: Ip): void {
      for (const key of this.#reconciler.ownerChanged(address)) this.look(key);
    }

    contends(address: Ip): boolean {
      return this.#wanted.get(address)?.includes(this.#node) === true;
    }

    get node(): string {
      return this.#node;
    }

    #ownership(): Ownership {
      return {
        ensure: (address, eligible) => {
          const news = !this.#wanted.has(address);
          this.#wanted.set(address, eligible);
          const node = owners.get(address);
          if (node !== undefined) return ready({ node, mine: node === this.#node, since: '', term: 1 }, 'Owned', node);
          if (news) elect(address);
          return pending('WaitingForOwner', '');
        },
        doubt: () => undefined,
        release: (address) => {
          this.#wanted.delete(address);
          if (owners.get(address) === this.#node) {
            owners.delete(address);
            clock.after(delay(), () => elect(address));
            for (const agent of agents) clock.after(delay(), () => agent.ownerChanged(address));
          }
          return off('Released', '');
        },
        liveNodes: () => agents.map(({ node }) => node),
        lostNodes: () => [],
        onTakeover: () => () => undefined,
        onChange: () => () => undefined,
      };
    }

    /** Closing takes its time, and with it every deletion. */
    #router(): RouterMappings {
      return {
        ensure: () => ready({ records: [], reachability: 'public', families: {} }, 'RouterMapped', ''),
        yield: (key) => void this.#closing.delete(key),
        leave: () => off('NotMapped', ''),
        withdraw: ({ service }) => {
          const since = this.#closing.get(service);
          if (since === undefined) {
            this.#closing.set(service, clock.now());
            clock.after(CLOSING, () => this.look(service));
          }
          const over = since !== undefined && clock.now() >= since + CLOSING;
          return over ? off('RouterUnmapped', '') : pending('RouterUnmapping', '');
        },
        onChange: () => () => undefined,
      };
    }
  }

  const elect = (address: Ip): void => {
    clock.after(ELECTING, () => {
      const candidates = agents.filter((agent) => agent.contends(address)).map(({ node }) => node);
      const [first] = rankNodes(address, candidates);
      if (owners.has(address) || first === undefined) return;
      owners.set(address, first);
      for (const agent of agents) agent.ownerChanged(address);
    });
  };

  const self: SlowCluster = {
    lan,
    services,
    allocator: 'n1',
    put: (key, change) => {
      const before = services.get(key);
      const after = change(before);
      if (after) return store(key, after);
      if (before)
        store(key, { ...before, metadata: { ...before.metadata, deletionTimestamp: clock.wall().toISOString() } });
    },
    again: () => agents.forEach((agent) => agent.again()),
  };
  for (const number of [1, 2, 3]) agents.push(new Agent(number));
  return self;
}

function finalizersOf({ metadata }: Service): readonly string[] {
  return metadata.finalizers ?? [];
}

function isOnTime(now: Service, seen: Service, patch: ServicePatch): boolean {
  return patch.onThisVersion !== true || now.metadata.resourceVersion === seen.metadata.resourceVersion;
}

const NO_NAMES: NamePublisher = {
  ensure: () => ready({ hosts: [], instances: [] }, 'NamePublished', ''),
  yield: () => undefined,
  withdraw: () => off('NotAskedFor', ''),
  onChange: () => () => undefined,
  close: () => undefined,
};
