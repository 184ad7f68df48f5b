/**
 * Three control planes with an HTTPS server each, the VIP on the first, and a laptop: connections are spread by the
 * kernel's real rules, by the health that real TLS questions find.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { servingCertificate } from '../../../src/lab/apiserver/certificates.ts';
import { kubeconfig } from '../../../src/lab/apiserver/kubeconfig.ts';
import { createLan, eventually, type HostDaemon, type Lan, type LanHost } from '../../support/netns.ts';

const VIP = '10.77.0.240';
const VIP6 = '2001:db8:77::240';
const NODES = ['n1', 'n2', 'n3'] as const;
type Node = (typeof NODES)[number];
const v4 = (node: Node): string => `10.77.0.${11 + NODES.indexOf(node)}`;
const v6 = (node: Node): string => `2001:db8:77::${11 + NODES.indexOf(node)}`;
const TABLE = 'kubevip-control-plane';

const file = (name: string): string => join(import.meta.dirname, '../../support', name);
const CLIENTS = file('https-clients.ts');

let lan: Lan<Node | 'lap'>;
let ca: Record<string, string>;
const servers = new Map<Node, HostDaemon>();
let balancer: HostDaemon | undefined;

const counted = (answers: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const answer of answers) {
    const [who = ''] = answer.split(' ');
    counts[who] = (counts[who] ?? 0) + 1;
  }
  return counts;
};
/** In turn, and the turns begin anew when the rules are set again: one more or less at each. */
function expectEven(answers: readonly string[], ...nodes: readonly Node[]): void {
  const counts = counted(answers);
  expect(Object.keys(counts).sort()).toEqual(nodes);
  for (const count of Object.values(counts))
    expect(Math.abs(count - answers.length / nodes.length), JSON.stringify(counts)).toBeLessThanOrEqual(1);
}
const lines = (text: string): string[] => text.trim().split('\n').filter(Boolean);
const ask = async (from: LanHost, host: string, times = 30, port = 6443): Promise<string[]> =>
  lines(
    await from.must([process.execPath, CLIENTS, 'times', host, `${times}`, `${port}`], { env: ca, timeoutMs: 60_000 }),
  );
const ruleset = (): Promise<string> => lan.hosts.n1.must(['nft', 'list', 'ruleset']);
const flows = async (): Promise<string[]> => {
  const both = await Promise.all(
    ['ipv4', 'ipv6'].map((family) => lan.hosts.n1.must(['conntrack', '-L', '-f', family, '-p', 'tcp'])),
  );
  return both.flatMap(lines).filter((flow) => [VIP, VIP6].some((vip) => flow.includes(`dst=${vip} `)));
};

async function serve(node: Node): Promise<void> {
  const argv = [process.execPath, file('https-backend.ts'), node, join(lan.dir, 'cert'), join(lan.dir, 'key')];
  const server = lan.hosts[node].daemon(argv);
  servers.set(node, server);
  await eventually(`the server of ${node}`, () => server.log().includes('ready'));
}
function kill(node: Node): void {
  process.kill(servers.get(node)?.id.pid ?? 0, 'SIGKILL');
  servers.delete(node);
}
async function balance(port = 6443): Promise<HostDaemon> {
  const backends = [...NODES.map(v4), ...NODES.map(v6)].join();
  const argv = [process.execPath, file('balancer-node.ts'), join(lan.dir, 'kubeconfig'), `${VIP},${VIP6}`, backends];
  balancer = lan.hosts.n1.daemon([...argv, `${port}`]);
  await said(/^Balanced: .*10\.77\.0\.11:6443, 10\.77\.0\.12:6443, 10\.77\.0\.13:6443, .*::13/m);
  return balancer;
}
const last = (): string => lines(balancer?.log() ?? '').at(-1) ?? '';
const said = async (pattern: RegExp): Promise<void> => {
  try {
    await eventually(`${pattern}`, () => pattern.test(last()));
  } catch (error) {
    throw new Error(`the balancer said ${balancer?.log()}`, { cause: error });
  }
};

beforeAll(async () => {
  lan = await createLan({ nodes: [...NODES, 'lap'] });
  for (const [i, name] of ([...NODES, 'lap'] as const).entries()) {
    const host = lan.hosts[name];
    await host.ip8('link set lo up', `addr add 2001:db8:77::${11 + i}/64 dev eth0 nodad`);
    await host.must(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  }
  await lan.hosts.n1.ip8(
    `addr add ${VIP}/32 dev eth0 preferred_lft 0`,
    `addr add ${VIP6}/128 dev eth0 nodad preferred_lft 0`,
  );
  const made = await servingCertificate(undefined, ['kubernetes', VIP], new Date());
  for (const part of ['ca', 'cert', 'key'] as const) writeFileSync(join(lan.dir, part), made[part], { mode: 0o600 });
  const entry = { server: 'https://192.0.2.1:6443', ca: made.ca, user: 'kubevip', token: 'none' };
  writeFileSync(join(lan.dir, 'kubeconfig'), kubeconfig(entry), { mode: 0o600 });
  ca = { NODE_EXTRA_CA_CERTS: join(lan.dir, 'ca') };
});
afterAll(() => lan.dispose());
beforeEach(async () => {
  await Promise.all(NODES.filter((node) => !servers.has(node)).map(serve));
  await Promise.all(NODES.map((node) => lan.setCable(node, true)));
});
afterEach(async () => {
  await balancer?.stop();
  balancer = undefined;
});

describe('connections to the VIP', () => {
  it('are spread evenly over all API servers, of clients, of other nodes and of the node itself, in both families', async () => {
    await balance();
    for (const vip of [VIP, VIP6])
      for (const from of ['lap', 'n1', 'n2'] as const) {
        expectEven(await ask(lan.hosts[from], vip), ...NODES);
      }
  });

  it('come to the node’s own server from their client, and to others from the node, never from the VIP', async () => {
    await balance();
    for (const [vip, of] of [
      [VIP, v4],
      [VIP6, v6],
    ] as const) {
      const seen = new Set(await ask(lan.hosts.lap, vip, 6));
      const lap = vip === VIP ? '10.77.0.14' : '2001:db8:77::14';
      expect(seen).toEqual(new Set([`n1 ${lap}`, `n2 ${of('n1')}`, `n3 ${of('n1')}`]));
    }
  });

  it('are spread on a port of its own, if asked for, and left alone on the API’s', async () => {
    await balance(443);
    for (const vip of [VIP, VIP6]) {
      expectEven(await ask(lan.hosts.lap, vip, 9, 443), 'n1', 'n2', 'n3');
      expectEven(await ask(lan.hosts.n1, vip, 9, 443), 'n1', 'n2', 'n3');
      expect(counted(await ask(lan.hosts.lap, vip, 3))).toEqual({ n1: 3 });
    }
    for (const node of ['n1', 'n2', 'n3'] as const) kill(node);
    await said(/^NoApiServerReady/);
    await serve('n1');
    expect(counted(await ask(lan.hosts.lap, VIP, 3, 443))).toEqual({ n1: 3 });
  });

  it('stay with the node that cannot pass them on, which says so, while its own are spread', async () => {
    const { n1, lap } = lan.hosts;
    await n1.must(['sysctl', '-qw', 'net.ipv4.conf.eth0.forwarding=0']);
    try {
      const argv = [process.execPath, file('balancer-node.ts'), join(lan.dir, 'kubeconfig'), VIP, NODES.map(v4).join()];
      balancer = n1.daemon(argv);
      await said(/^NotForwarding: .*net\.ipv4\.ip_forward=1/);
      expect(counted(await ask(lap, VIP, 6))).toEqual({ n1: 6 });
      expectEven(await ask(n1, VIP, 6), 'n1', 'n2', 'n3');
    } finally {
      await n1.must(['sysctl', '-qw', 'net.ipv4.conf.eth0.forwarding=1']);
    }
  });
});

/** When the last failed request was begun, after the moment `from`; undefined: none failed. */
const lastFailure = (answers: readonly string[], from: number): number | undefined =>
  answers
    .filter((answer) => answer.endsWith(' failed'))
    .map((answer) => Number(answer.split(' ')[0]) - from)
    .sort((a, b) => a - b)
    .at(-1);
async function steady(of: number, at: number, fault: () => unknown): Promise<string[]> {
  const asking = lan.hosts.lap.must([process.execPath, CLIENTS, 'steady', VIP, `${of}`], {
    env: ca,
    timeoutMs: 60_000,
  });
  await delay(at);
  await fault();
  return lines(await asking);
}

describe('an API server', () => {
  it('that dies costs requests for a moment, and gets them again when it is back', async () => {
    await balance();
    const answers = await steady(5000, 2000, () => kill('n2'));
    const last = lastFailure(answers, 2000);
    expect(
      last ?? 0,
      `the last failed request, of ${answers.filter((one) => one.endsWith('failed')).length}`,
    ).toBeLessThan(2500);
    expectEven(await ask(lan.hosts.lap, VIP, 10), 'n1', 'n3');
    await serve('n2');
    await said(/^Balanced: .*10\.77\.0\.12:6443/);
    expectEven(await ask(lan.hosts.lap, VIP, 9), 'n1', 'n2', 'n3');
  });

  it('whose node loses its power costs them for little longer, and its watches are ended', async () => {
    const running = await balance();
    const watch = lan.hosts.lap.daemon([process.execPath, CLIENTS, 'watch', VIP, '9'], { env: ca });
    await eventually('nine watches', () => lines(watch.log()).length === 9);
    const opened = counted(lines(watch.log()).map((line) => line.replace('open ', '')));
    expect(opened['n3']).toBeGreaterThan(0);
    const answers = await steady(6000, 2000, async () => {
      await lan.setCable('n3', false);
      // What heartbeats tell an agent.
      process.kill(running.id.pid, 'SIGUSR1');
    });
    expect(lastFailure(answers, 2000) ?? 0).toBeLessThan(3000);
    const ended = (): string[] => lines(watch.log()).filter((line) => line.startsWith('ended'));
    await eventually('the watches of n3 ended', () => ended().length === opened['n3']);
    expect(new Set(ended())).toEqual(new Set(['ended n3']));
    await watch.stop();
  });

  it('that is not ready gets no new connection, and keeps those it has', async () => {
    await balance();
    const watch = lan.hosts.lap.daemon([process.execPath, CLIENTS, 'watch', VIP, '3'], { env: ca });
    await eventually('three watches', () => lines(watch.log()).length === 3);
    process.kill(servers.get('n2')?.id.pid ?? 0, 'SIGUSR2');
    await said(/^Balanced: (?!.*10\.77\.0\.12)/);
    expectEven(await ask(lan.hosts.lap, VIP, 10), 'n1', 'n3');
    expect(lines(watch.log()).filter((line) => line.startsWith('ended'))).toEqual([]);
    process.kill(servers.get('n2')?.id.pid ?? 0, 'SIGUSR2');
    await said(/^Balanced: .*10\.77\.0\.12/);
    await watch.stop();
  });

  it('of this node serves all when all others are gone, and there are no rules then', async () => {
    await balance();
    kill('n2');
    await lan.setCable('n3', false);
    await said(
      /^Balanced: connections to the VIP are spread over 10\.77\.0\.11:6443, 2001:db8:77::11|\[2001:db8:77::11\]:6443$/,
    );
    expect(counted(await ask(lan.hosts.lap, VIP, 5))).toEqual({ n1: 5 });
    expect(counted(await ask(lan.hosts.lap, VIP6, 5))).toEqual({ n1: 5 });
    expect(await ruleset()).not.toContain(TABLE);
    kill('n1');
    await said(/^NoApiServerReady/);
    expect(counted(await ask(lan.hosts.lap, VIP, 2))).toEqual({ failed: 2 });
  });

  it('of this node may be the one that is gone', async () => {
    await balance();
    kill('n1');
    await said(/^Balanced: (?!.*10\.77\.0\.11)/);
    expectEven(await ask(lan.hosts.lap, VIP, 10), 'n2', 'n3');
    expectEven(await ask(lan.hosts.n1, VIP6, 10), 'n2', 'n3');
  });
});

describe('nothing is left', () => {
  it('at the end: no rule, and no connection that is led elsewhere', async () => {
    const running = await balance();
    const watch = lan.hosts.lap.daemon([process.execPath, CLIENTS, 'watch', VIP, '3'], { env: ca });
    await eventually('three watches', () => lines(watch.log()).length === 3);
    expect((await flows()).some((flow) => flow.includes(`src=${v4('n2')} `))).toBe(true);
    await running.stop();
    expect(await ruleset()).not.toContain(TABLE);
    // Earlier ones to this node's own server may not have run out.
    const isHere = (flow: string): boolean => [VIP, VIP6].some((vip) => flow.includes(`src=${vip} `));
    expect((await flows()).filter((flow) => !isHere(flow))).toEqual([]);
    await watch.stop();
  });

  it('when the VIP goes to another node', async () => {
    const running = await balance();
    process.kill(running.id.pid, 'SIGHUP');
    await said(/^NotOwner/);
    expect(await ruleset()).not.toContain(TABLE);
  });

  it('after a kill the rules lead nowhere before long, and the next start takes them away', async () => {
    const running = await balance();
    process.kill(running.id.pid, 'SIGKILL');
    expect(await ruleset()).toMatch(/elements = \{ 10\.77\.0\.240/);
    await eventually('the rules to run out', async () => !/elements = /.test(await ruleset()), 40_000);
    expect(counted(await ask(lan.hosts.lap, VIP, 4))).toEqual({ n1: 4 });
    const argv = [process.execPath, file('balancer-node.ts'), join(lan.dir, 'kubeconfig'), VIP, v4('n1')];
    balancer = lan.hosts.n1.daemon(argv);
    await said(/^Balanced/);
    expect(await ruleset()).not.toContain(TABLE);
  });

  it('of a ruleset that a firewall flushed nothing is missed for long', async () => {
    await balance();
    await lan.hosts.n1.must(['nft', 'flush', 'ruleset']);
    await eventually('the rules again', async () => (await ruleset()).includes(TABLE), 20_000);
    expectEven(await ask(lan.hosts.lap, VIP, 6), 'n1', 'n2', 'n3');
  });
});
