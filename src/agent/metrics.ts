/** Prometheus metrics: kube-vip's names where it has them, `kubevip_…` for what it does not measure. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { FailoverRecord } from '../model/failover-record.ts';
import { namespaceOf, type ServiceKey } from '../model/kubernetes.ts';
import type { HeldLease, ProcessMetrics } from './process-metrics.ts';

/** What is true at the moment of a scrape. */
export interface Snapshot {
  /** Addresses held here, with the Services on them. */
  readonly owned: readonly { readonly ip: string; readonly services: readonly ServiceKey[] }[];
  /** Status of the condition Ready of every Service that has one. */
  readonly ready: readonly ('True' | 'False' | 'Unknown')[];
  readonly leases: readonly HeldLease[];
  readonly pools: readonly { readonly key: string; readonly size: number; readonly inUse: number }[];
  /** Unix seconds at which DHCP leases kept here run out. */
  readonly dhcpExpiry: readonly { readonly service: ServiceKey; readonly at: number }[];
  /** The protocol of each router mapping kept here: `pcp`, `igd2` … */
  readonly mappings: readonly string[];
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
  reconciled(service: ServiceKey, seconds: number): void;
  /** A stage of a Service came to another decision. `stage`: `address` … `ready`. */
  decided(service: ServiceKey, stage: string, status: string, reason: string): void;
  serviceEvent(type: 'ADDED' | 'MODIFIED' | 'DELETED'): void;
  /** Being the holder of this Lease began or ended. */
  leadershipChanged(lease: string): void;
  /** This node took an address, or let go of it. */
  ownerChanged(change: 'taken' | 'lost'): void;
  /** Addresses came to this node from another one, and the LAN was told. */
  failedOver(record: FailoverRecord): void;
  conflictSeen(): void;
  leaseRenewed(): void;
  wroteWithError(): void;
}

export function createMetrics(snapshot: () => Snapshot, shared: ProcessMetrics): Metrics {
  const { registry } = shared;
  const now = oncePerScrape(snapshot);
  addGauges(registry, now);
  shared.leasesOf(() => now().leases);
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name, help, labelNames, registers: [registry] });

  const reconcileSeconds = new Histogram({
    name: 'kube_vip_service_reconcile_duration_seconds',
    help: 'Time to reconcile a Service',
    labelNames: ['namespace'],
    registers: [registry],
  });
  const stageErrors = counter(
    'kube_vip_service_reconcile_errors_total',
    'Times a stage of a Service failed, by reason',
    ['namespace', 'name', 'reason'],
  );
  const events = counter('kube_vip_manager_all_services_events', 'Changes of Services seen', ['type']);
  const decisions = counter(
    'kubevip_stage_decisions_total',
    'Times a stage of a Service that this node writes came to another status or reason',
    ['stage', 'status', 'reason'],
  );
  const owners = counter('kubevip_owner_changes_total', 'Addresses this node took or lost', ['change']);
  const conflicts = counter('kubevip_address_conflicts_total', 'Claims of our addresses by other machines');
  const renewals = counter('kubevip_dhcp_renewals_total', 'DHCP leases renewed by this node');
  const writeErrors = counter('kubevip_status_write_errors_total', 'Writes to Services that failed');
  return {
    registry,
    reconciled: (service, seconds) => reconcileSeconds.observe({ namespace: namespaceOf(service) }, seconds),
    decided(service, stage, status, reason) {
      decisions.inc({ stage, status, reason });
      // `ready` repeats the stage that failed.
      if (status === 'False' && stage !== 'ready')
        stageErrors.inc({ namespace: namespaceOf(service), name: nameOf(service), reason });
    },
    serviceEvent: (type) => events.inc({ type }),
    leadershipChanged: (lease) => shared.leadershipChanged(lease),
    ownerChanged: (change) => owners.inc({ change }),
    failedOver: (record) => shared.failedOver(record),
    conflictSeen: () => conflicts.inc(),
    leaseRenewed: () => renewals.inc(),
    wroteWithError: () => writeErrors.inc(),
  };
}

/** All gauges of a scrape are filled one after the other without a pause: they see the same moment. */
function oncePerScrape(snapshot: () => Snapshot): () => Snapshot {
  let taken: Snapshot | undefined;
  return () => {
    if (taken === undefined) queueMicrotask(() => (taken = undefined));
    return (taken ??= snapshot());
  };
}

type Labels = Record<string, string>;

/** Filled anew at every scrape, so that nothing stands there that is not true any more. */
function addGauges(registry: Registry, snapshot: () => Snapshot): void {
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    fill: (set: (labels: Labels, value: number) => void, now: Snapshot) => void,
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

  gauge('kube_vip_active_services', 'Services served by this node', ['namespace'], (set, { owned }) => {
    const services = new Set(owned.flatMap((address) => address.services));
    for (const [namespace, count] of countBy([...services], namespaceOf)) set({ namespace }, count);
  });
  gauge(
    'kubevip_services',
    'Services by the status of their condition Ready; every agent counts all of them',
    ['ready'],
    (set, { ready }) => {
      const counts = countBy(ready, (status) => status);
      for (const status of ['True', 'False', 'Unknown']) set({ ready: status }, counts.get(status) ?? 0);
    },
  );
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
      for (const { service, at } of dhcpExpiry) set({ namespace: namespaceOf(service), name: nameOf(service) }, at);
    },
  );
  gauge('kubevip_router_mappings', 'Router ports opened from this node', ['method'], (set, { mappings }) => {
    for (const [method, count] of countBy(mappings, (name) => name)) set({ method }, count);
  });
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
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

function nameOf(service: ServiceKey): string {
  return service.split('/')[1] ?? '';
}
