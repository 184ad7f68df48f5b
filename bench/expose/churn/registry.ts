/** The Services as the API server shows them, which addresses are on record, and since when one no longer is. */
import { readAssigned } from '../../../src/exposure/address/assigned.ts';
import type { Cluster } from '../../../src/kube/client.ts';
import { createWatcher } from '../../../src/kube/watcher/watcher.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { systemEntropy } from '../../../src/linux/entropy.ts';
import type { Ip } from '../../../src/model/ip.ts';
import type { Service } from '../../../src/model/kubernetes.ts';

export interface Registry {
  get(name: string): Service | undefined;
  isTaken(ip: Ip): boolean;
  /** performance.now() at which the address was last on any record; 0: never. */
  lastTaken(ip: Ip): number;
  /** Called with the name of each Service that has changed. */
  onChange(callback: (name: string) => void): void;
  close(): void;
}

export async function watchServices(cluster: Cluster): Promise<Registry> {
  const holders = new Map<Ip, Set<string>>();
  const until = new Map<Ip, number>();
  const callbacks = new Set<(name: string) => void>();
  const watcher = createWatcher<Service>({
    resource: cluster.resource('Service'),
    selection: { namespace: 'default' },
    clock: createSystemClock(),
    entropy: systemEntropy,
  });
  const ipsOf = (service: Service | undefined): readonly Ip[] => (service && readAssigned(service)?.ips) ?? [];
  const isTaken = (ip: Ip): boolean => (holders.get(ip)?.size ?? 0) > 0;
  watcher.onChange((key, service, previous) => {
    for (const ip of ipsOf(previous)) {
      holders.get(ip)?.delete(key);
      until.set(ip, performance.now());
    }
    for (const ip of ipsOf(service)) holders.set(ip, (holders.get(ip) ?? new Set()).add(key));
    for (const callback of callbacks) callback(key.slice('default/'.length));
  });
  watcher.start();
  await watcher.synced;
  return {
    get: (name) => watcher.store.get(`default/${name}`),
    isTaken,
    lastTaken: (ip) => (isTaken(ip) ? performance.now() : (until.get(ip) ?? 0)),
    onChange: (callback) => void callbacks.add(callback),
    close: () => watcher.stop(),
  };
}
