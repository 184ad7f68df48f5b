/** Reference pages of the agent: its settings and its metrics, read from what it really runs with. */
import { SETTINGS } from '../../src/agent/config.ts';
import type { SettingInfo } from '../../src/agent/setting.ts';
import { createProcessMetrics } from '../../src/agent/process-metrics.ts';
import { createBgpMetrics } from '../../src/agent/bgp/metrics.ts';
import { createMetrics, type Snapshot } from '../../src/agent/metrics.ts';
import { EXCLUDE_LABEL } from '../../src/model/annotations.ts';
import { table } from './markdown.ts';

export function agentPage(): string {
  const rows = Object.entries(SETTINGS.shape).map(([name, setting]) => {
    const { form = '', description = '', ours, fallback } = setting.meta() as Partial<SettingInfo>;
    const parsed: unknown = setting.parse(undefined);
    const value = Array.isArray(parsed) ? parsed.join() : String(parsed);
    const unset = fallback ?? (value === '' ? '' : `\`${value}\``);
    return [`\`${name}\``, `\`${form}\``, unset, ours ? '' : 'yes', description];
  });
  return [
    '# Settings of the agent',
    '',
    'Environment variables of `kubevip agent`, the container of `deploy/kubevip.yaml`. Those that kube-vip has too keep its',
    'names; its others are named in a warning at the start where they are not supported ([compatibility](../compatibility.md)). A value that cannot be is',
    'refused at the start, naming the variable.',
    '',
    'This page is made from `src/agent/config.ts` by `npm run docs`.',
    '',
    table(['variable', 'value', 'default', 'as in kube-vip', 'meaning'], rows),
    '',
    '## Settings that surprise',
    '',
    '- `kubevip_election=heartbeat` needs UDP between the nodes and rights on Secret `kubevip-heartbeat`:',
    '  [When a node goes](../guides/nodes.md).',
    '- `vip_leaseduration`, `vip_renewdeadline` and `vip_retryperiod` are 15, 10 and 2 in kube-vip, and 5, 3 and 1 here: the first',
    '  must be greater than the second, and that greater than 1.2 times the third. They are the times of elections through',
    '  Leases. With heartbeats these are the one for the agent that gives out addresses (unless they are set: 15, 12 and 6), and',
    '  whatever concerns agents that are not heard.',
    '- `cp_enable=true` turns Services off unless `svc_enable=true` is said too, as in kube-vip: another agent on the node may',
    '  serve them. Both agents want port 2112 by default; give one of them another `prometheus_server`.',
    '- `control_plane_health_check_…` counts in every mode here, and is on by default: only a node whose own API server is ready',
    '  has the VIP.',
    `- \`honor_exclude_label\`: kubeadm puts \`${EXCLUDE_LABEL}\``,
    '  on every control plane. A small cluster has nothing else, so it counts only when this is set: by `kubevip install',
    '  --honor-exclude-label` or Helm’s `honorExcludeLabel`. An agent that is set so and may not read `nodes` waits for that',
    '  right and serves nothing. `kubevip status` names the nodes that carry the label.',
    '- `svc_withdraw=true` before `kubectl delete -f deploy/kubevip.yaml` gives leases, router ports, names and addresses',
    '  back, so that nothing stays behind.',
    '',
  ].join('\n');
}

/** An agent that has nothing to do. */
export const QUIET: Snapshot = {
  owned: [],
  ready: [],
  leases: [],
  pools: [],
  dhcpExpiry: [],
  mappings: [],
  liveAgents: 0,
  watches: [],
};

export async function metricsPage(): Promise<string> {
  const shared = createProcessMetrics('', '');
  const { registry } = createMetrics(() => QUIET, shared);
  createBgpMetrics(
    shared,
    () => [],
    () => 0,
  );
  const metrics = (await registry.getMetricsAsJSON()) as unknown as readonly {
    name: string;
    help: string;
    type: string;
  }[];
  const rows = metrics
    .filter(({ name }) => /^kube_?vip_/.test(name))
    .map(({ name, help, type }) => {
      const { labelNames = [] } = registry.getSingleMetric(name) as unknown as { labelNames?: readonly string[] };
      return [`\`${name}\``, type, labelNames.map((label) => `\`${label}\``).join(', '), help];
    });
  return [
    '# Metrics',
    '',
    'Every agent serves them on port 2112 (`prometheus_server`) under `/metrics`, beside `/healthz` and `/readyz`. Names that',
    'begin with `kube_vip_` are kube-vip’s, with its labels. The usual ones of a Node.js process (`process_…`, `nodejs_…`)',
    'are there too.',
    '',
    'This page is made from `src/agent/metrics.ts` and `src/agent/bgp/metrics.ts` by `npm run docs`.',
    '',
    table(['metric', 'type', 'labels', 'says'], rows),
    '',
    '## Faults, and what shows them',
    '',
    'Reasons are those of [conditions and Events](conditions.md). `kubevip_stage_decisions_total` counts each of them, with',
    '`stage` (`address`, `owner`, `announcement`, `router`, `name`, `ready`) and `status` (`True`, `False`, `Unknown`).',
    '',
    table(['fault', 'seen in'], FAULTS),
    '',
    '## Alerts worth having',
    '',
    '```yaml',
    '- alert: ServiceNotReady',
    '  expr: max(kubevip_services{ready="False"}) > 0',
    '  for: 5m',
    '- alert: AgentGone',
    '  expr: max(kubevip_agents_live) < count(kube_node_info)',
    '  for: 5m',
    '- alert: PoolNearlyFull',
    '  expr: max by (pool) (kubevip_address_pool_in_use / kubevip_address_pool_size) > 0.9',
    '- alert: LeaseRunsOut',
    '  expr: kubevip_dhcp_lease_expiry_timestamp_seconds - time() < 300',
    '- alert: AddressClaimedByOthers',
    '  expr: sum(increase(kubevip_address_conflicts_total[10m])) > 0',
    '- alert: BgpSessionDown',
    '  expr: kube_vip_manager_bgp_session_info{state="ESTABLISHED"} == 0',
    '  for: 1m',
    '- alert: ApiServerSilent',
    '  expr: max(kubevip_watch_stale_seconds) > 60',
    '```',
    '',
  ].join('\n');
}

const reason = (...names: string[]): string => `reason ${names.map((name) => `\`${name}\``).join(', ')}`;

/** Reasons named here are checked against the sources by the repo tests. */
export const FAULTS: readonly (readonly [string, string])[] = [
  [
    'a pool has no free address, or none of a family',
    `${reason('PoolExhausted', 'NoPool')}; \`kubevip_address_pool_in_use\``,
  ],
  [
    'another machine has the address',
    `${reason('AddressConflict')}; \`kubevip_address_conflicts_total\`, an Event each time`,
  ],
  ['no DHCP server, or one that gives nothing', reason('NoDhcpServer', 'NoDhcpOffer', 'LeaseRefused')],
  ['a lease taken back or run out', `${reason('LeaseLost')}; \`kubevip_dhcp_lease_expiry_timestamp_seconds\``],
  ['renewals unanswered', `${reason('RenewalUnanswered')}; \`kubevip_dhcp_renewals_total\` stands still`],
  [
    'an address moves to another node',
    '`kubevip_owner_changes_total`, `kubevip_failovers_total`, `kubevip_failover_seconds`; `/failovers`; `kube_vip_is_leader`',
  ],
  ['a node is dead or cut off', `${reason('LeaseNotRenewed', 'NoEligibleNode')}; \`kubevip_agents_live\``],
  ['the etcd in which the control-plane VIP is elected does not answer', reason('EtcdUnreachable')],
  ['no node may hold the address', reason('NoReadyEndpoints', 'NodesExcluded')],
  ['a network interface is down or gone', reason('LinkDown', 'NoLink', 'LinkUnusable')],
  ['a tunnel is missing or wrong in the Secret', reason('NoTunnel', 'TunnelWrong', 'TunnelsUnknown')],
  ['a node cannot have tunnels, or one was refused', reason('NoWireguard', 'TunnelRefused')],
  ['the far end of a tunnel does not answer', reason('AnnouncedUnanswered')],
  ['no router answers, or it refuses', reason('NoGateway', 'NoPortMappingService', 'RouterUnreachable', 'RouterError')],
  ['the outer port is another’s', reason('ExternalPortTaken')],
  ['the Internet cannot reach the router', reason('BehindCgnat', 'DoubleNat', 'NotPublic')],
  ['a name is another’s', reason('NameConflictRenamed', 'NameTaken')],
  [
    'the API server is away',
    '`kubevip_watch_stale_seconds`, `kubevip_watch_restarts`, `kubevip_watch_relists`; `/readyz`',
  ],
  ['Services cannot be written', '`kubevip_status_write_errors_total`'],
];
