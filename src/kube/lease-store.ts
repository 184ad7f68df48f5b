/** The Leases of one namespace for everybody who elects: one watch, and the results of our own writes. */
import type { LeaseCall, LeaseStore } from '../exposure/ownership/port.ts';
import type { Lease } from '../model/kubernetes.ts';
import { compareVersions } from '../model/lease.ts';
import type { Clock, Milliseconds } from '../model/time.ts';
import { isApiError } from './errors.ts';
import type { Resource } from './resource.ts';
import type { Watcher } from './watcher/watcher.ts';

export interface LeaseStoreOptions {
  readonly leases: Resource<Lease>;
  /** Watches the same Leases. */
  readonly watcher: Watcher<Lease>;
  readonly namespace: string;
  readonly clock: Clock;
}

/** A write of ours that the watch has not shown by then: the watch is dead, whatever TCP believes. */
const ECHO: Milliseconds = 2000;

export function createLeaseStore({ leases, watcher, namespace, clock }: LeaseStoreOptions): LeaseStore {
  const view = new Map<string, Lease>();
  const callbacks = new Set<(name: string, lease: Lease | undefined) => void>();

  const isOlder = (lease: Lease, than: Lease): boolean =>
    compareVersions(lease.metadata.resourceVersion, than.metadata.resourceVersion) < 0;

  /** Takes in what the API server said; undefined is "not there". True when it is news. */
  const take = (name: string, lease: Lease | undefined): boolean => {
    const held = view.get(name);
    if (lease === undefined) return view.delete(name);
    if (held && (isOlder(lease, held) || held.metadata.resourceVersion === lease.metadata.resourceVersion))
      return false;
    view.set(name, lease);
    return true;
  };

  const tell = (name: string): void => {
    for (const callback of [...callbacks]) callback(name, view.get(name));
  };

  watcher.onChange((_key, lease, previous) => {
    const name = (lease ?? previous)?.metadata.name ?? '';
    const held = view.get(name);
    // The deletion of an earlier Lease of this name; ours came after it and will be shown next.
    if (lease === undefined && held && previous && isOlder(previous, held)) return;
    if (take(name, lease)) tell(name);
  });

  const written = (lease: Lease): Lease => {
    take(lease.metadata.name, lease);
    const before = clock.now();
    clock.after(ECHO, () => {
      const { lastContact, state } = watcher.stats;
      if (state === 'watching' && (lastContact === undefined || lastContact < before - ECHO)) watcher.nudge();
    });
    return lease;
  };

  return {
    async start() {
      watcher.start();
      await watcher.synced;
    },
    stop: () => watcher.stop(),
    get: (name) => view.get(name),
    list: () => [...view.values()],
    onChange(callback) {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    onRecovered: (callback) => watcher.onRecovered(callback),
    async read(name, call) {
      const lease = await leases.find({ name, namespace }, urgently(call));
      take(name, lease);
      return lease;
    },
    create: async (lease, call) =>
      conflictOr(async () => written(await leases.create(inNamespace(lease), urgently(call)))),
    replace: async (lease, call) =>
      conflictOr(async () => written(await leases.replace(inNamespace(lease), urgently(call)))),
    delete: async (lease, call: LeaseCall) =>
      conflictOr(async () => {
        const { name, uid, resourceVersion } = lease.metadata;
        try {
          await leases.delete({ name, namespace }, { ...urgently(call), uid, resourceVersion });
        } catch (error) {
          if (!isApiError(error, 'NOT_FOUND')) throw error;
        }
        view.delete(name);
        return 'deleted' as const;
      }),
  };

  function inNamespace(lease: Lease): Lease {
    return { ...lease, metadata: { ...lease.metadata, namespace } };
  }
}

function urgently(call: LeaseCall): LeaseCall & { readonly urgent: true } {
  return { ...call, urgent: true };
}

async function conflictOr<T>(act: () => Promise<T>): Promise<T | 'conflict'> {
  try {
    return await act();
  } catch (error) {
    if (isApiError(error, 'CONFLICT', 'ALREADY_EXISTS', 'NOT_FOUND')) return 'conflict';
    throw error;
  }
}
