/** `kubevip status` for people: Services, agents, pools, and what is wrong. */
import { EXCLUDE_LABEL } from '../model/annotations.ts';
import type { FailoverRecord, TakeoverCause } from '../model/failover-record.ts';
import type { Announcers } from '../workflows/status/announcers.ts';
import type { Problem } from '../workflows/status/problems.ts';
import type { ApiServerStatus, ControlPlaneStatus } from '../workflows/status/control-plane.ts';
import type { BgpPeerStatus } from '../workflows/status/bgp.ts';
import type { AgentStatus, PoolStatus, ServiceStatus, StatusReport } from '../workflows/status/report.ts';
import { paint } from './paint.ts';
import { age, renderTable, type Column } from './table.ts';

export interface StatusStyle {
  readonly wide: boolean;
  readonly color: boolean;
  readonly now: Date;
}

export function renderStatus(report: StatusReport, style: StatusStyle): string {
  const sections = [
    ...(report.controlPlane ? controlPlaneSections(report.controlPlane, style) : []),
    report.services.length === 0
      ? 'No Services for kubevip here. `kubevip expose deployment/NAME --port PORT` makes one.'
      : renderTable(serviceColumns(report.services, style), report.services),
  ];
  if (report.agents.length > 0) sections.push(renderTable(agentColumns(style), report.agents));
  if (report.bgp && report.bgp.length > 0) sections.push(renderTable(bgpColumns(style), report.bgp));
  const excluded = excludedText(report, style);
  if (excluded !== undefined) sections.push(excluded);
  if (report.pools.length > 0) sections.push(renderTable(POOL_COLUMNS, report.pools));
  const failovers = report.failovers.slice(0, style.wide ? undefined : SHOWN_FAILOVERS);
  if (failovers.length > 0) sections.push(renderTable(failoverColumns(style), failovers));
  if (report.problems.length > 0) sections.push(renderProblems(report.problems, style));
  return sections.join('\n\n');
}

function serviceColumns(services: readonly Announcers[], { wide, now }: StatusStyle): Column<ServiceStatus>[] {
  const columns: Column<ServiceStatus>[] = [
    { header: 'namespace', value: ({ namespace }) => namespace },
    { header: 'name', value: ({ name }) => name },
    { header: 'address', value: ({ addresses }) => addresses.join(',') },
    { header: announcersHeader(services), value: (service) => announcersText(service, wide) },
    { header: 'router', value: routerText },
    { header: 'hostname', value: ({ names }) => names.join(',') },
    { header: 'ready', value: readyText },
    { header: 'since', value: ({ since }) => age(since, now) },
    { header: 'age', value: ({ created }) => age(created, now) },
  ];
  if (!wide) return columns;
  return [
    ...columns,
    { header: 'source', value: sourceText },
    { header: 'interface', value: (service) => service.interface ?? '' },
    {
      header: 'external',
      value: ({ router }) => [...new Set(router.flatMap(({ externalIp }) => externalIp ?? []))].join(','),
    },
    { header: 'lease-left', value: ({ leaseExpires }) => left(leaseExpires, now) },
    { header: 'reasons', value: ({ stages }) => stages.map(({ stage, reason }) => `${stage}=${reason}`).join(',') },
  ];
}

function controlPlaneSections(controlPlane: ControlPlaneStatus, { wide, now }: StatusStyle): string[] {
  const columns: Column<ControlPlaneStatus>[] = [
    { header: 'control-plane-vip', value: ({ addresses }) => addresses.join(',') },
    { header: announcersHeader([controlPlane]), value: (vip) => announcersText(vip, wide) },
    { header: 'state', value: vipState },
    { header: 'since', value: ({ since }) => age(since, now) },
    { header: 'hostname', value: ({ names }) => names.filter((name) => !name.includes('._')).join(',') },
    ...(wide
      ? [
          { header: 'term', value: ({ term }: ControlPlaneStatus) => `${term ?? ''}` },
          { header: 'lease', value: ({ lease }: ControlPlaneStatus) => lease },
        ]
      : []),
  ];
  const servers: Column<ApiServerStatus>[] = [
    { header: 'api-server', value: ({ address }) => address },
    { header: 'node', value: ({ node }) => node ?? '' },
    { header: 'state', value: ({ state }) => state },
  ];
  const { apiServers } = controlPlane;
  return [renderTable(columns, [controlPlane]), ...(apiServers.length > 0 ? [renderTable(servers, apiServers)] : [])];
}

function announcersHeader(rows: readonly Announcers[]): string {
  return rows.some(({ everyNode }) => everyNode) ? 'announced-by' : 'owner';
}

const SHOWN_ANNOUNCERS = 4;

/** Their names, or the first ones and how many there are. */
function announcersText({ everyNode, owner = '', announcedBy }: Announcers, wide: boolean): string {
  if (!everyNode) return owner;
  if (announcedBy === undefined) return 'every node';
  if (wide || announcedBy.length <= SHOWN_ANNOUNCERS) return announcedBy.join(',');
  return `${announcedBy.slice(0, SHOWN_ANNOUNCERS - 1).join(',')} and ${announcedBy.length - SHOWN_ANNOUNCERS + 1} more`;
}

function vipState({ everyNode, announcedBy, holder, live }: ControlPlaneStatus): string {
  if (everyNode && announcedBy !== undefined) return announcedBy.length > 0 ? 'live' : 'none';
  return holder === undefined ? 'none' : live ? 'live' : 'silent';
}

/** The pool, or how else; `dhcp,cidr-global` for IPv4 by DHCP and IPv6 from a pool. */
function sourceText({ source, pool }: ServiceStatus): string {
  if (source !== 'dhcp') return pool ?? source ?? '';
  return pool === undefined ? source : `${source},${pool}`;
}

/** `59m` until then. */
function left(until: string | undefined, now: Date): string {
  return until === undefined ? '' : age(now.toISOString(), new Date(until));
}

/** `8080→80`; a pinhole for IPv6, which changes no port, is `80/v6`. */
function routerText({ router }: ServiceStatus): string {
  return router
    .map(({ externalPort, internalPort, internalIp, protocol }) => {
      if (internalIp.includes(':')) return `${internalPort}${protocol === 'TCP' ? '' : `/${protocol}`}/v6`;
      const ports = externalPort === internalPort ? `${externalPort}` : `${externalPort}→${internalPort}`;
      return protocol === 'TCP' ? ports : `${ports}/${protocol}`;
    })
    .join(',');
}

function readyText({ ready, deleting, waitingFor }: ServiceStatus): string {
  if (deleting) return 'Deleting';
  return ready ? 'True' : waitingFor === undefined ? 'Unknown' : `False (${waitingFor})`;
}

function agentColumns({ wide, now }: StatusStyle): Column<AgentStatus>[] {
  return [
    { header: 'agent', value: ({ node }) => node },
    { header: 'state', value: ({ live, draining }) => (live ? (draining ? 'handed-over' : 'live') : 'silent') },
    { header: 'last-seen', value: ({ lastSeen }) => age(lastSeen, now) },
    ...(wide ? [{ header: 'version', value: ({ version = '' }: AgentStatus) => version }] : []),
  ];
}

function bgpColumns({ wide, now }: StatusStyle): Column<BgpPeerStatus>[] {
  return [
    { header: 'bgp-peer', value: ({ peer }) => peer },
    { header: 'node', value: ({ node }) => node },
    { header: 'as', value: ({ as }) => `${as}` },
    { header: 'state', value: ({ state }) => state },
    { header: 'since', value: ({ since }) => age(since, now) },
    { header: 'routes', value: ({ routes }) => `${routes}` },
    ...(wide ? [{ header: 'bfd', value: ({ bfd = '' }: BgpPeerStatus) => bfd }] : []),
  ];
}

/** kubeadm sets the label on every control plane: that it means nothing here is for those who look closer. */
function excludedText({ excluded: { nodes, honored } }: StatusReport, { wide }: StatusStyle): string | undefined {
  if (nodes.length === 0 || (!honored && !wide)) return undefined;
  const names = nodes.join(', ');
  return honored
    ? `Not for addresses: ${names} (label ${EXCLUDE_LABEL}, honor_exclude_label=true)`
    : `Label ${EXCLUDE_LABEL} on ${names} is ignored (honor_exclude_label=false)`;
}

const SHOWN_FAILOVERS = 5;

const CAUSE_TEXT: Readonly<Record<TakeoverCause, string>> = {
  death: 'died',
  handover: 'handed over',
  leaving: 'stopped',
};

const POOL_COLUMNS: readonly Column<PoolStatus>[] = [
  { header: 'pool', value: ({ key }) => key },
  { header: 'used', value: ({ used }) => `${used}` },
  { header: 'size', value: ({ size }) => size ?? '' },
  { header: 'addresses', value: ({ key, description }) => description.slice(key.length + 1) },
];

/** Where the time went is told for each step from the first moment on: `+150ms`. */
function failoverColumns({ wide, now }: StatusStyle): Column<FailoverRecord>[] {
  const after = (pick: (record: FailoverRecord) => string | undefined) => (record: FailoverRecord) => {
    const [at, start] = [pick(record), record.lastHeard ?? record.detected ?? record.decided];
    return at === undefined ? '' : `+${Date.parse(at) - Date.parse(start)}ms`;
  };
  return [
    { header: 'failover', value: ({ cause }) => CAUSE_TEXT[cause] },
    { header: 'from', value: ({ from }) => from },
    { header: 'to', value: ({ to }) => to },
    {
      header: 'addresses',
      value: ({ addresses, missing = 0 }) => `${addresses}${missing === 0 ? '' : ` (${missing} not announced)`}`,
    },
    {
      header: 'took',
      value: ({ seconds }) => (seconds < 10 ? `${Math.round(seconds * 1000)}ms` : `${Math.round(seconds)}s`),
    },
    { header: 'since', value: ({ decided }) => age(decided, now) },
    ...(wide
      ? [
          { header: 'detected', value: after(({ detected }) => detected) },
          { header: 'decided', value: after(({ decided }) => decided) },
          { header: 'placed', value: after(({ placed }) => placed) },
          { header: 'announced', value: after(({ announced }) => announced) },
        ]
      : []),
  ];
}

function renderProblems(problems: readonly Problem[], { color, now }: StatusStyle): string {
  const lines = problems.flatMap(({ what, stage, reason, message, since, hints }, i) => {
    // Several of a kind are told one after the other: what to do stands below the last.
    const told = problems[i + 1]?.hints.join() === hints.join() ? [] : hints;
    const where = stage === undefined ? what : `${what}, stage ${stage}`;
    const when = since === undefined ? '' : ` (for ${age(since, now)})`;
    return [`  ${where}: ${reason}: ${message}${when}`, ...told.map((hint) => `    ${paint('dim', hint, color)}`)];
  });
  return [paint('yellow', 'PROBLEMS', color), ...lines].join('\n');
}
