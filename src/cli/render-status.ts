/** `kubevip status` for people: Services, agents, pools, and what is wrong. */
import type { Problem } from '../workflows/status/problems.ts';
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
    report.services.length === 0
      ? 'No Services for kubevip here. `kubevip expose deployment/NAME --port PORT` makes one.'
      : renderTable(serviceColumns(style), report.services),
  ];
  if (report.agents.length > 0) sections.push(renderTable(agentColumns(style), report.agents));
  if (report.pools.length > 0) sections.push(renderTable(POOL_COLUMNS, report.pools));
  if (report.problems.length > 0) sections.push(renderProblems(report.problems, style));
  return sections.join('\n\n');
}

function serviceColumns({ wide, now }: StatusStyle): Column<ServiceStatus>[] {
  const columns: Column<ServiceStatus>[] = [
    { header: 'namespace', value: ({ namespace }) => namespace },
    { header: 'name', value: ({ name }) => name },
    { header: 'address', value: ({ addresses }) => addresses.join(',') },
    { header: 'owner', value: ({ owner }) => owner ?? '' },
    { header: 'router', value: routerText },
    { header: 'hostname', value: ({ names }) => names.join(',') },
    { header: 'ready', value: readyText },
    { header: 'since', value: ({ since }) => age(since, now) },
    { header: 'age', value: ({ created }) => age(created, now) },
  ];
  if (!wide) return columns;
  return [
    ...columns,
    { header: 'source', value: ({ source, pool }) => pool ?? source ?? '' },
    { header: 'interface', value: (service) => service.interface ?? '' },
    {
      header: 'external',
      value: ({ router }) => [...new Set(router.flatMap(({ externalIp }) => externalIp ?? []))].join(','),
    },
    { header: 'lease-expires', value: ({ leaseExpires }) => leaseExpires ?? '' },
    { header: 'reasons', value: ({ stages }) => stages.map(({ stage, reason }) => `${stage}=${reason}`).join(',') },
  ];
}

/** `8080→80` */
function routerText({ router }: ServiceStatus): string {
  return router
    .map(({ externalPort, internalPort, protocol }) => {
      const ports = externalPort === internalPort ? `${externalPort}` : `${externalPort}→${internalPort}`;
      return protocol === 'TCP' ? ports : `${ports}/${protocol}`;
    })
    .join(',');
}

function readyText({ ready, deleting, waitingFor }: ServiceStatus): string {
  if (deleting) return 'Deleting';
  return ready ? 'True' : waitingFor === undefined ? 'Unknown' : `False (${waitingFor})`;
}

function agentColumns({ now }: StatusStyle): Column<AgentStatus>[] {
  return [
    { header: 'agent', value: ({ node }) => node },
    { header: 'state', value: ({ live }) => (live ? 'live' : 'silent') },
    { header: 'last-seen', value: ({ lastSeen }) => age(lastSeen, now) },
  ];
}

const POOL_COLUMNS: readonly Column<PoolStatus>[] = [
  { header: 'pool', value: ({ key }) => key },
  { header: 'used', value: ({ used }) => `${used}` },
  { header: 'size', value: ({ size }) => size ?? '' },
  { header: 'addresses', value: ({ key, description }) => description.slice(key.length + 1) },
];

function renderProblems(problems: readonly Problem[], { color, now }: StatusStyle): string {
  const lines = problems.flatMap(({ what, stage, reason, message, since, hints }) => {
    const where = stage === undefined ? what : `${what}, stage ${stage}`;
    const when = since === undefined ? '' : ` (for ${age(since, now)})`;
    return [`  ${where}: ${reason}: ${message}${when}`, ...hints.map((hint) => `    ${paint('dim', hint, color)}`)];
  });
  return [paint('yellow', 'PROBLEMS', color), ...lines].join('\n');
}
