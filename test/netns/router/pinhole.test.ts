/** Pinholes in the IPv6 firewall of miniupnpd in secure mode, judged by its ruleset and from the Internet's side. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { searchFirewall } from '../../../src/exposure/router/firewall-search.ts';
import type { RouterMappingsDriver } from '../../../src/exposure/router/mappings.ts';
import type { MappingRequest, RouterMapping } from '../../../src/exposure/router/port.ts';
import { eventually } from '../../support/netns.ts';
import { createDrivers, opened as openedMapping, request as plainRequest, settled, withdrawn } from './drivers.ts';
import { createRouterLan, GATEWAY6, GATEWAY_LL, OTHER_VIP6, VIP6, type RouterLan } from './router-lan.ts';

const WEB = { protocol: 'TCP', internalPort: 8080, externalPort: 8080 } as const;
const LOW = { protocol: 'TCP', internalPort: 80, externalPort: 80 } as const;
const OPEN = { protocol: 'TCP', externalPort: 8080, internalIp: VIP6, internalPort: 8080 };
const METHODS = ['pcp', 'igd2'] as const;

let world: RouterLan;
const drivers = createDrivers(() => world);

beforeAll(async () => {
  world = await createRouterLan();
  for (const port of [80, 8080]) await world.serve('n1', VIP6, port, `hello from n1:${port}`);
});
afterEach(drivers.closeAll);
afterAll(() => world.dispose());

const request = (change: Partial<MappingRequest> = {}): MappingRequest =>
  plainRequest({ ip: VIP6, ports: [WEB], ...change });
const opened = async (mappings: RouterMappingsDriver, wanted: MappingRequest): Promise<RouterMapping['records']> =>
  (await openedMapping(mappings, wanted)).records;

/** Fast when the firewall lets nothing through: it drops, and never answers. */
const fromOutside = async (port: number): Promise<string> =>
  (await world.outside('curl', '-s', '--max-time', '2', `http://[${VIP6}]:${port}/`)).stdout;

describe.each(METHODS)('by %s', (method) => {
  it('the Internet comes in by IPv6 with the pinhole, and neither before nor after', async () => {
    await world.start({ methods: [method], ipv6: true });
    expect(await fromOutside(8080)).toBe('');
    const mappings = drivers.create();
    const records = await opened(mappings, request());
    expect(records).toMatchObject([{ ...WEB, method, gateway: GATEWAY6, internalIp: VIP6, externalIp: VIP6 }]);
    expect(await world.pinholes()).toEqual([OPEN]);
    expect(await fromOutside(8080)).toBe('hello from n1:8080');

    expect(await withdrawn(mappings, request({ previous: records }))).toMatchObject({ reason: 'RouterUnmapped' });
    expect(await world.pinholes()).toEqual([]);
    expect(await fromOutside(8080)).toBe('');
  });

  it('the pinhole is opened again within two seconds of the router’s return', async () => {
    await world.start({ methods: [method], ipv6: true });
    const mappings = drivers.create();
    await opened(mappings, request());
    await world.stop('crash');
    await world.start({ methods: [method], ipv6: true });
    const listening = performance.now();
    await eventually('the pinhole is back', async () => (await world.pinholes()).length === 1, 10_000);
    expect(performance.now() - listening).toBeLessThan(2000);
    expect(await fromOutside(8080)).toBe('hello from n1:8080');
  });

  it('the pinhole follows the address to another node, and is one all the time', async () => {
    await world.start({ methods: [method], ipv6: true });
    const { n1, n2 } = world.lan.hosts;
    const first = drivers.create('n1');
    const previous = await opened(first, request());
    await n1.ip8(`addr del ${VIP6}/128 dev eth0`);
    await n2.ip8(`addr add ${VIP6}/128 dev eth0 nodad`);
    try {
      first.yield('default/web');
      // The router forgets where the address was, as an unsolicited advertisement would have it.
      await world.lan.hosts.router.run(['ip', '-6', 'neigh', 'flush', 'dev', 'eth0']);
      const next = drivers.create('n2');
      // On record now, and so for the whole time.
      expect(await opened(next, request({ previous }))).toEqual(
        previous.map((record) => ({ ...record, lifetime: request().lifetime })),
      );
      expect(await world.pinholes()).toEqual([OPEN]);
    } finally {
      await n2.run(['ip', 'addr', 'del', `${VIP6}/128`, 'dev', 'eth0']);
      await n1.ip8(`addr add ${VIP6}/128 dev eth0 nodad`);
      await world.lan.hosts.router.run(['ip', '-6', 'neigh', 'flush', 'dev', 'eth0']);
    }
  });

  it('the router is asked at the link-local address that its advertisements give', async () => {
    await world.start({ methods: [method], ipv6: true });
    await world.lan.hosts.n1.ip8(`route replace default via ${GATEWAY_LL} dev eth0`);
    try {
      await eventually('the gateway is known', () =>
        world
          .network('n1')
          .links()
          .some(({ gateway }) => gateway.v6 === GATEWAY_LL),
      );
      expect(await opened(drivers.create(), request())).toMatchObject([
        { method, gateway: GATEWAY_LL, internalIp: VIP6 },
      ]);
      expect(await world.pinholes()).toEqual([OPEN]);
    } finally {
      await world.lan.hosts.n1.ip8(`route replace default via ${GATEWAY6} dev eth0`);
      await eventually('the gateway is back', () =>
        world
          .network('n1')
          .links()
          .some(({ gateway }) => gateway.v6 === GATEWAY6),
      );
    }
  });
});

describe('a pinhole that was refreshed', () => {
  /** miniupnpd forgets with the first refresh whose a pinhole is, and then lets nobody remove it by PCP. */
  const refreshed = async (): Promise<[RouterMappingsDriver, MappingRequest]> => {
    const first = drivers.create();
    const previous = await opened(first, request());
    first.yield('default/web');
    const next = drivers.create();
    return [next, request({ previous: await opened(next, request({ previous })) })];
  };

  it('by PCP alone is closed as soon as the router’s shortest life is over', async () => {
    await world.start({ methods: ['pcp'], ipv6: true });
    const [mappings, wanted] = await refreshed();
    const decision = await withdrawn(mappings, wanted);
    expect(decision).toMatchObject({ reason: 'MappingLeft' });
    expect(decision.message).toContain('runs out by itself within 1 min');
    await eventually('the pinhole is gone', async () => (await world.pinholes()).length === 0, 30_000);
    expect(await fromOutside(8080)).toBe('');
  });

  it('by PCP is closed by UPnP where the router speaks it too', async () => {
    await world.start({ methods: ['pcp', 'igd2'], ipv6: true });
    const [mappings, wanted] = await refreshed();
    expect(wanted.previous).toMatchObject([{ method: 'pcp' }]);
    expect(await withdrawn(mappings, wanted)).toMatchObject({ reason: 'RouterUnmapped' });
    expect(await world.pinholes()).toEqual([]);
  });
});

describe('with PCP and UPnP together', () => {
  it('a port below 1024 is opened by PCP, since UPnP opens none', async () => {
    await world.start({ methods: ['pcp', 'igd2'], ipv6: true });
    expect(await opened(drivers.create(), request({ ports: [LOW] }))).toMatchObject([{ method: 'pcp' }]);
    expect(await fromOutside(80)).toBe('hello from n1:80');
    await world.start({ methods: ['igd2'], ipv6: true });
    const decision = await settled(drivers.create(), request({ ports: [LOW] }));
    expect(decision).toMatchObject({ state: 'failed', reason: 'MappingRefused' });
    expect(decision.message).toContain('or opens no port below 1024 by UPnP');
  });

  it('no pinhole is opened or closed for another address than the one that asks', async () => {
    await world.start({ methods: ['pcp', 'igd2'], ipv6: true });
    const mine = world.client6('n1', 'igd2');
    const ask = { ...WEB, source: VIP6, lifetime: 60_000, description: '', uid: 'u', formerIps: [], known: false };
    const answer = await mine.map(ask);
    if (answer.kind !== 'mapped') throw new Error(JSON.stringify(answer));
    expect(await mine.unmap(answer.record, OTHER_VIP6)).toMatchObject({ kind: 'refused' });
    expect(await mine.unmap({ ...answer.record, internalIp: OTHER_VIP6 }, OTHER_VIP6)).toEqual({ kind: 'gone' });
    expect(await world.pinholes()).toEqual([OPEN]);
    expect(await mine.find({ ...ask, uniqueId: answer.record.uniqueId! })).toMatchObject({ kind: 'ours' });
    expect(await mine.unmap(answer.record, VIP6)).toEqual({ kind: 'gone' });
    expect(await mine.find({ ...ask, uniqueId: answer.record.uniqueId! })).toEqual({ kind: 'absent' });
  });

  it('its firewall is found by IPv6 where IPv4 is not answered', async () => {
    await world.start({ methods: ['igd2'], ipv6: true });
    const network = world.network('n1');
    const links = () => network.links().map((link) => ({ ...link, gateway: { v6: link.gateway.v6! } }));
    const io = { network: { ...network, links }, clock: world.clock };
    const found = await searchFirewall(io, { link: 'eth0', gateway: GATEWAY6 }, VIP6, {});
    expect(found?.ssdp.location).toBe(`http://[${GATEWAY6}]:5000/rootDesc.xml`);
  });
});
