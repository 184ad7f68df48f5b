/** The whole stage against miniupnpd in secure mode, judged by the router's own ruleset and from the Internet's side. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRouterMappings } from '../../../src/exposure/router/mappings.ts';
import type { MappingMethod } from '../../../src/exposure/router/port.ts';
import { ip } from '../../../src/model/ip.ts';
import { eventually } from '../../support/netns.ts';
import { createDrivers, opened, request, settled, TCP, withdrawn } from './drivers.ts';
import { createRouterLan, GATEWAY, OTHER_VIP, OUTER, VIP, type RouterLan } from './router-lan.ts';

const PEER = new URL('../../support/nat-upnp-peer.ts', import.meta.url).pathname;
const METHODS = ['pcp', 'nat-pmp', 'igd2', 'igd1'] as const;
const UDP = { protocol: 'UDP', internalPort: 5300, externalPort: 5301 } as const;
const OPEN = { protocol: 'TCP', externalPort: 8080, internalIp: VIP, internalPort: 80 };

let world: RouterLan;
const { create: driver, closeAll } = createDrivers(() => world);

beforeAll(async () => {
  world = await createRouterLan();
  await world.serve('n1', VIP, 80, 'hello from n1');
});
afterEach(closeAll);
afterAll(() => world.dispose());

const fromOutside = async (port: number): Promise<string> =>
  (await world.outside('curl', '-s', '--max-time', '3', `http://${OUTER}:${port}/`)).stdout;

describe.each<MappingMethod>(METHODS)('by %s', (method) => {
  it('lets the Internet in through the port of choice, and out again with the Service', async () => {
    await world.start({ methods: [method] });
    const mappings = driver();
    const { records, reachability } = await opened(mappings, request());
    expect(reachability).toBe('public');
    expect(records).toMatchObject([{ ...TCP, method, gateway: GATEWAY, externalIp: OUTER, internalIp: VIP }]);
    expect(await world.table()).toEqual([OPEN]);
    expect(await fromOutside(8080)).toBe('hello from n1');

    expect(await withdrawn(mappings, request({ previous: records }))).toMatchObject({ reason: 'RouterUnmapped' });
    expect(await world.table()).toEqual([]);
    expect(await fromOutside(8080)).toBe('');
  });

  it('forwards UDP beside TCP', async () => {
    await world.start({ methods: [method] });
    const echo = ['socat', `UDP4-RECVFROM:5300,bind=${VIP},reuseaddr,fork`, 'EXEC:cat'];
    const server = world.lan.hosts.n1.daemon(echo);
    await opened(driver(), request({ ports: [TCP, UDP] }));
    const answer = await eventually('an echo', async () => {
      const ask = `echo ping | socat -t 1 - UDP4:${OUTER}:5301`;
      return (await world.outside('sh', '-c', ask)).stdout;
    });
    expect(answer).toBe('ping\n');
    expect(await world.table()).toHaveLength(2);
    await server.stop();
  });

  it.each(['no', 'yes'])(
    'is back within two seconds of a restart with an empty table (system_uptime=%s)',
    async (uptime) => {
      const lines = [`system_uptime=${uptime}`];
      await world.start({ methods: [method], lines });
      const mappings = driver();
      await opened(mappings, request());
      await world.stop('crash');
      await world.start({ methods: [method], lines });
      const listening = performance.now();
      await eventually('the mapping is back', async () => (await world.table()).length === 1, 10_000);
      expect(performance.now() - listening).toBeLessThan(2000);
      expect(await world.table()).toEqual([OPEN]);
      expect(await fromOutside(8080)).toBe('hello from n1');
      await eventually('the answer is ready again', () => mappings.ensure(request()).state === 'ready');
    },
  );

  it('says who has the port, and leaves it to him', async () => {
    await world.start({ methods: [method] });
    await world.occupy(8080);
    const decision = await settled(driver(), request());
    expect(decision).toMatchObject({ state: 'failed', reason: 'ExternalPortTaken' });
    if (method.startsWith('igd')) expect(decision.message).toContain('taken by 10.77.0.50:8080');
    expect(await world.table()).toMatchObject([{ internalIp: '10.77.0.50' }]);
  });

  it('opens nothing on a router that has no public address, and says why', async () => {
    for (const outer of ['192.168.5.2/24', '100.64.0.2/24']) {
      await world.start({ methods: [method], outer });
      const decision = await settled(driver(), request());
      expect(decision).toMatchObject({ state: 'failed', reason: 'MappingRefused' });
      // By PCP alone there is no way to ask for the address.
      if (method !== 'pcp') expect(decision.message).toContain('it probably has no public one');
      expect(await world.table()).toEqual([]);
    }
  });

  it('removes from the former address, in secure mode, what leads there when the Service changes its own', async () => {
    await world.start({ methods: [method] });
    const mappings = driver();
    const { records } = await opened(mappings, request());
    const moved = await opened(mappings, request({ ip: OTHER_VIP, previous: records }));
    expect(moved.records).toMatchObject([{ internalIp: OTHER_VIP }]);
    expect(mappings.leave('default/web', VIP).state).toBe('off');
    expect(await world.table()).toEqual([{ ...OPEN, internalIp: OTHER_VIP }]);
  });

  it('removes a mapping whose Service went while the agent that made it was down', async () => {
    await world.start({ methods: [method] });
    const dead = driver();
    const { records } = await opened(dead, request());
    dead.close();
    // The finalizer kept the Service, and with it the records, for the next agent.
    expect(await withdrawn(driver(), request({ previous: records }))).toMatchObject({ reason: 'RouterUnmapped' });
    expect(await world.table()).toEqual([]);
  });

  it('is refreshed before it runs out, with a life of ten seconds', async () => {
    await world.start({ methods: [method] });
    const { records } = await opened(driver(), request({ lifetime: 10_000 }));
    expect(records[0]?.lifetime).toBeLessThanOrEqual(10_000);
    for (let i = 0; i < 7; i++) {
      await delay(2000);
      expect(await world.table()).toEqual([OPEN]);
    }
  });

  it('follows the address to another node', async () => {
    await world.start({ methods: [method] });
    const { n1, n2 } = world.lan.hosts;
    const first = driver('n1');
    const { records } = await opened(first, request());
    await n1.ip8(`addr del ${VIP}/32 dev eth0`);
    await n2.ip8(`addr add ${VIP}/32 dev eth0`);
    try {
      first.yield('default/web');
      await n2.must(['arping', '-U', '-c', '1', '-I', 'eth0', VIP]);
      const next = driver('n2');
      const server = await world.serve('n2', VIP, 80, 'hello from n2');
      const moved = await opened(next, request({ previous: records }));
      // On record now, and so for the whole time.
      expect(moved.records).toEqual(records.map((record) => ({ ...record, lifetime: request().lifetime })));
      expect(await world.table()).toEqual([OPEN]);
      expect(await fromOutside(8080)).toBe('hello from n2');
      await server.stop();
      await withdrawn(next, request({ previous: moved.records }));
      expect(await world.table()).toEqual([]);
    } finally {
      await n2.run(['ip', 'addr', 'del', `${VIP}/32`, 'dev', 'eth0']);
      await n1.ip8(`addr add ${VIP}/32 dev eth0`);
      await n1.must(['arping', '-U', '-c', '1', '-I', 'eth0', VIP]);
    }
  });
});

describe.each<MappingMethod>(['igd2', 'igd1'])('a mapping that nobody remembers, by %s', (method) => {
  it('is removed in secure mode from the address it leads to, which is borrowed for that', async () => {
    await world.start({ methods: [method] });
    const { n1, n2 } = world.lan.hosts;
    const [cluster, uid] = ['6b1d22aa-0c5e-4f3e-8a55-5d2f1e0b9c7d', '11111111-4e0b-4c55-9a0e-8a3b1f6f0c11'];
    const io = { network: world.network('n1'), clock: world.clock, cluster: () => cluster };
    const dead = createRouterMappings(io);
    await opened(dead, request({ uid }));
    dead.close();
    await world.occupy(9090);
    await n1.ip8(`addr del ${VIP}/32 dev eth0`);
    try {
      const next = createRouterMappings({ ...io, network: world.network('n2') });
      const swept = await next.sweep({
        link: 'eth0',
        gateway: GATEWAY,
        source: ip(n2.ip),
        cluster,
        services: () => [],
        inUse: () => false,
        borrow: async (address) => {
          await n2.ip8(`addr add ${address}/32 dev eth0`);
          await n2.must(['arping', '-U', '-c', '1', '-I', 'eth0', address]);
          return () => void n2.run(['ip', 'addr', 'del', `${address}/32`, 'dev', 'eth0']);
        },
      });
      next.close();
      expect(swept).toMatchObject({ removed: [{ externalPort: 8080, internalIp: VIP }], left: [] });
      expect(await world.table()).toMatchObject([{ externalPort: 9090, internalIp: '10.77.0.50' }]);
    } finally {
      await n2.run(['ip', 'addr', 'del', `${VIP}/32`, 'dev', 'eth0']);
      await n1.ip8(`addr add ${VIP}/32 dev eth0`);
      await n1.must(['arping', '-U', '-c', '1', '-I', 'eth0', VIP]);
    }
  });
});

describe('with all methods at once', () => {
  it('prefers PCP', async () => {
    await world.start({ methods: ['pcp', 'nat-pmp', 'igd2'] });
    expect((await opened(driver(), request())).records).toMatchObject([{ method: 'pcp' }]);
  });

  it('finds out by UPnP who has a port', async () => {
    await world.start({ methods: ['pcp', 'nat-pmp', 'igd2'] });
    await world.occupy(8080);
    expect((await settled(driver(), request())).message).toContain('is taken by 10.77.0.50:8080');
  });

  it('tells a port that is not given out from one that is taken', async () => {
    await world.start({ methods: ['pcp', 'nat-pmp', 'igd2'], allowed: '1024-65535' });
    const decision = await settled(driver(), request({ ports: [{ ...TCP, externalPort: 80 }] }));
    expect(decision).toMatchObject({ state: 'failed', reason: 'MappingRefused' });
    expect(await world.table()).toEqual([]);
  });

  it('gives up in good time when the router is gone, and says until when the port stays open', async () => {
    await world.start({ methods: ['pcp', 'nat-pmp', 'igd2'] });
    const mappings = driver();
    const { records } = await opened(mappings, request());
    await world.stop('crash');
    const before = performance.now();
    const decision = await withdrawn(mappings, request({ previous: records }));
    expect(decision).toMatchObject({ reason: 'MappingLeft' });
    expect(decision.message).toContain('runs out by itself within 10 min');
    expect(performance.now() - before).toBeLessThan(11_000);
  });
});

describe.each<MappingMethod>(['pcp', 'nat-pmp'])('a port that is not given out, by %s', (method) => {
  it('leaves no other port open', async () => {
    // Not from 1024 on: miniupnpd tries every port in between, which takes a busy machine longer than we wait.
    await world.start({ methods: [method], allowed: '100-65535' });
    const decision = await settled(driver(), request({ ports: [{ ...TCP, externalPort: 80 }] }));
    expect(decision).toMatchObject({ state: 'failed', reason: 'ExternalPortTaken' });
    expect(decision.message).toContain('or kept by the router (many give out no ports below 1024)');
    expect(await world.table()).toEqual([]);
  });
});

describe('without any method', () => {
  it('says what to switch on, and opens the port once it is', async () => {
    await world.start({ methods: ['igd2'] });
    await world.stop();
    const mappings = driver();
    const decision = await settled(mappings, request());
    expect(decision).toMatchObject({ state: 'failed', reason: 'NoPortMappingService' });
    await world.start({ methods: ['igd2'] });
    await eventually('the port is open', async () => (await world.table()).length === 1);
  });
});

describe('a second opinion: nat-upnp', () => {
  const peer = async (...args: string[]): Promise<{ externalIp: string; mappings: Record<string, unknown>[] }> =>
    JSON.parse(await world.lan.hosts.other.must([process.execPath, PEER, ...args])) as never;

  it('sees what we opened as we meant it', async () => {
    await world.start({ methods: ['igd1'] });
    await opened(driver(), request({ ports: [TCP, { ...UDP }] }));
    // It takes any error for the end of the list, a slow answer included.
    const { externalIp, mappings } = await eventually('the whole list', async () => {
      const seen = await peer('list');
      return seen.mappings.length === 2 ? seen : undefined;
    }).then((seen) => seen ?? { externalIp: '', mappings: [] });
    expect(externalIp).toBe(OUTER);
    expect(mappings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          public: { host: '', port: 8080 },
          private: { host: VIP, port: 80 },
          protocol: 'tcp',
          enabled: true,
          description: 'kubevip/default/web',
        }),
        expect.objectContaining({ private: { host: VIP, port: 5300 }, protocol: 'udp' }),
      ]),
    );
  });

  it('is respected in what it opened', async () => {
    await world.start({ methods: ['igd1'] });
    await peer('map', '10.77.0.50', '9000', '8080');
    expect((await settled(driver(), request())).message).toContain('taken by 10.77.0.50:9000 (“nat-upnp”)');
  });
});
