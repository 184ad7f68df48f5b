/** Routing-table mode with real agents: kube-vip's own list of scenarios, by name. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent, stopAgent } from '../../src/lab/faults.ts';
import { labUp } from '../../src/lab/lab.ts';
import type { LabOptionsInput } from '../../src/lab/options.ts';
import { KEY } from '../../src/model/annotations.ts';
import { controlPlaneLab, NODES, VIPS, type ControlPlaneLab } from '../support/control-plane-lab.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const OPTIONS: LabOptionsInput = {
  dhcp: { enabled: false },
  upnp: { igd: false, natPmp: false, pcp: false },
};
const TABLE = { vip_arp: 'false', vip_routingtable: 'true' };
const FAMILIES = [
  ['IPv4', ['10.77.0.210'], [VIPS[0]]],
  ['IPv6', ['2001:db8:77::210'], [VIPS[1]]],
  ['DualStack - IPv4 primary', ['10.77.0.210', '2001:db8:77::210'], [VIPS[0], VIPS[1]]],
  ['DualStack - IPv6 primary', ['2001:db8:77::210', '10.77.0.210'], [VIPS[1], VIPS[0]]],
] as const;

let lab: TestLab;
let planes: ControlPlaneLab;

beforeAll(async () => {
  lab = await startLab({ ...OPTIONS, agents: false });
  planes = await controlPlaneLab(lab);
  await Promise.all(NODES.map((node) => planes.api(node, true)));
  await lab.deployment('web', 3);
  await lab.running(3);
}, 180_000);
afterAll(async () => {
  await planes[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

/** Destinations in the table of a node. */
async function routes(node: string): Promise<string[]> {
  const both = await Promise.all(
    ['-4', '-6'].map((family) => lab.on(node, 'ip', family, 'route', 'show', 'table', '198', 'proto', '248')),
  );
  return both.flatMap(({ stdout }) => [...stdout.matchAll(/^(\S+) dev lo/gm)].map(([, ip = '']) => ip)).sort();
}
const addresses = async (node: string): Promise<string> =>
  (await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'lo')).stdout;
/** Until the nodes that have routes to just these addresses are so many. */
async function held(ips: readonly string[], count: number): Promise<string[]> {
  const wanted = ips.toSorted().join();
  const holders = async (): Promise<string[]> => {
    const all = await Promise.all(NODES.map(async (node) => [node, (await routes(node)).join()] as const));
    return all.filter(([, text]) => text === wanted).map(([node]) => node);
  };
  const found = await eventually(holders, (nodes) => nodes.length === count);
  expect(found, `${wanted || 'nothing'}, of ${JSON.stringify(await Promise.all(NODES.map(routes)))}`).toHaveLength(
    count,
  );
  for (const node of found) for (const ip of ips) expect(await addresses(node)).toContain(` ${ip}/`);
  return found;
}
const nowhere = (): Promise<string[]> => held([], NODES.length);
const onAll = (work: (node: string) => Promise<unknown>): Promise<unknown> => Promise.all(NODES.map(work));

describe.each(FAMILIES)('the control plane, %s', (_family, _services, vips) => {
  const env = { ...TABLE, address: vips.join() };

  it('setups address and route on control-plane node', async () => {
    await onAll((node) => planes.start(node, env));
    await held(vips, 3);
    for (const node of NODES) expect(await lab.curl(node, `http://127.0.0.1:2113/readyz`)).toBe('ok\n');
  });

  it('withdraws and re-adds the VIP and route when the apiserver health check fails', async () => {
    await planes.api('n1', false);
    expect(await held(vips, 2)).toEqual(['n2', 'n3']);
    for (const vip of vips) expect(await addresses('n1')).not.toContain(` ${vip}/`);
    await planes.api('n1', true);
    await held(vips, 3);
  });

  it('exits gracefully when only control plane', async () => {
    await onAll((node) => planes.stop(node));
    await nowhere();
    for (const node of NODES) expect(await addresses(node)).not.toContain(` ${vips[0]}/`);
  });
});

describe('the control plane with election', () => {
  it('has its route at one node, which moves', async () => {
    const env = { ...TABLE, vip_leaderelection: 'true' };
    await onAll((node) => planes.start(node, env));
    const [before = ''] = await held(VIPS, 1);
    await planes.stop(before);
    expect(await held(VIPS, 1)).not.toContain(before);
    await onAll((node) => planes.stop(node));
    await nowhere();
  });
});

async function serve(
  name: string,
  ips: readonly string[],
  port: number,
  over: Readonly<Record<string, string>> = {},
): Promise<void> {
  const families = ips.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4'));
  await lab.cluster.resource('Service').create({
    metadata: { name, namespace: 'default', annotations: { [KEY.loadBalancerIPs]: ips.join(), ...over } },
    spec: {
      type: 'LoadBalancer',
      selector: { app: 'web' },
      ipFamilies: families,
      ipFamilyPolicy: ips.length > 1 ? 'RequireDualStack' : 'SingleStack',
      ports: [{ port, targetPort: 80 }],
    },
  });
}
const remove = (name: string): Promise<unknown> =>
  lab.cluster.resource('Service').delete({ name, namespace: 'default' });
const scale = (replicas: number): Promise<unknown> =>
  lab.cluster
    .resource('Deployment')
    .patch({ name: 'web', namespace: 'default' }, { spec: { replicas } }, { type: 'merge' });
const policy = (name: string, externalTrafficPolicy: 'Local' | 'Cluster'): Promise<unknown> =>
  lab.cluster
    .resource('Service')
    .patch({ name, namespace: 'default' }, { spec: { externalTrafficPolicy } }, { type: 'merge' });

describe.each([
  ['no election', {}, 3],
  ['mixed election', { per_service_election_on_demand: 'true', vip_leaderelection: 'true' }, 1],
  ['services election', { svc_election: 'true' }, 1],
  ['global election', { vip_leaderelection: 'true' }, 1],
])('Services with %s', (mode, env, count) => {
  beforeAll(async () => {
    await labUp(lab.id, { ...OPTIONS, agentEnv: { ...TABLE, ...env } });
  }, 120_000);

  it.each(FAMILIES)('configures %s routes for services', async (_family, ips) => {
    await serve('one', ips, 80);
    await held(ips, count);
    await remove('one');
    await nowhere();
  });

  it.each([
    ['', {}],
    [' if common lease is used', { 'kube-vip.io/leaseName': 'common' }],
  ])(
    'only removes route if it was referenced by multiple services and all of them were deleted%s',
    async (_how, annotations) => {
      const ips = FAMILIES[2][1];
      await serve('one', ips, 80, annotations);
      await serve('two', ips, 81, annotations);
      await held(ips, count);
      await remove('one');
      await eventually(
        async () => lab.cluster.resource('Service').find({ name: 'one', namespace: 'default' }),
        (one) => !one,
      );
      await held(ips, count);
      await remove('two');
      await nowhere();
    },
  );

  it('removes route if all endpoint were deleted, and re-adds when endpoints are created', async () => {
    const ips = FAMILIES[0][1];
    await serve('one', ips, 80);
    await policy('one', 'Local');
    await held(ips, count);
    await scale(0);
    await nowhere();
    await scale(3);
    await held(ips, count);
    await policy('one', 'Cluster');
    await held(ips, count);
    await remove('one');
    await nowhere();
  });

  it('removes routes from a node that is handed over, until that is undone', async () => {
    const ips = FAMILIES[2][1];
    await serve('one', ips, 80);
    const [node = ''] = await held(ips, count);
    const handover = await lab.kubevip('handover', node);
    expect(handover.code, handover.stderr).toBe(0);
    expect(await held(ips, Math.max(count - 1, 1))).not.toContain(node);
    const text = await eventually(
      () => addresses(node),
      (found) => !found.includes('210/'),
    );
    expect(text).not.toContain('210/');
    expect((await lab.kubevip('handover', node, '--undo')).code).toBe(0);
    await held(ips, count);
    await remove('one');
    await nowhere();
  });

  it(`exits gracefully when only services, ${mode}`, async () => {
    await serve('one', FAMILIES[2][1], 80);
    await held(FAMILIES[2][1], count);
    await onAll((node) => stopAgent(lab.id, node));
    await nowhere();
    for (const node of NODES) expect(await addresses(node)).not.toContain('210/');
    // Who is deleted while no agent runs waits for one.
    await onAll((node) => startAgent(lab.id, node));
    await held(FAMILIES[2][1], count);
    await remove('one');
    await nowhere();
  });
});
