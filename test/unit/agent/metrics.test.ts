import { describe, expect, it } from 'vitest';
import { createMetrics, type Snapshot } from '../../../src/agent/metrics.ts';
import { createProcessMetrics } from '../../../src/agent/process-metrics.ts';
import { QUIET } from '../../support/reference-agent.ts';

/** Lines of a scrape that are ours or kube-vip's. */
async function scrape(metrics: ReturnType<typeof createMetrics>): Promise<string[]> {
  const text = await metrics.registry.metrics();
  return text.split('\n').filter((line) => /^kube_?vip_/.test(line));
}

describe('metrics', () => {
  it('count datagrams that had no effect, by few reasons', async () => {
    const metrics = createProcessMetrics('n1', '1.2.3');
    metrics.heartbeatRefused('services', 'not authentic');
    metrics.heartbeatRefused('services', 'not authentic');
    metrics.heartbeatRefused('control-plane', 'repeated');
    const text = await metrics.registry.metrics();
    expect(text).toContain('kubevip_heartbeats_refused_total{instance="services",reason="not-authentic"} 2');
    expect(text).toContain('kubevip_heartbeats_refused_total{instance="control-plane",reason="repeated"} 1');
  });

  it('show this moment, asked for once for each scrape', async () => {
    let asked = 0;
    let now: Snapshot = {
      ...QUIET,
      leases: [{ name: 'plndr-svcs-lock', held: true }],
      owned: [{ ip: '10.77.0.200', services: ['default/web', 'shop/db'] }],
      ready: ['True', 'True', 'False'],
      pools: [{ key: 'range-global', size: 10, inUse: 2 }],
      mappings: ['pcp', 'pcp', 'igd2'],
      dhcpExpiry: [{ service: 'default/web', at: 1000 }],
      watches: [{ kind: 'services', restarts: 1, relists: 2, staleSeconds: 3 }],
    };
    const metrics = createMetrics(() => (asked++, now), createProcessMetrics('n1', '1.2.3'));
    const lines = await scrape(metrics);
    expect(asked).toBe(1);
    expect(lines).toEqual(
      expect.arrayContaining([
        'kube_vip_build_info{version="1.2.3",node="n1"} 1',
        'kube_vip_is_leader{node="n1",lease_name="plndr-svcs-lock"} 1',
        'kube_vip_active_services{namespace="default"} 1',
        'kube_vip_active_services{namespace="shop"} 1',
        'kubevip_services{ready="True"} 2',
        'kubevip_services{ready="False"} 1',
        'kubevip_services{ready="Unknown"} 0',
        'kubevip_address_pool_in_use{pool="range-global"} 2',
        'kubevip_router_mappings{method="pcp"} 2',
        'kubevip_router_mappings{method="igd2"} 1',
        'kubevip_dhcp_lease_expiry_timestamp_seconds{namespace="default",name="web"} 1000',
        'kubevip_watch_stale_seconds{kind="services"} 3',
      ]),
    );
    now = QUIET;
    const later = await scrape(metrics);
    expect(later.some((line) => line.startsWith('kubevip_router_mappings{') || line.includes('range-global'))).toBe(
      false,
    );
  });

  it('count what happened, faults by their reason', async () => {
    const metrics = createMetrics(() => QUIET, createProcessMetrics('n1', '1.2.3'));
    metrics.decided('default/web', 'address', 'False', 'NoDhcpServer');
    metrics.decided('default/web', 'ready', 'False', 'NoDhcpServer');
    metrics.decided('default/web', 'name', 'True', 'NameConflictRenamed');
    metrics.ownerChanged('taken');
    metrics.conflictSeen();
    metrics.leaseRenewed();
    metrics.leadershipChanged('plndr-svcs-lock');
    metrics.serviceEvent('ADDED');
    metrics.reconciled('default/web', 0.002);
    expect(await scrape(metrics)).toEqual(
      expect.arrayContaining([
        'kubevip_stage_decisions_total{stage="address",status="False",reason="NoDhcpServer"} 1',
        'kubevip_stage_decisions_total{stage="name",status="True",reason="NameConflictRenamed"} 1',
        'kube_vip_service_reconcile_errors_total{namespace="default",name="web",reason="NoDhcpServer"} 1',
        'kubevip_owner_changes_total{change="taken"} 1',
        'kubevip_address_conflicts_total 1',
        'kubevip_dhcp_renewals_total 1',
        'kube_vip_leader_election_transitions_total{lease_name="plndr-svcs-lock"} 1',
        'kube_vip_manager_all_services_events{type="ADDED"} 1',
        'kube_vip_service_reconcile_duration_seconds_count{namespace="default"} 1',
      ]),
    );
  });
});
