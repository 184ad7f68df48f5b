/** Pinholes: a whole life of each, by both ways there are to make them. */
import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { OTHER_VIP6, VIP6 } from '../../support/router-world.ts';
import { createStage, recordsOf, request, type Stage } from './harness.ts';

const HOUR = 3_600_000;
const HTTP = { protocol: 'TCP', internalPort: 80, externalPort: 80 } as const;
const DNS = { protocol: 'UDP', internalPort: 53, externalPort: 53 } as const;
const WISH = request({ ip: VIP6, ports: [HTTP, DNS] });
const HTTP_HOLE = `TCP [${VIP6}]:80`;
const DNS_HOLE = `UDP [${VIP6}]:53`;
const BOTH = [HTTP_HOLE, DNS_HOLE];
const METHODS = [
  ['PCP', {}],
  ['IGD:2', { pcp: false, natPmp: false }],
] as const;

async function opened(switches: object = {}): Promise<Stage> {
  const stage = await createStage();
  Object.assign(stage.router.set, switches);
  recordsOf(await stage.settle(WISH));
  return stage;
}
const open = ({ router }: Stage): string[] => [...router.pinholes().keys()].toSorted();

describe.each(METHODS)('pinholes by %s', (method, switches) => {
  it('are opened for each port, with requests from the address itself', async () => {
    const stage = await opened(switches);
    expect(open(stage)).toEqual(BOTH);
    const decision = stage.mappings.ensure(WISH);
    expect(decision).toMatchObject({
      state: 'ready',
      reason: 'PinholeOpen',
      message: `router 2a01:77::1 (${method === 'PCP' ? 'PCP' : 'UPnP IGD:2'}): its IPv6 firewall lets in [${VIP6}]:80, [${VIP6}]:53/UDP`,
      value: { reachability: 'public', families: { 6: 'public' } },
    });
    expect(recordsOf(decision)).toMatchObject([
      { ...HTTP, internalIp: VIP6, externalIp: VIP6, gateway: '2a01:77::1' },
      { ...DNS, internalIp: VIP6, externalIp: VIP6, gateway: '2a01:77::1' },
    ]);
    // The search by IPv4 orders nothing, and comes from the node.
    expect([...stage.router.sources].toSorted()).toEqual(['10.77.0.11', VIP6]);
    expect(stage.router.table().size).toBe(0);
  });

  it('are refreshed before they run out, for a week', async () => {
    const stage = await opened(switches);
    for (let hours = 0; hours < 24 * 7; hours++) {
      await stage.clock.advanceAsync(HOUR);
      expect(open(stage)).toEqual(BOTH);
    }
    // When they were open, and when they were open for as long as asked.
    expect(stage.told).toHaveLength(2);
  });

  it('are opened again within a second of the router’s word that it has restarted, given by IPv4', async () => {
    const stage = await opened(switches);
    await stage.clock.advanceAsync(10 * 60_000);
    stage.router.restart('loudly');
    expect(open(stage)).toEqual([]);
    await stage.clock.advanceAsync(1000);
    expect(open(stage)).toEqual(BOTH);
  });

  it('are opened again within the minute when the router restarts in silence', async () => {
    const stage = await opened({ ...switches, bootId: undefined });
    await stage.clock.advanceAsync(10 * 60_000);
    stage.router.restart('silently');
    await stage.clock.advanceAsync(61_000);
    expect(open(stage)).toEqual(BOTH);
  });

  it('are opened again within two seconds of the router’s return from a power cut', async () => {
    const stage = await opened(switches);
    await stage.clock.advanceAsync(30_000);
    stage.router.set.on = false;
    await stage.clock.advanceAsync(70_000);
    expect(stage.mappings.ensure(WISH)).toMatchObject({ state: 'failed', reason: 'RouterUnreachable' });
    stage.router.set.on = true;
    stage.router.restart('loudly');
    await stage.clock.advanceAsync(2000);
    expect(open(stage)).toEqual(BOTH);
    expect(stage.mappings.ensure(WISH)).toMatchObject({ state: 'ready' });
  });

  it('are closed with the Service', async () => {
    const stage = await opened(switches);
    const previous = recordsOf(stage.mappings.ensure(WISH));
    expect(await stage.withdraw({ ...WISH, previous })).toEqual({
      state: 'off',
      reason: 'RouterUnmapped',
      message: `router 2a01:77::1: closed [${VIP6}]:80, [${VIP6}]:53/UDP`,
    });
    expect(open(stage)).toEqual([]);
    await stage.clock.advanceAsync(24 * HOUR);
    expect(open(stage)).toEqual([]);
  });

  it('are closed by an agent that did not open them', async () => {
    const stage = await opened(switches);
    const previous = recordsOf(stage.mappings.ensure(WISH));
    stage.mappings.close();
    const next = stage.another();
    next.withdraw({ ...WISH, previous });
    await stage.clock.advanceAsync(1000);
    expect(next.withdraw({ ...WISH, previous }).reason).toBe('RouterUnmapped');
    expect(open(stage)).toEqual([]);
    next.close();
  });

  it('are let go of without a word when the Service moves, and gone on with at the next node', async () => {
    const stage = await opened(switches);
    const previous = recordsOf(stage.mappings.ensure(WISH));
    stage.router.asked.length = 0;
    stage.mappings.yield('default/web');
    await stage.clock.advanceAsync(3000);
    expect(stage.router.asked).toEqual([]);
    const next = stage.another();
    next.ensure({ ...WISH, previous });
    await stage.clock.advanceAsync(20);
    expect(recordsOf(next.ensure({ ...WISH, previous }))).toEqual(
      previous.map((record) => ({ ...record, lifetime: WISH.lifetime })),
    );
    expect(open(stage)).toEqual(BOTH);
    next.close();
  });
});

describe('a router’s IPv6 firewall', () => {
  const UPNP = { pcp: false, natPmp: false } as const;

  it('is asked by UPnP where PCP is refused', async () => {
    const stage = await createStage();
    stage.router.set.refuse = 2;
    expect(recordsOf(await stage.settle(WISH))).toMatchObject([{ method: 'igd2' }, { method: 'igd2' }]);
  });

  it('needs no pinhole while it is switched off, which is said, and gets one when it is on again', async () => {
    const stage = await opened({ ...UPNP, firewall: 'off' });
    expect(stage.mappings.ensure(WISH).message).toContain('its IPv6 firewall is switched off, which lets in');
    expect(open(stage)).toEqual([]);
    stage.router.set.firewall = 'on';
    await stage.clock.advanceAsync(61_000);
    expect(open(stage)).toEqual(BOTH);
    const previous = recordsOf(stage.mappings.ensure(WISH));
    await stage.withdraw({ ...WISH, previous });
    expect(open(stage)).toEqual([]);
  });

  it('that no device may open is named as the reason', async () => {
    const stage = await createStage();
    Object.assign(stage.router.set, { ...UPNP, firewall: 'locked' });
    const decision = await stage.settle(WISH);
    expect(decision).toMatchObject({ state: 'failed', reason: 'MappingRefused' });
    expect(decision.message).toContain('its settings do not let devices open its IPv6 firewall');
  });

  it('that opens no port below 1024 by UPnP is opened by PCP, which is said if there is none', async () => {
    expect(recordsOf(await (await createStage()).settle(WISH))).toMatchObject([{ method: 'pcp' }, { method: 'pcp' }]);
    const stage = await createStage();
    Object.assign(stage.router.set, { ...UPNP, upnpHighPortsOnly: true });
    expect((await stage.settle(WISH)).message).toContain('or opens no port below 1024 by UPnP');
    expect(open(stage)).toEqual([]);
  });

  it('that closes nothing by PCP is closed by UPnP', async () => {
    const stage = await opened({ pcpShortestLife: 120 });
    const previous = recordsOf(stage.mappings.ensure(WISH));
    expect((await stage.withdraw({ ...WISH, previous })).reason).toBe('RouterUnmapped');
    expect(open(stage)).toEqual([]);
  });

  it('that closes nothing at all lets it run out as soon as it may, which is said', async () => {
    const stage = await opened({ pcpShortestLife: 120, upnpHighPortsOnly: true });
    const previous = recordsOf(stage.mappings.ensure(WISH));
    const decision = await stage.withdraw({ ...WISH, previous }, 9000);
    expect(decision).toMatchObject({ state: 'off', reason: 'MappingLeft' });
    expect(decision.message).toContain(`the pinhole to [${VIP6}]:80 could not be removed`);
    expect(decision.message).toContain('runs out by itself within 2 min');
    await stage.clock.advanceAsync(121_000);
    expect(open(stage)).toEqual([]);
  });

  it('has no way in where the router knows neither PCP nor the second UPnP', async () => {
    const stage = await createStage();
    Object.assign(stage.router.set, { ...UPNP, igd: 1 });
    const decision = await stage.settle(WISH, 6000);
    expect(decision).toMatchObject({ state: 'failed', reason: 'NoPortMappingService' });
    expect(decision.message).toContain('lets nobody open its IPv6 firewall');
    stage.router.set.igd = 2;
    await stage.clock.advanceAsync(35_000);
    expect(stage.mappings.ensure(WISH).state).toBe('ready');
  });

  it('is not there without an IPv6 default gateway', async () => {
    const stage = await createStage();
    stage.node.setLink({ gateway: { v4: stage.router.ip } });
    expect(await stage.settle(WISH)).toMatchObject({
      state: 'failed',
      reason: 'NoGateway',
      message: 'interface eth0 has no IPv6 default gateway, so there is no router to open a port on',
    });
  });

  it('leaves another machine’s pinholes alone, whose numbers are like ours', async () => {
    const stage = await opened(UPNP);
    const previous = recordsOf(stage.mappings.ensure(WISH));
    const other = stage.another();
    const foreign = request({ service: 'default/other', uid: 'other', ip: OTHER_VIP6, ports: [HTTP] });
    stage.router.clear();
    stage.mappings.yield('default/web');
    other.ensure(foreign);
    await stage.clock.advanceAsync(3000);
    const theirs = recordsOf(other.ensure(foreign));
    expect(theirs.map(({ uniqueId }) => uniqueId)).toEqual([previous[0]?.uniqueId]);
    await stage.withdraw({ ...WISH, previous });
    expect(open(stage)).toEqual([`TCP [${OTHER_VIP6}]:80`]);
    other.close();
  });

  it('gets no order at a place that a doctored record names', async () => {
    const stage = await opened(UPNP);
    const [record] = recordsOf(stage.mappings.ensure(WISH));
    const asked: string[] = [];
    stage.node.onHttp((wanted) => {
      asked.push(new URL(wanted.url).hostname);
      return stage.router.http(wanted);
    });
    stage.mappings.yield('default/web');
    for (const change of [{ controlUrl: 'http://[2a01:66::1]/x' }, { uniqueId: '<x/>' }]) {
      const next = stage.another();
      const previous = [{ ...record!, ...change }];
      next.withdraw({ ...WISH, previous });
      await stage.clock.advanceAsync(20_000);
      expect(next.withdraw({ ...WISH, previous }).reason).toBe('MappingLeft');
      next.close();
    }
    expect(asked).toEqual([]);
  });

  it('leaves no socket and no timer behind', async () => {
    const stage = await opened();
    stage.mappings.close();
    await stage.clock.advanceAsync(10_000);
    expect(stage.node.open().datagrams).toBe(0);
    expect(stage.clock.pending()).toBe(0);
  });

  it('and the IPv4 mapping of the same Service do not disturb each other', async () => {
    const stage = await opened();
    const v4 = request({ ports: [{ ...HTTP, externalPort: 8080 }] });
    expect(recordsOf(await stage.settle(v4))).toHaveLength(1);
    expect(open(stage)).toEqual(BOTH);
    await stage.withdraw({ ...WISH, previous: recordsOf(stage.mappings.ensure(WISH)) });
    expect([...stage.router.table().keys()]).toEqual(['TCP 8080']);
    stage.mappings.yield('default/web');
    await stage.clock.advanceAsync(3000);
    expect(stage.node.open().datagrams).toBe(0);
  });

  it('does not make another router’s word a restart', async () => {
    const stage = await opened();
    const intruder = stage.lan.host({
      name: 'intruder',
      mac: stage.network.links()[0]!.mac,
      addresses: [{ ip: ip('2a01:77::66'), prefixLength: 64 }],
    });
    const quiet = { onDatagram: () => undefined, onError: () => undefined };
    const socket = await intruder.network.openDatagrams({ family: 6, localPort: 5351, ...quiet });
    stage.router.asked.length = 0;
    const forged = Uint8Array.of(2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...new Uint8Array(12));
    socket.send(forged, { ip: ip('ff02::1'), port: 5350 });
    await stage.clock.advanceAsync(3000);
    expect(stage.router.asked).toEqual([]);
  });
});
