/** Metrics that both parts of the agent share: one process, one registry, kube-vip's names. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { Refusal } from '../exposure/ownership/heartbeat/port.ts';
import type { Instance } from '../linux/mark.ts';
import type { FailoverRecord } from '../model/failover-record.ts';
import { createFailoverMetrics } from './failover-metrics.ts';

/** Of the event loop's lag, in milliseconds. By default a timer wakes the idle process a hundred times a second for it. */
const LAG_RESOLUTION = 500;

export interface HeldLease {
  readonly name: string;
  readonly held: boolean;
}

export interface ProcessMetrics {
  readonly registry: Registry;
  /** Asked at each scrape. */
  leasesOf(source: () => readonly HeldLease[]): void;
  /** Being the holder of this Lease began or ended. */
  leadershipChanged(lease: string): void;
  /** A datagram had no effect. */
  heartbeatRefused(instance: Instance, reason: Refusal): void;
  /** Addresses came to this node from another one, and the LAN was told. */
  failedOver(record: FailoverRecord): void;
}

export function createProcessMetrics(node: string, version: string): ProcessMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_RESOLUTION });
  const sources: (() => readonly HeldLease[])[] = [];
  new Gauge({
    name: 'kube_vip_build_info',
    help: 'Version and node, always 1',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node }, 1);
  new Gauge({
    name: 'kube_vip_is_leader',
    help: '1 while this node holds the Lease',
    labelNames: ['node', 'lease_name'],
    registers,
    collect() {
      this.reset();
      for (const lease of sources.flatMap((source) => source()))
        this.set({ node, lease_name: lease.name }, lease.held ? 1 : 0);
    },
  });
  const transitions = new Counter({
    name: 'kube_vip_leader_election_transitions_total',
    help: 'Times this node began or ceased to hold the Lease',
    labelNames: ['lease_name'],
    registers,
  });
  const refusals = new Counter({
    name: 'kubevip_heartbeats_refused_total',
    help: 'Datagrams to the port of heartbeats that had no effect, by what they are about and why',
    labelNames: ['instance', 'reason'],
    registers,
  });
  return {
    registry,
    heartbeatRefused: (instance, reason) => refusals.inc({ instance, reason: reason.replaceAll(' ', '-') }),
    leasesOf: (source) => void sources.push(source),
    failedOver: createFailoverMetrics(registry),
    leadershipChanged: (lease) => transitions.inc({ lease_name: lease }),
  };
}
