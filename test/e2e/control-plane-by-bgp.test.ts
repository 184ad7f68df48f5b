/** The control-plane VIP by BGP, seen from the router and from beyond it: kube-vip's own scenarios, and what they leave out. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn } from '../../src/lab/faults.ts';
import { LAN, LAN6, netnsOf, nodeAddresses } from '../../src/lab/layout.ts';
import { configure, createCable } from '../../src/lab/netns.ts';
import { bgpLab, BGP_ENV, NODES, OUR_AS, ROUTED, ROUTER_AS, type BgpLab } from '../support/bgp-lab.ts';
import { controlPlaneLab, type ControlPlaneLab } from '../support/control-plane-lab.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

const V4 = '10.90.0.14';
const V6 = 'fd90::e';
const PEER4 = `${LAN.router}:${ROUTER_AS}`;
const PEER6 = `[${LAN6.router}]:${ROUTER_AS}`;
const DUAL = { ...BGP_ENV, address: `${V4},${V6}` };

let lab: TestLab;
let planes: ControlPlaneLab;
let bgp: BgpLab;

beforeAll(async () => {
  lab = await startLab({ agents: false, dhcp: { enabled: false }, upnp: { igd: false, natPmp: false, pcp: false } });
  planes = await controlPlaneLab(lab);
  bgp = await bgpLab(lab, {}, { six: true });
  await onAll((node) => planes.api(node, true));
}, 180_000);
afterAll(async () => {
  await (bgp as BgpLab | undefined)?.kill();
  await (planes as ControlPlaneLab | undefined)?.[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

const onAll = (work: (node: string) => Promise<unknown>): Promise<unknown> => Promise.all(NODES.map(work));
const but = (node: string): string[] => NODES.filter((other) => other !== node);
const prefixOf = (ip: string): string => (ip.includes(':') ? `${ip}/128` : `${ip}/32`);
const onLoopback = async (node: string): Promise<string> =>
  (await lab.on(node, 'ip', '-o', 'addr', 'show', 'dev', 'lo')).stdout;

/** Until the router has a route to each address by just these nodes. */
async function announced(ips: readonly string[], nodes: readonly string[], seconds?: number): Promise<void> {
  for (const ip of ips) expect(await bgp.untilVia(prefixOf(ip), nodes, seconds), ip).toEqual(nodes);
}

/** Whether an API server answers at each address, from beyond the router. */
async function served(ips: readonly string[]): Promise<void> {
  for (const ip of ips) {
    const url = `https://${ip.includes(':') ? `[${ip}]` : ip}:6443/livez`;
    const args = ['-sk', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '2', url];
    const status = await eventually(
      async () => (await lab.on('internet', 'curl', ...args)).stdout,
      (code) => code === '200',
      20,
    );
    expect(status, ip).toBe('200');
  }
}

/** Communities of the route from that node, once there are some or it has gone. */
async function farewellOf(node: string, ip: string): Promise<readonly string[] | undefined> {
  const route = await eventually(
    () => bgp.routeFrom(node, prefixOf(ip)),
    (found) => found === undefined || found.communities.length > 0,
    10,
  );
  return route?.communities;
}

/** No address, no rule of ours, no route in the router. */
async function nothingLeft(ips: readonly string[]): Promise<void> {
  await announced(ips, []);
  for (const node of NODES) {
    const text = await onLoopback(node);
    for (const ip of ips) expect(text, node).not.toContain(` ${ip}/`);
    expect(await planes.hasTables(node), node).toBe(false);
  }
}

describe.each([
  ['IPv4', [V4], PEER4],
  ['IPv6', [V6], PEER6],
  ['IPv6 over a session of IPv4', [V6], PEER4],
  ['IPv4 over a session of IPv6', [V4], PEER6],
  ['DualStack', [V4, V6], PEER4],
  ['DualStack over a session of IPv6', [V6, V4], PEER6],
])('the control plane, %s', (_how, vips, peer) => {
  const env = { ...BGP_ENV, bgp_peers: peer, address: vips.join() };
  const [first = ''] = vips;

  it('should add paths: announces BGP routes for all nodes', async () => {
    await onAll((node) => planes.start(node, env));
    await announced(vips, NODES);
    for (const vip of vips) {
      const spread = await eventually(
        () => bgp.forwardsTo(vip),
        (nodes) => nodes.length === NODES.length,
      );
      expect(spread, vip).toEqual([...NODES]);
    }
    await served(vips);
    for (const node of NODES) expect(await lab.curl(node, 'http://127.0.0.1:2113/readyz'), node).toBe('ok\n');
  });

  it('withdraws and re-announces the BGP route when the API server of a node fails', async () => {
    await planes.api('n1', false);
    await announced(vips, ['n2', 'n3']);
    const text = await eventually(
      () => onLoopback('n1'),
      (found) => vips.every((vip) => !found.includes(` ${vip}/`)),
    );
    for (const vip of vips) expect(text).not.toContain(` ${vip}/`);
    await served(vips);
    await planes.api('n1', true);
    await announced(vips, NODES);
  });

  it('exits gracefully: routers are told before (GRACEFUL_SHUTDOWN), and nothing is left', async () => {
    const stopping = planes.stop('n1');
    expect(await farewellOf('n1', first)).toEqual(['graceful-shutdown']);
    await stopping;
    await announced(vips, ['n2', 'n3']);
    await served(vips);
    await onAll((node) => planes.stop(node));
    await nothingLeft(vips);
  });
});

describe('a control plane that goes', () => {
  const vips = [V4, V6];
  beforeAll(async () => {
    await onAll((node) => planes.start(node, DUAL));
    await announced(vips, NODES);
  });
  afterAll(async () => {
    await onAll((node) => planes.stop(node));
    await nothingLeft(vips);
  });

  it('without power is out of the routes by the hold time, and in them again', async () => {
    await powerOff(lab.id, 'n3');
    await announced(vips, ['n1', 'n2']);
    await served(vips);
    await powerOn(lab.id, 'n3');
    await planes.api('n3', true);
    await planes.start('n3', DUAL);
    await announced(vips, NODES, 60);
  });

  it('by a crash of its agent keeps its routes until the agent is back (graceful restart)', async () => {
    await planes.stop('n2', 'kill');
    const stale = await eventually(
      () => bgp.routeFrom('n2', prefixOf(V4)),
      (route) => route === undefined || route.stale,
      10,
    );
    expect(stale?.stale).toBe(true);
    await served(vips);
    await planes.start('n2', DUAL);
    const fresh = await eventually(
      () => bgp.routeFrom('n2', prefixOf(V4)),
      (route) => route?.stale === false,
    );
    expect(fresh?.stale).toBe(false);
  });

  it('by kubevip handover is left with notice, and comes back with --undo', async () => {
    const handover = lab.kubevip('handover', 'n1');
    expect(await farewellOf('n1', V4)).toEqual(['graceful-shutdown']);
    const { code, stderr } = await handover;
    expect(code, stderr).toBe(0);
    await announced(vips, but('n1'));
    await served(vips);
    // The others leave it the only one that serves.
    await Promise.all(but('n1').map((node) => planes.api(node, false)));
    await announced(vips, ['n1']);
    await Promise.all(but('n1').map((node) => planes.api(node, true)));
    await announced(vips, but('n1'));
    expect((await lab.kubevip('handover', 'n1', '--undo')).code).toBe(0);
    await announced(vips, NODES);
  });

  it('with all others stays announced: by nobody would be no better', async () => {
    await onAll((node) => planes.api(node, false));
    await delay(8000);
    const left = await bgp.nextHops(prefixOf(V4));
    expect(left.length).toBeGreaterThan(0);
    await onAll((node) => planes.api(node, true));
    await announced(vips, NODES);
    await served(vips);
  });
});

describe.each([
  ['CP and Services', {}, 3, 3],
  ['CP without election, Services with', { svc_election: 'true' }, 3, 1],
  ['both with election', { vip_leaderelection: 'true' }, 1, 1],
])('%s', (_how, election, ofVip, ofService) => {
  const env = { ...DUAL, ...election, svc_enable: 'true' };
  const service = '10.90.0.3';
  const count = async (ip: string, nodes: number): Promise<string[]> => {
    const found = await eventually(
      () => bgp.nextHops(prefixOf(ip)),
      (all) => all.length === nodes,
    );
    expect(found, ip).toHaveLength(nodes);
    return found;
  };

  it('are announced in one session, go on without the node that leaves, and exit gracefully', async () => {
    if ((await lab.cluster.resource('Deployment').find({ name: 'web', namespace: 'default' })) === undefined) {
      await lab.pools({ 'cidr-global': ROUTED.pool });
      await lab.deployment('web', 3);
      await lab.running(3);
    }
    await onAll((node) => planes.start(node, env));
    await lab.cluster.resource('Service').create({
      metadata: { name: 'web', namespace: 'default', annotations: { 'kube-vip.io/loadbalancerIPs': service } },
      spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 80 }] },
    });
    const [node = ''] = await count(V4, ofVip);
    await count(V6, ofVip);
    await count(service, ofService);
    await served([V4, V6]);
    expect(await eventually(() => lab.curl('internet', `http://${service}/`), Boolean, 20)).toContain('web');
    await planes.stop(node);
    expect(await count(V4, ofVip === 1 ? 1 : 2)).not.toContain(node);
    expect(await count(service, ofService === 1 ? 1 : 2)).not.toContain(node);
    await served([V4, V6]);
    await onAll((each) => planes.stop(each));
    await nothingLeft([V4, V6, service]);
    for (const each of NODES) {
      const { stdout } = await lab.on(each, 'nft', 'list', 'tables');
      expect(stdout, each).not.toContain('kubevip');
    }
    // No agent runs that would take its finalizer away.
    await planes.start('n1', env);
    await lab.cluster.resource('Service').delete({ name: 'web', namespace: 'default' });
    const gone = await eventually(
      async () => (await lab.cluster.resource('Service').find({ name: 'web', namespace: 'default' })) === undefined,
      Boolean,
    );
    expect(gone).toBe(true);
    await planes.stop('n1');
    await nothingLeft([V4, V6, service]);
  });
});

describe('peers', () => {
  it('advertise IPv4 routes even if MP-BGP is misconfigured', async () => {
    // Without bgp_sourceip there is no next hop for IPv6.
    await onAll((node) => planes.start(node, { ...DUAL, mpbgp_nexthop: 'auto_sourceip' }));
    await announced([V4], NODES);
    expect(await bgp.nextHops(prefixOf(V6))).toEqual([]);
    await served([V4]);
    await onAll((node) => planes.stop(node));
    await nothingLeft([V4, V6]);
  });

  it('come from BGP configuration via node annotations, and go with it', async () => {
    const prefix = 'test.kube-vip.io';
    const annotate = (node: string, on: boolean): Promise<unknown> => {
      const values = {
        'node-asn': OUR_AS,
        'src-ip': nodeAddresses(node).lan,
        'peer-asn': ROUTER_AS,
        'peer-ip': LAN.router,
      };
      const annotations = Object.fromEntries(
        Object.entries(values).map(([key, value]) => [`${prefix}/${key}`, on ? String(value) : null]),
      );
      return lab.cluster.resource('Node').patch({ name: node }, { metadata: { annotations } }, { type: 'merge' });
    };
    await onAll((node) => planes.start(node, { ...DUAL, bgp_peers: '', annotation: prefix }));
    await onAll((node) => annotate(node, true));
    await announced([V4, V6], NODES);
    await annotate('n2', false);
    await announced([V4, V6], but('n2'));
    await onAll((node) => planes.stop(node));
    await onAll((node) => annotate(node, false));
    await nothingLeft([V4, V6]);
  });
});

/** Each node has a cable of its own to the router, which knows its neighbours by these alone. */
describe('unnumbered peers', () => {
  const vips = [V4, V6];
  const UPLINK = 'uplink';
  beforeAll(async () => {
    await bgp.kill();
    const router = netnsOf(lab.paths, 'router');
    for (const node of NODES) {
      const netns = netnsOf(lab.paths, node);
      await createCable({ netns: router, name: `to-${node}` }, { netns, name: UPLINK });
      await configure(router, [`link set to-${node} up`]);
      await configure(netns, [`link set ${UPLINK} up`]);
    }
    bgp = await bgpLab(lab, Object.fromEntries(NODES.map((node) => [node, { link: `to-${node}` }])));
  });

  it('are found by the interface from either side; exits gracefully when unnumbered BGP peers are configured', async () => {
    await onAll((node) => planes.start(node, { ...DUAL, bgp_peers: `unnumbered:${UPLINK}:${ROUTER_AS}` }));
    await announced(vips, NODES);
    for (const vip of vips) {
      const ways = await eventually(
        () => bgp.forwardsTo(vip),
        (nodes) => nodes.length === NODES.length,
      );
      expect(ways, vip).toEqual([...NODES]);
    }
    await served(vips);
    const route = await bgp.routeFrom('n1', prefixOf(V4));
    expect(route?.nextHop).toMatch(/^fe80:/);
    const stopping = planes.stop('n1');
    expect(await farewellOf('n1', V4)).toEqual(['graceful-shutdown']);
    await stopping;
    await announced(vips, but('n1'));
    await served(vips);
    await onAll((node) => planes.stop(node));
    await nothingLeft(vips);
  });
});
