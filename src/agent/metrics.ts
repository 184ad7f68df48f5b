/** Prometheus metrics: kube-vip's names where it has them, `kubevip_…` for what it does not measure. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { ServiceKey } from '../model/kubernetes.ts';

/** What is true at the moment of a scrape. */
export interface Snapshot {
  readonly node: string;
  readonly version: string;
  /** Addresses held here, with the Services on them. */
  readonly owned: readonly { readonly ip: string; readonly services: readonly ServiceKey[] }[];
  readonly leases: readonly { readonly name: string; readonly held: boolean }[];
  readonly pools: readonly { readonly key: string; readonly size: number; readonly inUse: number }[];
  /** Unix seconds at which DHCP leases kept here run out. */
  readonly dhcpExpiry: readonly { readonly service: ServiceKey; readonly at: number }[];
  readonly mappings: number;
  readonly liveAgents: number;
  readonly watches: readonly {
    readonly kind: string;
    readonly restarts: number;
    readonly relists: number;
    readonly staleSeconds: number;
  }[];
}

export interface Metrics {
  readonly registry: Registry;
  wroteWithError(): void;
  conflictSeen(): void;
  reconciled(seconds: number): void;
}

export function createMetrics(snapshot: () => Snapshot): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    fill: (set: (labels: Record<string, string>, value: number) => void, now: Snapshot) => void,
  ): void => {
    const metric: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        metric.reset();
        fill((labels, value) => metric.set(labels, value), snapshot());
      },
    });
  };

  gauge('kube_vip_build_info', 'Version and node, always 1', ['version', 'node'], (set, { version, node }) =>
    set({ version, node }, 1),
  );
  gauge('kube_vip_active_services', 'Services served by this node', ['namespace'], (set, { owned }) => {
    const services = new Set(owned.flatMap((address) => address.services));
    const count = new Map<string, number>();
    for (const service of services) {
      const namespace = service.split('/')[0] ?? '';
      count.set(namespace, (count.get(namespace) ?? 0) + 1);
    }
    for (const [namespace, value] of count) set({ namespace }, value);
  });
  gauge('kube_vip_is_leader', '1 while this node holds the Lease', ['node', 'lease_name'], (set, { node, leases }) => {
    for (const lease of leases) set({ node, lease_name: lease.name }, lease.held ? 1 : 0);
  });
  gauge('kubevip_announcement_addresses', 'Addresses announced by this node', [], (set, { owned }) =>
    set({}, owned.length),
  );
  gauge('kubevip_address_pool_size', 'Addresses of a pool', ['pool'], (set, { pools }) => {
    for (const pool of pools) set({ pool: pool.key }, pool.size);
  });
  gauge('kubevip_address_pool_in_use', 'Addresses of a pool that Services have', ['pool'], (set, { pools }) => {
    for (const pool of pools) set({ pool: pool.key }, pool.inUse);
  });
  gauge(
    'kubevip_dhcp_lease_expiry_timestamp_seconds',
    'When a DHCP lease kept by this node runs out',
    ['namespace', 'name'],
    (set, { dhcpExpiry }) => {
      for (const { service, at } of dhcpExpiry) {
        const [namespace = '', name = ''] = service.split('/');
        set({ namespace, name }, at);
      }
    },
  );
  gauge('kubevip_router_mappings', 'Router ports opened from this node', [], (set, { mappings }) => set({}, mappings));
  gauge('kubevip_agents_live', 'Agents that are alive, this one included', [], (set, { liveAgents }) =>
    set({}, liveAgents),
  );
  gauge('kubevip_watch_restarts', 'Watches opened again since the start', ['kind'], (set, { watches }) => {
    for (const watch of watches) set({ kind: watch.kind }, watch.restarts);
  });
  gauge('kubevip_watch_relists', 'Lists fetched again since the start', ['kind'], (set, { watches }) => {
    for (const watch of watches) set({ kind: watch.kind }, watch.relists);
  });
  gauge(
    'kubevip_watch_stale_seconds',
    'Time since the API server last gave a sign of life',
    ['kind'],
    (set, { watches }) => {
      for (const watch of watches) set({ kind: watch.kind }, watch.staleSeconds);
    },
  );

  const writeErrors = new Counter({
    name: 'kubevip_status_write_errors_total',
    help: 'Writes to Services that failed',
    registers: [registry],
  });
  const conflicts = new Counter({
    name: 'kubevip_address_conflicts_total',
    help: 'Claims of our addresses by other machines',
    registers: [registry],
  });
  const reconciles = new Counter({
    name: 'kubevip_reconcile_total',
    help: 'Reconciliations of Services',
    registers: [registry],
  });
  const reconcileSeconds = new Counter({
    name: 'kubevip_reconcile_seconds_total',
    help: 'Time spent reconciling',
    registers: [registry],
  });
  return {
    registry,
    wroteWithError: () => writeErrors.inc(),
    conflictSeen: () => conflicts.inc(),
    reconciled(seconds) {
      reconciles.inc();
      reconcileSeconds.inc(seconds);
    },
  };
}
