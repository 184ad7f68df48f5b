import { describe, expect, it } from 'vitest';
import { renderHandover } from '../../../src/cli/render-handover.ts';
import { leaseNameOf } from '../../../src/exposure/ownership/names.ts';
import { writeAgentInfo } from '../../../src/model/agent-info.ts';
import { EXCLUDE_LABEL, KEY } from '../../../src/model/annotations.ts';
import { writeControlPlaneRecord } from '../../../src/model/control-plane-record.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Lease, Node, Service } from '../../../src/model/kubernetes.ts';
import { handover, undoHandover, type HandoverResult } from '../../../src/workflows/handover.ts';
import type { Step } from '../../../src/workflows/steps.ts';
import { presence } from '../../support/exposed.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeCluster, type FakeCluster } from '../../support/fake-cluster.ts';
import { servedService, sliceOf } from '../../support/service-world.ts';

const NOW = '2026-01-01T00:00:00.000000Z';
const node = (name: string, metadata: Partial<Node['metadata']> = {}): Node => ({ metadata: { name, ...metadata } });
const agent = (name: string, info: Partial<Parameters<typeof writeAgentInfo>[0]> = {}): Lease => {
  const lease = presence(name, NOW);
  const annotations = writeAgentInfo({ version: '1.2.3', honorsExcludeLabel: false, seesNodes: true, ...info });
  return { metadata: { ...lease.metadata, annotations }, spec: { ...lease.spec, leaseDurationSeconds: 3600 } };
};
const addressLease = (address: string, holder: string): Lease => ({
  metadata: { name: leaseNameOf(ip(address)), annotations: { [KEY.leaseAddress]: address } },
  spec: { holderIdentity: holder },
});

interface Parts {
  nodes?: Node[];
  leases?: Lease[];
  services?: Service[];
}

/** Three nodes; n1 has two addresses, and gives them to n2 as soon as its Node says so. */
function setup({ nodes = ['n1', 'n2', 'n3'].map((name) => node(name)), leases, services }: Parts = {}) {
  const cluster = createFakeCluster();
  const clock = createFakeClock(new Date(NOW));
  for (const one of nodes) cluster.put('Node', one);
  for (const lease of leases ?? ['n1', 'n2', 'n3'].map((name) => agent(name))) cluster.put('Lease', lease);
  cluster.put('Lease', addressLease('10.77.0.200', 'n1'));
  cluster.put('Lease', addressLease('10.77.0.201', 'n1'));
  cluster.put('Lease', addressLease('10.77.0.202', 'n3'));
  const all = services ?? [
    servedService('web', ['10.77.0.200']),
    servedService('db', ['10.77.0.201']),
    servedService('dns', ['10.77.0.202']),
  ];
  for (const service of all) cluster.put('Service', service);
  const move = (address: string, to: string): void => cluster.put('Lease', addressLease(address, to));
  const obey = (...addresses: string[]): void =>
    cluster.onWrite((kind) => {
      if (kind === 'Node') for (const address of addresses) move(address, 'n2');
    });
  obey('10.77.0.200', '10.77.0.201');
  const run = async (steps: AsyncGenerator<Step, HandoverResult>) => {
    const told: string[] = [];
    const finished = (async () => {
      for (;;) {
        const next = await steps.next();
        if (next.done === true) return next.value;
        told.push(next.value.kind === 'stage' ? next.value.message : next.value.text);
      }
    })();
    const outcome = finished.catch((error: unknown) => error);
    await clock.advanceAsync(60_000);
    return { outcome: await outcome, told };
  };
  const parts = { cluster, clock, timeout: 30_000 };
  const draining = (name = 'n1'): string | undefined => cluster.get('Node', name)?.metadata.annotations?.[KEY.draining];
  return { cluster, clock, obey, run, parts, draining };
}

const writesOf = ({ writes }: FakeCluster): string[] => writes.filter((write) => write.includes('Node/'));

describe('handing over a node', () => {
  it('says so on the Node, waits, and tells what went where', async () => {
    const { run, parts, draining } = setup();
    const { outcome, told } = await run(handover('n1', parts));
    expect(draining()).toBe('2026-01-01T00:00:00.000Z');
    expect(outcome).toEqual({
      node: 'n1',
      draining: true,
      moved: [
        { address: '10.77.0.200', services: ['default/web'], to: 'n2' },
        { address: '10.77.0.201', services: ['default/db'], to: 'n2' },
      ],
      kept: [],
    });
    expect(told).toEqual(['Addresses are kept away from n1 from now on', '2 addresses to move', '2 addresses moved']);
    expect(renderHandover(outcome as HandoverResult)).toBe(
      ['ADDRESS       SERVICE       NOW-ON', '10.77.0.200   default/web   n2', '10.77.0.201   default/db    n2'].join(
        '\n',
      ),
    );
  });

  it('goes on where it was interrupted, and does nothing where nothing is to be done', async () => {
    const { run, parts, cluster } = setup();
    await run(handover('n1', parts));
    const { outcome, told } = await run(handover('n1', parts));
    expect(outcome).toMatchObject({ draining: true, moved: [], kept: [] });
    expect(told).toEqual(['Addresses are kept away from n1 since 2026-01-01T00:00:00.000Z']);
    expect(writesOf(cluster)).toEqual(['patch Node/n1']);
    expect(renderHandover(outcome as HandoverResult)).toBe('There was no address on n1.');
  });

  it('lets go of the node again with --undo, and pulls nothing back', async () => {
    const { run, parts, cluster, draining } = setup();
    await run(handover('n1', parts));
    const { outcome, told } = await run(undoHandover('n1', parts));
    expect(outcome).toEqual({ node: 'n1', draining: false, moved: [], kept: [] });
    expect(told).toEqual(['Addresses may come to n1 again; those that left stay where they are']);
    expect(draining()).toBeUndefined();
    expect((await run(undoHandover('n1', parts))).told).toEqual(['Addresses are not kept away from n1']);
    expect(writesOf(cluster)).toHaveLength(2);
  });

  it('keeps what no other node can serve, and says why', async () => {
    const local = servedService('db', ['10.77.0.201'], { externalTrafficPolicy: 'Local' });
    const { run, parts, cluster, obey } = setup({ services: [servedService('web', ['10.77.0.200']), local] });
    cluster.put('EndpointSlice', sliceOf('db', [['10.88.11.2', 'n1']]));
    obey('10.77.0.200');
    const { outcome, told } = await run(handover('n1', parts));
    const reason = 'externalTrafficPolicy is Local, and no other node has a ready pod of default/db';
    expect(outcome).toMatchObject({
      moved: [{ address: '10.77.0.200', to: 'n2' }],
      kept: [{ address: '10.77.0.201', services: ['default/db'], reason }],
    });
    expect(told).toContain(`10.77.0.201 stays on n1: ${reason}`);
    expect(renderHandover(outcome as HandoverResult)).toContain(`10.77.0.201   default/db    n1       ${reason}`);
  });

  it('ends with what it has when the time is up', async () => {
    const { run, parts, obey, draining } = setup();
    obey('10.77.0.200');
    const { outcome } = await run(handover('n1', parts));
    expect(outcome).toMatchObject({
      code: 'TIMED_OUT',
      exit: 5,
      message: '10.77.0.201 has not moved from n1 within 30 s',
      result: { moved: [{ address: '10.77.0.200' }], kept: [{ address: '10.77.0.201' }] },
    });
    expect(draining()).toBeDefined(); // it is still wanted
  });

  it.each<[string, string, Parts, string]>([
    ['n4', 'NO_SUCH_NODE', {}, 'Its nodes are n1, n2, n3.'],
    ['', 'NO_SUCH_NODE', {}, 'Its nodes are n1, n2, n3.'],
    ['n1', 'NODE_ALONE', { leases: [agent('n1')] }, 'No other node has a live agent'],
    [
      'n1',
      'NODE_ALONE',
      { nodes: [node('n1'), node('n2', { annotations: { [KEY.draining]: NOW } })], leases: [agent('n1'), agent('n2')] },
      'n2 is handed over itself.',
    ],
    [
      'n1',
      'NODE_ALONE',
      {
        nodes: [node('n1'), node('n2', { labels: { [EXCLUDE_LABEL]: '' } })],
        leases: [agent('n1', { honorsExcludeLabel: true }), agent('n2', { honorsExcludeLabel: true })],
      },
      'n2 is excluded by its label.',
    ],
    ['n1', 'NO_AGENTS', { leases: [presence('n1', '2020-01-01T00:00:00.000000Z')] }, 'kubectl'],
    ['n1', 'AGENT_BLIND', { leases: [agent('n1', { seesNodes: false }), agent('n2')] }, 'version 1.2.3'],
  ])('refuses %s (%s) before anything is written', async (name, code, world, hint) => {
    const { run, parts, cluster } = setup(world);
    const { outcome } = await run(handover(name, parts));
    expect(outcome).toMatchObject({ code, exit: 1 });
    expect((outcome as { hints: string[] }).hints.join(' ')).toContain(hint);
    expect(cluster.writes).toEqual([]);
  });

  describe('that has the VIP of the control plane', () => {
    const vipLease = (holder: string, more: Readonly<Record<string, string>> = {}, everyNode = false): Lease => ({
      metadata: {
        name: 'plndr-cp-lock',
        namespace: 'kube-system',
        annotations: {
          ...writeControlPlaneRecord({
            version: '1.2.3',
            addresses: [ip('10.77.0.240')],
            port: 6443,
            names: [],
            handsOver: true,
            everyNode,
          }),
          ...more,
        },
      },
      spec: { holderIdentity: holder },
    });
    const apiServers = (...hosts: string[]) => ({
      metadata: {
        name: 'kubernetes',
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'kubernetes' },
      },
      addressType: 'IPv4' as const,
      endpoints: hosts.map((host) => ({ addresses: [host] })),
      ports: [{ name: 'https', port: 6443, protocol: 'TCP' as const }],
    });
    const nodes = ['n1', 'n2', 'n3'].map((name, i): Node => ({
      ...node(name),
      status: { addresses: [{ type: 'InternalIP', address: `10.77.0.1${i}` }] },
    }));
    const wish = (cluster: FakeCluster): string | undefined =>
      cluster.get('Lease', 'plndr-cp-lock')?.metadata.annotations?.[KEY.stayAway];

    /** The VIP moves as soon as its Lease says so. */
    function setupVip(lease: Lease, hosts: string[], leases?: Lease[]) {
      const world = setup({ nodes, ...(leases ? { leases } : {}) });
      world.cluster.put('Lease', lease);
      world.cluster.put('EndpointSlice', apiServers(...hosts));
      world.cluster.onWrite((kind) => {
        if (kind === 'Node')
          for (const address of ['10.77.0.200', '10.77.0.201']) world.cluster.put('Lease', addressLease(address, 'n2'));
        const annotations = world.cluster.get('Lease', 'plndr-cp-lock')?.metadata.annotations ?? {};
        const away = annotations[KEY.stayAway];
        if (kind === 'Lease' && away?.split(',').includes('n1') === true)
          world.cluster.put('Lease', vipLease('n2', annotations));
      });
      return world;
    }

    it('moves that too, and lets it come back with --undo', async () => {
      const { run, parts, cluster } = setupVip(vipLease('n1'), ['10.77.0.10', '10.77.0.11']);
      const { outcome } = await run(handover('n1', parts));
      expect(outcome).toMatchObject({
        moved: [
          { address: '10.77.0.240', services: ['control plane'], to: 'n2' },
          { address: '10.77.0.200' },
          { address: '10.77.0.201' },
        ],
        kept: [],
      });
      expect(wish(cluster)).toBe('n1');
      await run(undoHandover('n1', parts));
      expect(wish(cluster)).toBeUndefined();
    });

    it('needs no agent for Services for it', async () => {
      const { run, parts } = setupVip(vipLease('n1'), ['10.77.0.10', '10.77.0.11'], []);
      const { outcome } = await run(handover('n1', parts));
      expect(outcome).toMatchObject({ moved: [{ address: '10.77.0.240', to: 'n2' }] });
    });

    it.each([
      [
        'of an earlier version',
        { ...vipLease('n1'), metadata: { name: 'plndr-cp-lock' } },
        ['10.77.0.10', '10.77.0.11'],
      ],
      ['no other node has an API server', vipLease('n1'), ['10.77.0.10']],
      ['handed over itself', vipLease('n1', { [KEY.stayAway]: 'n2' }), ['10.77.0.10', '10.77.0.11']],
    ])('says why it stays: %s', async (why, lease, hosts) => {
      const { run, parts, cluster } = setup({ nodes });
      cluster.put('Lease', lease);
      cluster.put('EndpointSlice', apiServers(...hosts));
      const { told, outcome } = await run(handover('n1', parts));
      expect(told.join()).toContain(why);
      expect(outcome).toMatchObject({
        kept: [{ services: ['control plane'], reason: expect.stringContaining(why) as string }],
      });
    });

    it('moves it from a node that announces it beside its owner', async () => {
      const { run, parts, cluster } = setupVip(vipLease('n2', {}, true), ['10.77.0.10', '10.77.0.11'], []);
      const { outcome } = await run(handover('n1', parts));
      expect(outcome).toMatchObject({ moved: [{ address: '10.77.0.240', to: 'n2' }] });
      expect(wish(cluster)).toBe('n1');
    });

    it('says nothing of it on another node', async () => {
      const { run, parts, cluster } = setupVip(vipLease('n2'), ['10.77.0.10', '10.77.0.11']);
      expect((await run(handover('n1', parts))).told.join()).not.toContain('control plane');
      // But it shall not go there either.
      expect(wish(cluster)).toBe('n1');
    });
  });

  it('marks a node whose agent is dead, so that nothing comes back to it', async () => {
    const { run, parts, draining } = setup({
      leases: [presence('n1', '2020-01-01T00:00:00.000000Z'), agent('n2'), agent('n3')],
    });
    expect((await run(handover('n1', parts))).outcome).toMatchObject({ draining: true });
    expect(draining()).toBeDefined();
  });
});
