/** What the metrics say of this moment, read from what the agent holds. */
import { readAssigned } from '../exposure/address/assigned.ts';
import { poolContains } from '../exposure/address/candidates.ts';
import { leasesOf } from '../exposure/address/leased.ts';
import { addressesInUse } from '../exposure/address/in-use.ts';
import { poolSize, type PoolConfig } from '../exposure/address/pools.ts';
import { readRecords } from '../exposure/router/records.ts';
import { CONDITION } from '../model/annotations.ts';
import type { Ip } from '../model/ip.ts';
import { keyOf, type Service } from '../model/kubernetes.ts';
import type { Milliseconds } from '../model/time.ts';
import type { Snapshot } from './metrics.ts';
import type { Parts } from './parts.ts';

export function snapshotOf(parts: Parts, config: PoolConfig): Snapshot {
  const { watchers, stages, allocatorElection, clock } = parts;
  const services = watchers.services.store.list();
  const uses = addressesInUse(services);
  const mine = (ip: Ip): boolean => stages.ownership.holds(ip);
  const kept = services.filter((service) => readAssigned(service)?.ips.some(mine));
  return {
    owned: [...uses]
      .filter(([ip]) => mine(ip))
      .map(([ip, users]) => ({ ip, services: users.map(({ service }) => service) })),
    ready: services.flatMap((service) => readiness(service) ?? []),
    leases: [{ name: parts.config.allocatorLease, held: allocatorElection.isLeader }],
    pools: [...config.pools.values()].map((pool) => ({
      key: pool.key,
      size: Number(poolSize(pool)),
      inUse: [...uses.keys()].filter((ip) => poolContains(pool, ip)).length,
    })),
    dhcpExpiry: kept.flatMap((service) => {
      // Of two the one that ends first.
      const ends = leasesOf(readAssigned(service)).map(
        (lease) => Date.parse(lease.acquiredAt) / 1000 + lease.leaseSeconds,
      );
      return ends.length > 0 ? [{ service: keyOf(service), at: Math.min(...ends) }] : [];
    }),
    mappings: kept.flatMap((service) => readRecords(service).map(({ method }) => method)),
    liveAgents: stages.ownership.liveNodes().length,
    watches: Object.entries(watchers).map(([kind, watcher]) => ({
      kind,
      restarts: watcher.stats.restarts,
      relists: watcher.stats.relists,
      staleSeconds: staleSeconds(watcher, clock.now()),
    })),
  };
}

/** Without a sign of life of the API server for this long it counts as away. */
export const STALE_SECONDS = 60;

/** Time since the API server gave a sign of life on this watch; 0 before the first. */
export function staleSeconds(
  { stats }: { readonly stats: { readonly lastContact: Milliseconds | undefined } },
  now: Milliseconds,
): number {
  return stats.lastContact === undefined ? 0 : (now - stats.lastContact) / 1000;
}

function readiness(service: Service): 'True' | 'False' | 'Unknown' | undefined {
  return service.status?.conditions?.find(({ type }) => type === CONDITION.ready)?.status;
}
