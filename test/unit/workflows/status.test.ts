import { describe, expect, it } from 'vitest';
import { renderStatus } from '../../../src/cli/render-status.ts';
import { EXCLUDE_LABEL, KEY } from '../../../src/model/annotations.ts';
import { readAgentInfo, writeAgentInfo } from '../../../src/model/agent-info.ts';
import { writeFailovers, type FailoverRecord } from '../../../src/model/failover-record.ts';
import type { Lease, Node, Service } from '../../../src/model/kubernetes.ts';
import { readStatus } from '../../../src/workflows/status/gather.ts';
import { statusReport } from '../../../src/workflows/status/report.ts';
import { annotated, condition, presence, settled, withConditions } from '../../support/exposed.ts';
import { createFakeCluster } from '../../support/fake-cluster.ts';

const now = new Date('2026-01-01T00:10:00Z');
const live = presence('n1', '2026-01-01T00:09:59.000000Z');

function service(name: string, annotations: Record<string, string> = {}): Service {
  const metadata = { name, namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' };
  return annotated({ metadata, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } }, annotations);
}

describe('status', () => {
  it('shows the last failovers of all nodes, and of the control-plane VIP, and where the time went', () => {
    const failover = (from: string, to: string, decided: string, over: Partial<FailoverRecord> = {}) =>
      writeFailovers([{ cause: 'handover', from, to, addresses: 1, decided, seconds: 0.004, ...over }]);
    const withFailover = (lease: Lease, annotations: Readonly<Record<string, string>>): Lease => ({
      ...lease,
      metadata: { ...lease.metadata, annotations },
    });
    const death = failover('n1', 'n2', '2026-01-01T00:09:00.160Z', {
      cause: 'death',
      addresses: 12,
      lastHeard: '2026-01-01T00:09:00.000Z',
      detected: '2026-01-01T00:09:00.150Z',
      placed: '2026-01-01T00:09:00.170Z',
      announced: '2026-01-01T00:09:00.162Z',
      seconds: 0.172,
      missing: 2,
    });
    const n2 = withFailover(presence('n2', '2026-01-01T00:09:59.000000Z'), death);
    const vip = withFailover(
      { metadata: { name: 'plndr-cp-lock' }, spec: {} },
      failover('n3', 'n1', '2026-01-01T00:08:00.000Z', { cause: 'leaving', seconds: 16.4 }),
    );
    const report = statusReport({
      services: [],
      allServices: [],
      presence: [live, n2],
      controlPlane: { leases: [live, n2, vip], slices: [], answers: new Map() },
      pools: undefined,
      nodes: [],
      now,
    });
    expect(report.failovers.map(({ from, to }) => [from, to])).toEqual([
      ['n1', 'n2'],
      ['n3', 'n1'],
    ]);
    expect(renderStatus(report, { wide: false, color: false, now })).toContain(
      [
        'FAILOVER   FROM   TO   ADDRESSES              TOOK    SINCE',
        'died       n1     n2   12 (2 not announced)   172ms   59s',
        'stopped    n3     n1   1                      16s     2m',
      ].join('\n'),
    );
    expect(renderStatus(report, { wide: true, color: false, now })).toMatch(
      /DETECTED +DECIDED +PLACED +ANNOUNCED\ndied .* \+150ms +\+160ms +\+170ms +\+162ms/,
    );
  });

  it('says which nodes are handed over', () => {
    const node: Node = { metadata: { name: 'n1', annotations: { [KEY.draining]: '2026-01-01T00:00:00Z' } } };
    const report = statusReport({
      services: [],
      allServices: [],
      presence: [live, presence('n2', '2026-01-01T00:09:59.000000Z')],
      pools: undefined,
      nodes: [node],
      now,
    });
    expect(report.agents.map(({ node: name, draining }) => [name, draining])).toEqual([
      ['n1', true],
      ['n2', false],
    ]);
    expect(renderStatus(report, { wide: false, color: false, now })).toMatch(/n1 +handed-over +1s\nn2 +live/);
  });

  it('shows a whole exposure', () => {
    const web = settled(service('web', { [KEY.loadBalancerIPs]: '0.0.0.0', [KEY.router]: '8080', [KEY.mdns]: 'web' }));
    const report = statusReport({
      services: [web],
      allServices: [web],
      presence: [live],
      pools: undefined,
      nodes: [],
      now,
    });
    expect(report.problems).toEqual([]);
    expect(report.services[0]).toMatchObject({
      addresses: ['10.77.0.101'],
      owner: 'n1',
      ready: true,
      source: 'dhcp',
      names: ['web.local'],
      leaseExpires: '2026-01-01T01:00:00.000Z',
      router: [{ externalPort: 8080, internalPort: 80, externalIp: '8.8.4.4' }],
    });
    expect(renderStatus(report, { wide: false, color: false, now })).toBe(
      [
        'NAMESPACE   NAME   ADDRESS       OWNER   ROUTER    HOSTNAME    READY   SINCE   AGE',
        'default     web    10.77.0.101   n1      8080→80   web.local   True    10m     10m',
        '',
        'AGENT   STATE   LAST-SEEN',
        'n1      live    1s',
      ].join('\n'),
    );
    const wide = renderStatus(report, { wide: true, color: false, now });
    expect(wide).toContain('EXTERNAL');
    expect(wide).toContain('router=Mapped');
    expect(wide).toMatch(/8\.8\.4\.4 +50m /);
  });

  it('names the first stage that is not ready, its reason and since when', () => {
    const web = withConditions(
      settled(service('web')),
      condition('router', 'False', 'PortTaken', '8080 is taken'),
      condition('ready', 'False', 'PortTaken'),
    );
    const { problems, services } = statusReport({
      services: [web],
      allServices: [web],
      presence: [live],
      pools: undefined,
      nodes: [],
      now,
    });
    expect(problems).toEqual([
      {
        what: 'Service default/web',
        stage: 'router',
        reason: 'PortTaken',
        message: '8080 is taken',
        since: '2026-01-01T00:00:00Z',
        hints: [expect.stringContaining('UPnP')],
      },
    ]);
    expect(services[0]).toMatchObject({ ready: false, waitingFor: 'router' });
  });

  it('counts what of a pool is used, and names a bad key without hiding the others', () => {
    const web = settled(service('web'));
    const data = { 'range-global': '10.77.0.100-10.77.0.109', 'cidr-shop': '10.1.2.3/99', 'cidr-lan': '0.0.0.0/32' };
    const pools = { metadata: { name: 'kubevip' }, data };
    const report = statusReport({ services: [web], allServices: [web], presence: [live], pools, nodes: [], now });
    expect(report.pools.map(({ key, used, size }) => [key, used, size])).toEqual([
      ['range-global', 1, '10'],
      ['cidr-lan', 0, undefined],
    ]);
    expect(report.problems).toEqual([
      expect.objectContaining({
        what: 'ConfigMap kubevip',
        message: expect.stringMatching(/^key cidr-shop/) as string,
      }),
    ]);
  });

  it.each([
    ['no agent at all', []],
    ['only one that is gone', [presence('n1', '2026-01-01T00:00:00.000000Z')]],
  ])('says that no agent runs: %s', (_, leases) => {
    const { problems } = statusReport({
      services: [],
      allServices: [],
      presence: leases,
      pools: undefined,
      nodes: [],
      now,
    });
    expect(problems).toEqual([expect.objectContaining({ reason: 'NoAgent' })]);
  });

  it('tells one silent agent among live ones', () => {
    const leases = [
      live,
      presence('n10', '2026-01-01T00:00:00.000000Z'),
      presence('n2', '2026-01-01T00:09:58.000000Z'),
    ];
    const { problems, agents } = statusReport({
      services: [],
      allServices: [],
      presence: leases,
      pools: undefined,
      nodes: [],
      now,
    });
    expect(agents.map(({ node }) => node)).toEqual(['n1', 'n2', 'n10']);
    expect(problems).toEqual([expect.objectContaining({ what: 'agent n10', reason: 'AgentSilent' })]);
  });

  it('tells of agents that do not hear each other, with the port to open, and of ones that elect in another way', () => {
    const agent = (name: string, unheard: string[], byHeartbeat = true): Lease => {
      const lease = presence(name, '2026-01-01T00:09:59.000000Z');
      const info = writeAgentInfo({ version: '1.2.3', honorsExcludeLabel: false, seesNodes: true, unheard });
      const annotations = { ...info, ...(byHeartbeat ? { [KEY.heartbeat]: '10.0.0.1' } : {}) };
      return { ...lease, metadata: { ...lease.metadata, annotations } };
    };
    const problemsOf = (...leases: Lease[]) =>
      statusReport({ services: [], allServices: [], presence: leases, pools: undefined, nodes: [], now }).problems;
    expect(problemsOf(agent('n1', []), agent('n2', []))).toEqual([]);
    expect(problemsOf(agent('n1', [], false), agent('n2', [], false))).toEqual([]);
    // What was said of one that is not there any more is old.
    expect(problemsOf(agent('n1', ['n3']))).toEqual([]);
    const [one, two] = problemsOf(agent('n1', ['n2']), agent('n2', []), agent('n3', [], false));
    expect(one).toMatchObject({ what: 'agent n1', reason: 'AgentNotHeard' });
    expect(one?.message).toContain('n2');
    expect(one?.hints[0]).toContain('UDP port 10471');
    expect(two).toMatchObject({ what: 'agents', reason: 'ElectionsDiffer' });
    expect(two?.message).toContain('n3 elects through Leases');
  });

  it('leaves Services of others out, and shows one that is being removed', () => {
    const other: Service = {
      metadata: { name: 'other' },
      spec: { type: 'LoadBalancer', loadBalancerClass: 'metallb.io/x' },
    };
    const web = settled(service('web'));
    const leaving = { ...web, metadata: { ...web.metadata, deletionTimestamp: '2026-01-01T00:09:00Z' } };
    const report = statusReport({
      services: [other, leaving],
      allServices: [],
      presence: [live],
      pools: undefined,
      nodes: [],
      now,
    });
    expect(report.services.map(({ name, ready, deleting }) => [name, ready, deleting])).toEqual([['web', false, true]]);
    expect(report.problems[0]).toMatchObject({
      reason: 'Deleting',
      message: 'is being removed; held by kubevip.dev/cleanup',
    });
  });

  it('reads what it may, and says what it may not', async () => {
    const cluster = createFakeCluster();
    cluster.put('Service', service('web'));
    cluster.refuse('ConfigMap', 'get', 403, 'Forbidden');
    cluster.refuse('Lease', 'list', 403, 'Forbidden');
    const report = await readStatus(cluster, { namespace: '*' }, now);
    expect(report.services).toHaveLength(1);
    expect(report.problems.map(({ what, reason }) => `${what} ${reason}`)).toEqual([
      'agents Forbidden',
      'ConfigMap kubevip Forbidden',
      'Service default/web NotSeen',
    ]);
  });

  it('counts of a pool what it may see, when it may see only one namespace', async () => {
    const cluster = createFakeCluster();
    cluster.put('Service', service('web'));
    cluster.refuse('Node', 'list', 403, 'Forbidden');
    expect((await readStatus(cluster, { namespace: 'default' }, now)).excluded.nodes).toEqual([]);
  });

  it.each([
    [
      true,
      'Not for addresses: n1, n3 (label node.kubernetes.io/exclude-from-external-load-balancers, honor_exclude_label=true)',
    ],
    [
      false,
      'Label node.kubernetes.io/exclude-from-external-load-balancers on n1, n3 is ignored (honor_exclude_label=false)',
    ],
  ])('says which nodes are excluded by their label, and whether that counts (%s)', (honorsExcludeLabel, text) => {
    const node = (name: string, labels: Record<string, string> = {}): Node => ({ metadata: { name, labels } });
    const lease = {
      ...live,
      metadata: {
        ...live.metadata,
        annotations: writeAgentInfo({ version: '1.2.3', honorsExcludeLabel, seesNodes: true }),
      },
    };
    const nodes = [node('n3', { [EXCLUDE_LABEL]: '' }), node('n2'), node('n1', { [EXCLUDE_LABEL]: 'false' })];
    const report = statusReport({ services: [], allServices: [], presence: [lease], pools: undefined, nodes, now });
    const wide = renderStatus(report, { wide: true, color: false, now });
    expect(wide).toContain(text);
    expect(wide).toMatch(/n1 +live +1s +1\.2\.3/);
    // Every control plane that kubeadm made has the label: no news where it means nothing.
    expect(renderStatus(report, { wide: false, color: false, now }).includes(text)).toBe(honorsExcludeLabel);
    expect(report.problems).toEqual([]);
  });

  it.each(['nonsense', '[]', '{"version":7}'])('believes nothing of an agent that cannot be: %s', (text) => {
    expect(readAgentInfo({ metadata: { name: 'x', annotations: { [KEY.agent]: text } } })).toEqual({});
  });

  it('shows both families, and a pinhole by its own port', () => {
    const record = { protocol: 'TCP', internalPort: 80, method: 'pcp', gateway: '10.77.0.1' };
    const web = annotated(settled(service('web')), {
      [KEY.assigned]: JSON.stringify({ ips: ['10.77.0.101', 'fd77::101'], source: 'pool', pool: 'range-global' }),
      [KEY.routerMappings]: JSON.stringify([
        { ...record, internalIp: '10.77.0.101', externalPort: 8080 },
        { ...record, internalIp: 'fd77::101', externalPort: 80 },
      ]),
    });
    const report = statusReport({
      services: [web],
      allServices: [web],
      presence: [live],
      pools: undefined,
      nodes: [],
      now,
    });
    expect(renderStatus(report, { wide: false, color: false, now })).toMatch(
      /default +web +10\.77\.0\.101,fd77::101 +n1 +8080→80,80\/v6 /,
    );
    const byDhcp = settled(service('web', { [KEY.loadBalancerIPs]: '0.0.0.0' }));
    const assigned = JSON.parse(byDhcp.metadata.annotations?.[KEY.assigned] ?? '') as object;
    const leased = annotated(byDhcp, { [KEY.assigned]: JSON.stringify({ ...assigned, pool: 'range-global' }) });
    const both = statusReport({ services: [leased], allServices: [], presence: [], pools: null, nodes: [], now });
    expect(renderStatus(both, { wide: true, color: false, now })).toContain(' dhcp,range-global ');
  });

  it('refuses a name that is not there', async () => {
    await expect(readStatus(createFakeCluster(), { namespace: 'default', name: 'web' }, now)).rejects.toMatchObject({
      code: 'NO_SUCH_SERVICE',
    });
  });
});
