/**
 * An API server for Leases under simulated time, as several nodes see it: every call and every event takes its
 * time, and any node can be cut off, with calls that time out and a watch that says nothing.
 */
import { ApiError } from '../../src/kube/errors.ts';
import { createLeaseStore } from '../../src/kube/lease-store.ts';
import type { CallOptions, Resource } from '../../src/kube/resource.ts';
import { Store } from '../../src/kube/watcher/store.ts';
import type { ChangeHandler, Watcher } from '../../src/kube/watcher/watcher.ts';
import type { LeaseStore } from '../../src/exposure/ownership/port.ts';
import type { Lease } from '../../src/model/kubernetes.ts';
import type { FakeClock } from './fake-clock.ts';

export const NAMESPACE = 'kube-system';

export interface LeaseCluster {
  readonly leases: ReadonlyMap<string, Lease>;
  /** Accepted writes, newest last: `n1 replace kubevip-node-n1`. */
  readonly writes: string[];
  /** The shared view of one node. */
  store(node: string): LeaseStore;
  /** `calls`: they time out; `watch`: no events, which are caught up with once it is back. */
  cut(node: string, what: { readonly calls: boolean; readonly watch: boolean }): void;
  /** An administrator's hand. */
  put(lease: Lease): void;
  drop(name: string): void;
}

export interface Delays {
  /** One way, in milliseconds; asked anew for every message. */
  readonly call: () => number;
  readonly event: () => number;
}

export function createLeaseCluster(clock: FakeClock, delays: Delays = { call: () => 1, event: () => 2 }): LeaseCluster {
  const leases = new Map<string, Lease>();
  const writes: string[] = [];
  const nodes = new Map<string, Node>();
  let version = 100;

  const publish = (name: string): void => {
    for (const node of nodes.values()) node.publish(name);
  };
  const fail = (code: 'CONFLICT' | 'ALREADY_EXISTS' | 'NOT_FOUND'): never => {
    throw new ApiError(code, { code });
  };
  const save = (lease: Lease): Lease => {
    const { name } = lease.metadata;
    const uid = leases.get(name)?.metadata.uid ?? `uid-${version}`;
    const saved = {
      ...lease,
      metadata: { ...lease.metadata, namespace: NAMESPACE, uid, resourceVersion: String(++version) },
    };
    leases.set(name, saved);
    publish(name);
    return saved;
  };
  const checked = (
    name: string,
    expected: { uid?: string | undefined; resourceVersion?: string | undefined },
  ): Lease => {
    const held = leases.get(name) ?? fail('NOT_FOUND');
    const stale = expected.resourceVersion !== undefined && expected.resourceVersion !== held.metadata.resourceVersion;
    return stale || (expected.uid !== undefined && expected.uid !== held.metadata.uid) ? fail('CONFLICT') : held;
  };

  class Node {
    readonly seen = new Store<Lease>();
    readonly handlers = new Set<ChangeHandler<Lease>>();
    readonly recovered = new Set<() => void>();
    readonly missed = new Set<string>();
    readonly name: string;
    cut = { calls: false, watch: false };
    #lastEvent = 0;

    constructor(name: string) {
      this.name = name;
    }

    publish(name: string): void {
      if (this.cut.watch) {
        this.missed.add(name);
        return;
      }
      const lease = leases.get(name);
      // Events of one watch keep their order.
      this.#lastEvent = Math.max(this.#lastEvent, clock.now() + delays.event());
      clock.after(this.#lastEvent - clock.now(), () => {
        if (this.cut.watch) this.missed.add(name);
        else this.show(name, lease);
      });
    }

    show(name: string, lease: Lease | undefined): void {
      const held = this.seen.get(`${NAMESPACE}/${name}`);
      const change = lease ? this.seen.set(lease) : held && this.seen.delete(held);
      if (change) for (const handler of [...this.handlers]) handler(change.key, change.object, change.previous);
    }

    /** The call arrives, has its effect, and the answer arrives: a cut loses what is on its way. */
    async call<T>(act: () => T, options: CallOptions = {}): Promise<T> {
      return new Promise((resolve, reject) => {
        const lost = clock.after(options.timeoutMs ?? 15_000, () =>
          reject(new ApiError('no answer', { code: 'API_TIMEOUT' })),
        );
        if (this.cut.calls) return;
        clock.after(delays.call(), () => {
          if (this.cut.calls) return;
          let answer: () => void;
          try {
            const result = act();
            answer = () => resolve(result);
          } catch (error) {
            answer = () => reject(error instanceof Error ? error : new Error(String(error)));
          }
          clock.after(delays.call(), () => {
            if (this.cut.calls) return;
            lost.cancel();
            answer();
          });
        });
      });
    }
  }

  const nodeOf = (name: string): Node => {
    const known = nodes.get(name) ?? new Node(name);
    nodes.set(name, known);
    return known;
  };

  return {
    leases,
    writes,
    put: (lease) => void save(lease),
    drop(name) {
      leases.delete(name);
      version++;
      publish(name);
    },
    cut(name, what) {
      const node = nodeOf(name);
      const wasCut = node.cut.watch;
      node.cut = what;
      if (what.watch) return;
      if (wasCut) for (const handler of [...node.recovered]) handler();
      for (const missed of node.missed) node.publish(missed);
      node.missed.clear();
    },
    store(name) {
      const node = nodeOf(name);
      const log = (verb: string, lease: string): void => void writes.push(`${name} ${verb} ${lease}`);
      const resource: Resource<Lease> = {
        kind: 'Lease',
        get: async (ref, options) => node.call(() => leases.get(ref.name) ?? fail('NOT_FOUND'), options),
        find: async (ref, options) => node.call(() => leases.get(ref.name), options),
        list: async () => Promise.reject(new Error('not used')),
        create: async (lease, options) =>
          node.call(() => {
            if (leases.has(lease.metadata.name)) fail('ALREADY_EXISTS');
            log('create', lease.metadata.name);
            return save(lease);
          }, options),
        replace: async (lease, options) =>
          node.call(() => {
            checked(lease.metadata.name, lease.metadata);
            log('replace', lease.metadata.name);
            return save(lease);
          }, options),
        patch: async () => Promise.reject(new Error('not used')),
        delete: async (ref, { uid, resourceVersion, ...options } = {}) =>
          node.call(() => {
            checked(ref.name, { uid, resourceVersion });
            log('delete', ref.name);
            leases.delete(ref.name);
            version++;
            publish(ref.name);
          }, options),
        watch: () => ({ close: () => undefined }),
      };
      const watcher: Watcher<Lease> = {
        store: node.seen,
        synced: Promise.resolve(true),
        isSynced: true,
        stats: { state: 'watching', restarts: 0, relists: 0, failures: 0, lastError: undefined, lastContact: 0 },
        onChange(handler) {
          node.handlers.add(handler);
          for (const lease of node.seen.list()) handler(`${NAMESPACE}/${lease.metadata.name}`, lease, undefined);
          return () => void node.handlers.delete(handler);
        },
        onRecovered(handler) {
          node.recovered.add(handler);
          return () => void node.recovered.delete(handler);
        },
        start() {
          for (const [lease, object] of leases) node.show(lease, object);
        },
        stop: () => undefined,
        nudge: () => undefined,
      };
      return createLeaseStore({ leases: resource, watcher, namespace: NAMESPACE, clock });
    },
  };
}
