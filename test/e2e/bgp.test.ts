/** Addresses by BGP, seen from the router and from beyond it: kube-vip's own scenarios by name, and what they leave out. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn, startAgent, stopAgent } from '../../src/lab/faults.ts';
import { nodeAddresses } from '../../src/lab/layout.ts';
import { bgpLab, BGP_ENV, NODES, ROUTED, type BgpLab } from '../support/bgp-lab.ts';
import { EXCLUDE_LABEL } from '../../src/model/annotations.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

let lab: TestLab;
let bgp: BgpLab;

beforeAll(async () => {
  lab = await startLab({
    dhcp: { enabled: false },
    upnp: { igd: false, natPmp: false, pcp: false },
    agentEnv: { ...BGP_ENV, honor_exclude_label: 'true' },
  });
  bgp = await bgpLab(lab);
  await lab.pools({ 'cidr-global': `${ROUTED.pool},${ROUTED.pool6}` });
  await lab.deployment('web', 3);
  await lab.running(3);
}, 180_000);
afterAll(async () => {
  await (bgp as BgpLab | undefined)?.kill();
  await lab[Symbol.asyncDispose]();
});

async function expose(name: string, spec: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await lab.cluster.resource('Service').create({
    metadata: { name, namespace: 'default' },
    spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 80 }], ...spec },
  });
}

async function addressesOf(name: string): Promise<string[]> {
  const service = await eventually(
    () => lab.cluster.resource('Service').get({ name, namespace: 'default' }),
    ({ status }) => (status?.loadBalancer?.ingress ?? []).length > 0,
  );
  return (service.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '');
}

const remove = (name: string): Promise<void> => lab.cluster.resource('Service').delete({ name, namespace: 'default' });
const prefixOf = (ip: string): string => (ip.includes(':') ? `${ip}/128` : `${ip}/32`);
const url = (ip: string): string => `http://${ip.includes(':') ? `[${ip}]` : ip}/`;
const served = async (ip: string, from = 'internet'): Promise<string | undefined> =>
  eventually(() => lab.curl(from, url(ip)), Boolean, 20);

describe('Services by BGP', () => {
  it('configures an IPv4 VIP address for service: from every node, and served beyond the router', async () => {
    await expose('web');
    const [ip = ''] = await addressesOf('web');
    expect(await bgp.untilVia(prefixOf(ip), NODES)).toEqual([...NODES]);
    expect(await bgp.forwardsTo(ip)).toEqual([...NODES]);
    expect(await served(ip)).toContain('web');
    expect(await bgp.routeFrom('n1', prefixOf(ip))).toMatchObject({ nextHop: nodeAddresses('n1').lan, path: '65000' });
  });

  it('does no ARP for it', async () => {
    const [ip = ''] = await addressesOf('web');
    const { stdout } = await lab.on('laptop', 'arping', '-c', '2', '-w', '2', '-I', 'eth0', ip);
    expect(stdout).toMatch(/Received 0 response/);
    const onLan = await lab.on('n1', 'ip', '-o', 'addr', 'show', 'dev', 'eth0');
    expect(onLan.stdout).not.toContain(ip);
  });

  it('stops advertising route when the service is deleted, and leaves nothing on any node', async () => {
    const [ip = ''] = await addressesOf('web');
    await remove('web');
    expect(await bgp.untilVia(prefixOf(ip), [])).toEqual([]);
    for (const node of NODES) {
      const text = await eventually(
        async () => (await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'lo')).stdout,
        (found) => !found.includes(ip),
      );
      expect(text).not.toContain(ip);
    }
  });

  it('configures a DualStack VIP address for service: v6 over a v4 session', async () => {
    await expose('dual', { ipFamilyPolicy: 'RequireDualStack' });
    const ips = await addressesOf('dual');
    expect(ips).toHaveLength(2);
    for (const ip of ips) {
      expect(await bgp.untilVia(prefixOf(ip), NODES)).toEqual([...NODES]);
      expect(await served(ip)).toContain('web');
    }
    await remove('dual');
  });

  it('only stops advertising route if it was referenced by multiple services and all of them were deleted', async () => {
    const shared = { 'kube-vip.io/loadbalancerIPs': '10.90.0.9' };
    for (const [name, port] of [
      ['one', 80],
      ['two', 8080],
    ] as const) {
      await lab.cluster.resource('Service').create({
        metadata: { name, namespace: 'default', annotations: shared },
        spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port, targetPort: 80 }] },
      });
      await addressesOf(name);
    }
    expect(await bgp.untilVia('10.90.0.9/32', NODES)).toEqual([...NODES]);
    await remove('one');
    expect(await eventually(() => lab.curl('internet', 'http://10.90.0.9:8080/'), Boolean, 10)).toContain('web');
    expect(await bgp.nextHops('10.90.0.9/32')).toEqual([...NODES]);
    await remove('two');
    expect(await bgp.untilVia('10.90.0.9/32', [])).toEqual([]);
  });

  it('by policy Local only from nodes with a ready endpoint', async () => {
    const pods = await lab.cluster.resource('Pod').list();
    await expose('local', { externalTrafficPolicy: 'Local' });
    const [ip = ''] = await addressesOf('local');
    const nodes = [...new Set(pods.items.map(({ spec }) => (spec as { nodeName?: string }).nodeName ?? ''))].sort();
    expect(await bgp.untilVia(prefixOf(ip), nodes)).toEqual(nodes);
    const scale = (replicas: number) =>
      lab.cluster
        .resource('Deployment')
        .patch({ name: 'web', namespace: 'default' }, { spec: { replicas } }, { type: 'merge' });
    await scale(1);
    await lab.running(1);
    const [left] = (await lab.cluster.resource('Pod').list()).items;
    const only = (left?.spec as { nodeName?: string }).nodeName ?? '';
    expect(await bgp.untilVia(prefixOf(ip), [only])).toEqual([only]);
    await scale(3);
    await lab.running(3);
    expect(await bgp.untilVia(prefixOf(ip), nodes)).toEqual(nodes);
    await remove('local');
  });
});

describe('a node that goes', () => {
  let ip = '';
  beforeAll(async () => {
    await expose('lasting');
    [ip = ''] = await addressesOf('lasting');
    expect(await bgp.untilVia(prefixOf(ip), NODES)).toEqual([...NODES]);
  });

  /** Communities of the route from that node, once there are some or it has gone. */
  async function farewellOf(node: string): Promise<readonly string[] | undefined> {
    const route = await eventually(
      () => bgp.routeFrom(node, prefixOf(ip)),
      (found) => found === undefined || found.communities.length > 0,
      10,
    );
    return route?.communities;
  }

  it('by a stop is left by the router before its routes go (GRACEFUL_SHUTDOWN)', async () => {
    const stopping = stopAgent(lab.id, 'n1');
    expect(await farewellOf('n1')).toEqual(['graceful-shutdown']);
    await stopping;
    expect(await bgp.untilVia(prefixOf(ip), ['n2', 'n3'])).toEqual(['n2', 'n3']);
    expect((await lab.on('n1', 'ip', '-o', 'addr', 'show', 'dev', 'lo')).stdout).not.toContain(ip);
    await startAgent(lab.id, 'n1');
    expect(await bgp.untilVia(prefixOf(ip), NODES)).toEqual([...NODES]);
  });

  it.each(NODES)('by kubevip handover is left likewise, for as long as that is wished: %s', async (node) => {
    const handover = lab.kubevip('handover', node);
    expect(await farewellOf(node)).toEqual(['graceful-shutdown']);
    const { code, stderr } = await handover;
    expect(code, stderr).toBe(0);
    const others = NODES.filter((other) => other !== node);
    expect(await bgp.untilVia(prefixOf(ip), others)).toEqual(others);
    const text = await eventually(
      async () => (await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'lo')).stdout,
      (found) => !found.includes(ip),
    );
    expect(text).not.toContain(ip);
    expect(await served(ip)).toContain('web');
    expect((await lab.kubevip('handover', node, '--undo')).code).toBe(0);
    expect(await bgp.untilVia(prefixOf(ip), NODES)).toEqual([...NODES]);
  });

  it('by the label that excludes it is left likewise', async () => {
    const label = (value: string | null): Promise<unknown> =>
      lab.cluster
        .resource('Node')
        .patch({ name: 'n2' }, { metadata: { labels: { [EXCLUDE_LABEL]: value } } }, { type: 'merge' });
    await label('');
    expect(await farewellOf('n2')).toEqual(['graceful-shutdown']);
    expect(await bgp.untilVia(prefixOf(ip), ['n1', 'n3'])).toEqual(['n1', 'n3']);
    await label(null);
    expect(await bgp.untilVia(prefixOf(ip), NODES)).toEqual([...NODES]);
  });

  it('and comes back after a crash keeps its routes meanwhile, and serves on (graceful restart)', async () => {
    await stopAgent(lab.id, 'n2', { kill: true });
    const stale = await eventually(
      () => bgp.routeFrom('n2', prefixOf(ip)),
      (route) => route === undefined || route.stale,
      10,
    );
    expect(stale?.stale).toBe(true);
    expect(await served(ip)).toContain('web');
    expect((await lab.on('n2', 'ip', '-o', 'addr', 'show', 'dev', 'lo')).stdout).toContain(ip);
    await startAgent(lab.id, 'n2');
    const fresh = await eventually(
      () => bgp.routeFrom('n2', prefixOf(ip)),
      (route) => route?.stale === false,
      20,
    );
    expect(fresh?.stale).toBe(false);
    expect(await bgp.untilVia(prefixOf(ip), NODES)).toEqual([...NODES]);
  });

  it('without power is out of the routes by the hold time, and in them again', async () => {
    await powerOff(lab.id, 'n3');
    expect(await bgp.untilVia(prefixOf(ip), ['n1', 'n2'])).toEqual(['n1', 'n2']);
    expect(await served(ip)).toContain('web');
    await powerOn(lab.id, 'n3');
    expect(await bgp.untilVia(prefixOf(ip), NODES, 60)).toEqual([...NODES]);
  });
});

describe('what is configured', () => {
  it('says each line that is wrong, which and what to do, and goes on with the others', async () => {
    await lab.cluster.resource('ConfigMap').create({
      metadata: { name: 'kubevip-bgp', namespace: 'kube-system' },
      data: {
        'peer-wrong-as': 'address=10.77.0.51 as=none',
        'peer-unknown': 'address=10.77.0.52 as=65001 colour=red',
        'peer-no-password': 'address=10.77.0.53 as=65001 password=tor',
        'peer-twice': 'address=10.77.0.1 as=65001',
        'peer-unreachable': 'address=10.77.0.54 as=65001',
        'pool-cidr-global': 'communities=65000:100,no-export',
      },
    });
    const report = await eventually(
      async () => (await lab.kubevip('status', '-A')).stdout,
      (text) => /peer-twice/.test(text) && /10\.77\.0\.54.*(no answer|unreach|no route)/i.test(text),
      40,
    );
    expect(report).toMatch(/peer-wrong-as: as "none" is not a number/);
    expect(report).toMatch(/peer-unknown: unknown option "colour": there are address/);
    expect(report).toMatch(/peer-no-password: its password is missing: Secret kubevip-bgp has no tor/);
    expect(report).toMatch(/peer-twice: 10\.77\.0\.1 is a peer already, by bgp_peers, entry 1/);
    for (const node of NODES) expect(await bgp.established(node)).toBe(true);
    const events = (await lab.cluster.resource('Event').list({ namespace: 'kube-system' })).items;
    expect(events.some(({ reason, note }) => reason === 'BgpPeerInvalid' && /peer-unknown/.test(note ?? ''))).toBe(
      true,
    );
  });

  it('communities of a pool are on its routes', async () => {
    const [ip = ''] = await addressesOf('lasting');
    const route = await eventually(
      () => bgp.routeFrom('n1', prefixOf(ip)),
      (found) => (found?.communities.length ?? 0) > 1,
    );
    expect(route?.communities).toEqual(['65000:100', 'no-export']);
  });
});
