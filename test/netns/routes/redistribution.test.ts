/**
 * Two nodes whose BIRD reads our routing table and tells an FRR of a router by BGP, as users have it, and a host that
 * reaches the addresses by that router alone.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRouteTable, DEFAULT_ROUTES } from '../../../src/linux/route-table.ts';
import { ownRoutes, removeOwnRoutes } from '../../../src/linux/own-traces.ts';
import { ip } from '../../../src/model/ip.ts';
import { stopProcess } from '../../../src/lab/process.ts';
import { createFrr } from '../../support/bgp/frr.ts';
import type { BgpRouter } from '../../support/bgp/router.ts';
import { createLan, eventually, type HostDaemon, type Lan } from '../../support/netns.ts';

const VIPS = ['10.99.0.10', '2001:db8:99::10'] as const;
const OTHER = '10.99.0.11';
const NODES = ['n1', 'n2'] as const;
type Node = (typeof NODES)[number];
const AS = 65_001;
const v6 = (i: number): string => `2001:db8:77::${11 + i}`;
const NEIGHBORS = NODES.flatMap((node, i) => [
  { name: node, ip: `10.77.0.${11 + i}`, as: AS },
  { name: `${node}six`, ip: v6(i), as: AS },
]);
const SERVER = `require('node:http').createServer((q, r) => r.end(process.argv[1])).listen(80, '::', () => console.log('ready'))`;

let lan: Lan<Node | 'router' | 'far'>;
let router: BgpRouter;
const running = new Map<Node, HostDaemon>();

/** A static route of the node's BIRD: only what its operator filters by, kube-vip's protocol. */
const birdConfig = (i: number): string => `router id 10.77.0.${11 + i};
protocol device {}
filter of_kubevip { if krt_source = 248 then accept; reject; }
protocol kernel k4 { kernel table 198; learn yes; scan time 1; ipv4 { import filter of_kubevip; export none; }; }
protocol kernel k6 { kernel table 198; learn yes; scan time 1; ipv6 { import filter of_kubevip; export none; }; }
protocol bgp b4 { local 10.77.0.${11 + i} as ${AS}; neighbor 10.77.0.13 as 65000; connect retry time 1; ipv4 { import none; export all; next hop self; }; }
protocol bgp b6 { local ${v6(i)} as ${AS}; neighbor ${v6(2)} as 65000; connect retry time 1; ipv6 { import none; export all; next hop self; }; }
`;

async function start(node: Node, vips: readonly string[], ...more: string[]): Promise<HostDaemon> {
  const argv = [
    process.execPath,
    join(import.meta.dirname, '../../support/routed-node.ts'),
    'lo',
    vips.join(),
    ...more,
  ];
  const daemon = lan.hosts[node].daemon(argv);
  running.set(node, daemon);
  await eventually(`the addresses on ${node}: ${daemon.log()}`, () => daemon.log().includes('here'));
  return daemon;
}
/** With the time that a hand-over takes. */
const stop = (daemon: HostDaemon): Promise<unknown> => stopProcess(daemon.id, { graceMs: 10_000 });
/** What the router has from a node. */
const known = async (node: Node): Promise<string[]> => {
  const all = await Promise.all(
    NEIGHBORS.filter(({ name }) => name.startsWith(node)).map(async (one) => [...(await router.routes(one)).keys()]),
  );
  return all.flat().sort();
};
const knows = async (node: Node, ...vips: string[]): Promise<unknown> => {
  const wanted = vips.map((vip) => `${vip}/${vip.includes(':') ? 128 : 32}`).sort();
  return await eventually(`${wanted.join()} of ${node}`, async () => (await known(node)).join() === wanted.join());
};
const table = async (node: Node): Promise<string> => {
  const both = await Promise.all(
    ['-4', '-6'].map((f) => lan.hosts[node].must(['ip', f, 'route', 'show', 'table', 'all', 'proto', '248'])),
  );
  return both.join('');
};
const fetchAt = async (vip: string): Promise<string> => {
  const url = `http://${vip.includes(':') ? `[${vip}]` : vip}/`;
  return (await lan.hosts.far.run(['curl', '-s', '--max-time', '2', url])).stdout;
};

beforeAll(async () => {
  lan = await createLan({ nodes: [...NODES, 'router', 'far'] });
  for (const [i, name] of ([...NODES, 'router', 'far'] as const).entries()) {
    const host = lan.hosts[name];
    await host.ip8('link set lo up', `addr add ${v6(i)}/64 dev eth0 nodad`);
    await host.must(['sysctl', '-qw', 'net.ipv4.conf.all.send_redirects=0', 'net.ipv4.conf.eth0.send_redirects=0']);
  }
  await lan.hosts.router.must(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  await lan.hosts.far.ip8(
    'route add 10.99.0.0/24 via 10.77.0.13',
    `-6 route add 2001:db8:99::/64 via ${v6(2)}`.replace('-6 ', ''),
  );
  router = createFrr({
    host: lan.hosts.router,
    dir: lan.dir,
    as: 65_000,
    ip: '10.77.0.13',
    ip6: v6(2),
    port: 179,
    neighbors: NEIGHBORS,
  });
  await router.start();
  for (const [i, node] of NODES.entries()) {
    const host = lan.hosts[node];
    writeFileSync(join(lan.dir, `${node}.conf`), birdConfig(i));
    const files = [
      '-c',
      join(lan.dir, `${node}.conf`),
      '-s',
      join(lan.dir, `${node}.ctl`),
      '-P',
      join(lan.dir, `${node}.pid`),
    ];
    host.daemon(['bird', '-f', ...files]);
    const server = host.daemon([process.execPath, '-e', SERVER, node]);
    await eventually('a server', () => server.log().includes('ready'));
  }
  await eventually(
    'all sessions',
    async () => (await Promise.all(NEIGHBORS.map((one) => router.established(one)))).every(Boolean),
    60_000,
  );
});
afterAll(() => lan.dispose());
afterEach(async () => {
  await Promise.all([...running.values()].map(stop));
  running.clear();
  for (const node of NODES) expect(await table(node)).toBe('');
});

describe('addresses in the routing table', () => {
  it('are known to the router from every node that has them, and reached through it, in both families', async () => {
    await Promise.all(NODES.map((node) => start(node, VIPS)));
    for (const node of NODES) {
      await knows(node, ...VIPS);
      expect(ownRoutes(lan.hosts[node].netns).sort()).toEqual(VIPS.map((vip) => `route to ${vip} in table 198`));
    }
    for (const vip of VIPS) expect(await eventually('an answer', () => fetchAt(vip))).toMatch(/^n[12]$/);
  });

  it('are withdrawn when their node leaves, before it stops serving them', async () => {
    const leaving = await start('n1', VIPS);
    await start('n2', VIPS);
    await Promise.all(NODES.map((node) => knows(node, ...VIPS)));
    const stopped = stop(leaving);
    const answers: string[] = [];
    while (leaving.alive()) {
      answers.push(await fetchAt(VIPS[0]));
      await delay(20);
    }
    await stopped;
    answers.push(await fetchAt(VIPS[0]));
    expect(answers.filter((answer) => !/^n[12]$/.test(answer))).toEqual([]);
    expect(answers.at(-1)).toBe('n2');
    await knows('n1');
    running.delete('n1');
  });

  it('go one by one, and the others stay', async () => {
    const daemon = await start('n1', [OTHER, ...VIPS]);
    await knows('n1', OTHER, ...VIPS);
    process.kill(daemon.id.pid, 'SIGHUP');
    await knows('n1', ...VIPS);
    expect(await fetchAt(VIPS[0])).toBe('n1');
  });

  it('outlive a killed agent, and the next run keeps what is wanted and takes the rest away', async () => {
    const killed = await start('n1', [OTHER, ...VIPS]);
    await knows('n1', OTHER, ...VIPS);
    process.kill(killed.id.pid, 'SIGKILL');
    await delay(300);
    expect(await fetchAt(VIPS[0])).toBe('n1');
    await start('n1', VIPS);
    await knows('n1', ...VIPS);
    expect(await lan.hosts.n1.must(['ip', 'addr', 'show', 'dev', 'lo'])).not.toContain(OTHER);
  });

  it('leave routes of the other agent and of others alone, unless these are to be cleaned', async () => {
    const { n1 } = lan.hosts;
    const beside = createRouteTable({ netns: n1.netns, instance: 'control-plane', ...DEFAULT_ROUTES });
    beside.set(ip('10.99.0.240'), 1);
    await n1.ip8(
      'route add 10.99.0.50/32 dev lo table 198 proto 248',
      'route add 10.99.0.51/32 dev lo table 198 proto static',
    );
    const first = await start('n1', VIPS);
    expect(await table('n1')).toContain('10.99.0.50');
    await stop(first);
    const second = await start('n1', VIPS, 'clean');
    expect(await table('n1')).not.toContain('10.99.0.50');
    expect(await table('n1')).toContain('10.99.0.240');
    expect(await n1.must(['ip', 'route', 'show', 'table', '198'])).toContain('10.99.0.51');
    beside.close();
    await stop(second);
    removeOwnRoutes(n1.netns);
    await n1.ip8('route del 10.99.0.51/32 table 198');
  });

  it('that somebody flushes are back, and so is the way', async () => {
    await start('n1', VIPS);
    await knows('n1', ...VIPS);
    await lan.hosts.n1.must(['ip', 'route', 'flush', 'table', '198']);
    await knows('n1', VIPS[1]);
    await knows('n1', ...VIPS);
  });

  it.each([2, 6, 7, 8] as const)('can be of type %i', (type) => {
    const routes = createRouteTable({
      netns: lan.hosts.n2.netns,
      instance: 'services',
      ...DEFAULT_ROUTES,
      table: 1000,
      type,
    });
    for (const vip of VIPS) routes.set(ip(vip), 1);
    for (const vip of VIPS) routes.set(ip(vip), 1);
    expect(
      routes
        .owned()
        .map((route) => route.ip)
        .sort(),
    ).toEqual([...VIPS]);
    for (const vip of VIPS) routes.remove(ip(vip));
    for (const vip of VIPS) routes.remove(ip(vip));
    expect(routes.owned()).toEqual([]);
    routes.close();
  });
});
