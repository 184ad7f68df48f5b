/** The Leases of one namespace, through one watch shared by all elections. */
import type { LeaseStore } from '../exposure/ownership/port.ts';
import type { Lease } from '../model/kubernetes.ts';
import type { Resource } from './resource.ts';
import type { Watcher } from './watcher/watcher.ts';
import { isApiError } from './errors.ts';

export function createLeaseStore(leases: Resource<Lease>, watcher: Watcher<Lease>, namespace: string): LeaseStore {
  return {
    create: (lease, signal) => leases.create(lease, { signal }),
    replace: (lease, signal) => leases.replace(lease, { signal }),
    async delete({ metadata }, signal) {
      try {
        const { name, uid, resourceVersion } = metadata;
        await leases.delete({ name, namespace }, { uid, resourceVersion, signal });
      } catch (error) {
        if (!isApiError(error, 'NOT_FOUND')) throw error;
      }
    },
    get: (name) => watcher.store.get(`${namespace}/${name}`),
    list: () => [...watcher.store.list()],
    onChange: (callback) => watcher.onChange((key, lease) => callback(key.slice(namespace.length + 1), lease)),
    async start() {
      watcher.start();
      await watcher.synced;
    },
    stop: () => watcher.stop(),
  };
}
