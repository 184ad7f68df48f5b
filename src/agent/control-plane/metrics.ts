/** Metrics of the control-plane VIP, beside kube-vip's of the Lease. */
import { Counter, Gauge } from 'prom-client';
import type { Balancer } from '../../exposure/control-plane/balance/balancer.ts';
import type { ControlPlaneState } from '../../exposure/control-plane/port.ts';
import { isMine } from '../../exposure/ownership/is-mine.ts';
import { hostPort } from '../../model/ip.ts';
import type { HeldLease, ProcessMetrics } from '../process-metrics.ts';

export interface ControlPlaneMetrics {
  /** Being the confirmed holder of the Lease began or ended. */
  leadershipChanged(): void;
  ownerChanged(change: 'taken' | 'lost'): void;
  conflictSeen(): void;
}

export function createControlPlaneMetrics(
  shared: ProcessMetrics,
  lease: () => HeldLease,
  state: () => ControlPlaneState | undefined,
  backends: () => Balancer['backends'],
): ControlPlaneMetrics {
  const registers = [shared.registry];
  shared.leasesOf(() => [lease()]);
  new Gauge({
    name: 'kubevip_control_plane_address',
    help: 'Addresses of the control-plane VIP, 1 where this node announces them',
    labelNames: ['address'],
    registers,
    collect() {
      this.reset();
      for (const { ip, owner, announced } of state()?.vips ?? [])
        this.set({ address: ip }, isMine(owner) && announced.state === 'ready' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'kubevip_control_plane_api_ready',
    help: '1 while this node’s own API server is ready',
    registers,
    collect() {
      this.set(state()?.api.state === 'ready' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'kubevip_control_plane_backend',
    help: 'API servers known where the VIP is, 1 for those that its connections are led to',
    labelNames: ['address'],
    registers,
    collect() {
      this.reset();
      for (const { backend, isServing } of backends())
        this.set({ address: hostPort(backend.ip, backend.port) }, isServing ? 1 : 0);
    },
  });
  const owners = new Counter({
    name: 'kubevip_control_plane_owner_changes_total',
    help: 'Times this node took the control-plane VIP or lost it',
    labelNames: ['change'],
    registers,
  });
  const conflicts = new Counter({
    name: 'kubevip_control_plane_conflicts_total',
    help: 'Claims of the control-plane VIP by machines that are no control plane',
    registers,
  });
  return {
    leadershipChanged: () => shared.leadershipChanged(lease().name),
    ownerChanged: (change) => owners.inc({ change }),
    conflictSeen: () => conflicts.inc(),
  };
}
