import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { OTHER_VIP, VIP } from '../../support/router-world.ts';
import { createStage, recordsOf, request, TCP_8080, TCP_8443, type Stage } from './harness.ts';

const HOUR = 3_600_000;
const METHODS = [
  ['PCP', {}],
  ['NAT-PMP', { pcp: false }],
  ['IGD:2', { pcp: false, natPmp: false }],
  ['IGD:1', { pcp: false, natPmp: false, igd: 1 }],
] as const;
const QUIET = { bootId: undefined } as const;

async function mapped(switches: object = {}): Promise<Stage> {
  const stage = await createStage();
  Object.assign(stage.router.set, switches);
  recordsOf(await stage.settle(request()));
  return stage;
}
const open = ({ router }: Stage): string[] => [...router.table().keys()];

describe.each(METHODS)('a mapping by %s', (_, switches) => {
  it('is refreshed at half its life, for a week', async () => {
    const stage = await mapped(switches);
    for (let hours = 0; hours < 24 * 7; hours++) {
      await stage.clock.advanceAsync(HOUR);
      expect(open(stage)).toEqual(['TCP 8080']);
    }
    // When it was open, and when it was open for as long as asked.
    expect(stage.told).toHaveLength(2);
  });

  it('is asked for a short time until it is on record, then for the whole', async () => {
    const stage = await mapped(switches);
    expect(recordsOf(stage.mappings.ensure(request()))).toMatchObject([{ lifetime: 600_000 }]);
    await stage.clock.advanceAsync(301_000);
    expect(recordsOf(stage.mappings.ensure(request()))).toMatchObject([{ lifetime: 3_600_000 }]);
  });

  it('is gone soon when the node that made it went before it was on record', async () => {
    const stage = await createStage();
    Object.assign(stage.router.set, switches);
    stage.mappings.ensure(request());
    for (let ms = 0; ms < 3000 && open(stage).length === 0; ms++) await stage.clock.advanceAsync(1);
    expect(open(stage)).toEqual(['TCP 8080']);
    stage.mappings.close();
    await stage.clock.advanceAsync(601_000);
    expect(open(stage)).toEqual([]);
  });

  it('honours a shorter life than asked for', async () => {
    const stage = await mapped({ ...switches, maxLease: 120 });
    const [record] = recordsOf(stage.mappings.ensure(request()));
    expect(Math.abs((record?.lifetime ?? 0) - 120_000)).toBeLessThan(1001);
    for (let minutes = 0; minutes < 30; minutes++) {
      await stage.clock.advanceAsync(60_000);
      expect(open(stage)).toEqual(['TCP 8080']);
    }
  });

  it('is made again within a second of the router’s word that it has restarted', async () => {
    const stage = await mapped(switches);
    await stage.clock.advanceAsync(10 * 60_000);
    stage.router.restart('loudly');
    expect(open(stage)).toEqual([]);
    await stage.clock.advanceAsync(1000);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('is made again within the minute when the router restarts in silence', async () => {
    const stage = await mapped({ ...switches, ...QUIET });
    await stage.clock.advanceAsync(10 * 60_000);
    stage.router.restart('silently');
    await stage.clock.advanceAsync(61_000);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('is made again within two seconds of the router’s return from a power cut', async () => {
    const stage = await mapped(switches);
    await stage.clock.advanceAsync(30_000);
    stage.router.set.on = false;
    await stage.clock.advanceAsync(70_000);
    expect(stage.mappings.ensure(request())).toMatchObject({ state: 'failed', reason: 'RouterUnreachable' });
    stage.router.set.on = true;
    stage.router.restart('loudly');
    await stage.clock.advanceAsync(2000);
    expect(open(stage)).toEqual(['TCP 8080']);
    expect(stage.mappings.ensure(request())).toMatchObject({ state: 'ready' });
  });

  it('is made again by itself after a long silent power cut', async () => {
    const stage = await mapped({ ...switches, ...QUIET });
    stage.router.set.on = false;
    await stage.clock.advanceAsync(2 * HOUR);
    stage.router.set.on = true;
    stage.router.restart('silently');
    await stage.clock.advanceAsync(31_000);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('goes on at another node, and is let go of without a word at the first', async () => {
    const stage = await mapped(switches);
    const records = recordsOf(stage.mappings.ensure(request()));
    stage.router.asked.length = 0;
    stage.mappings.yield('default/web');
    await stage.clock.advanceAsync(3000);
    expect(stage.router.asked).toEqual([]);
    const next = stage.another();
    next.ensure(request({ previous: records }));
    await stage.clock.advanceAsync(20);
    expect(recordsOf(next.ensure(request({ previous: records })))).toMatchObject([{ ...TCP_8080, internalIp: VIP }]);
    expect(open(stage)).toEqual(['TCP 8080']);
    await stage.clock.advanceAsync(24 * HOUR);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('follows the Service to another address', async () => {
    const stage = await mapped(switches);
    const records = recordsOf(stage.mappings.ensure(request()));
    stage.mappings.yield('default/web');
    const next = stage.another();
    const moved = request({ ip: OTHER_VIP, previous: records });
    next.ensure(moved);
    await stage.clock.advanceAsync(2 * HOUR);
    expect(next.ensure(moved)).toMatchObject({ state: 'ready', value: { records: [{ internalIp: OTHER_VIP }] } });
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('is removed with the Service', async () => {
    const stage = await mapped(switches);
    const records = recordsOf(stage.mappings.ensure(request()));
    expect(stage.mappings.withdraw(request({ previous: records })).state).toBe('pending');
    expect(await stage.withdraw(request({ previous: records }))).toEqual({
      state: 'off',
      reason: 'RouterUnmapped',
      message: 'router 10.77.0.1: closed 8080',
    });
    expect(open(stage)).toEqual([]);
    await stage.clock.advanceAsync(24 * HOUR);
    expect(open(stage)).toEqual([]);
  });

  it('is removed by an agent that did not make it', async () => {
    const stage = await mapped(switches);
    const records = recordsOf(stage.mappings.ensure(request()));
    stage.mappings.close();
    const next = stage.another();
    next.withdraw(request({ previous: records }));
    await stage.clock.advanceAsync(1000);
    expect(next.withdraw(request({ previous: records })).reason).toBe('RouterUnmapped');
    expect(open(stage)).toEqual([]);
  });

  it('is given up within ten seconds when the router is away', async () => {
    const stage = await mapped(switches);
    const records = recordsOf(stage.mappings.ensure(request()));
    stage.router.set.on = false;
    stage.mappings.withdraw(request({ previous: records }));
    await stage.clock.advanceAsync(6000);
    expect(stage.mappings.withdraw(request({ previous: records })).state).toBe('pending');
    await stage.clock.advanceAsync(4000);
    const decision = stage.mappings.withdraw(request({ previous: records }));
    expect(decision).toMatchObject({ state: 'off', reason: 'MappingLeft' });
    expect(decision.message).toContain('8080 → 10.77.0.101 could not be removed');
    expect(decision.message).toContain('runs out by itself within 10 min');
    expect(decision.message).not.toContain('cancelled');
  });

  it('is removed when the router comes back in time', async () => {
    const stage = await mapped(switches);
    const records = recordsOf(stage.mappings.ensure(request()));
    stage.router.set.on = false;
    stage.mappings.withdraw(request({ previous: records }));
    await stage.clock.advanceAsync(4000);
    stage.router.set.on = true;
    await stage.clock.advanceAsync(4000);
    expect(stage.mappings.withdraw(request({ previous: records })).reason).toBe('RouterUnmapped');
    expect(open(stage)).toEqual([]);
  });
});

describe('life with a router', () => {
  it('notices a new outer address', async () => {
    const stage = await mapped({ pcp: false });
    stage.router.set.externalIp = ip('100.64.9.9');
    await stage.clock.advanceAsync(61_000);
    expect(stage.mappings.ensure(request())).toMatchObject({ state: 'ready', reason: 'BehindCgnat' });
    expect(stage.told).toHaveLength(2);
  });

  it('notices a UPnP table that was emptied by hand', async () => {
    const stage = await mapped({ pcp: false, natPmp: false });
    stage.router.clear();
    await stage.clock.advanceAsync(61_000);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('looks at a mapping when UPnP says that it is there, once for each flock', async () => {
    const stage = await mapped({ pcp: false, natPmp: false, ...QUIET });
    stage.router.asked.length = 0;
    for (let i = 0; i < 12; i++) stage.router.announce('alive');
    await stage.clock.advanceAsync(1000);
    expect(stage.router.asked).toEqual(['GetSpecificPortMappingEntry']);
    stage.router.clear();
    stage.router.announce('alive');
    await stage.clock.advanceAsync(1000);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('follows UPnP that has moved to another port', async () => {
    const stage = await mapped({ pcp: false, natPmp: false, ...QUIET });
    stage.router.set.httpPort = 49_152;
    stage.router.restart('loudly');
    await stage.clock.advanceAsync(2000);
    expect(open(stage)).toEqual(['TCP 8080']);
    await stage.clock.advanceAsync(24 * HOUR);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('goes over to another method when the first is switched off', async () => {
    const stage = await mapped();
    Object.assign(stage.router.set, { pcp: false });
    stage.router.clear();
    await stage.clock.advanceAsync(65_000);
    expect(recordsOf(stage.mappings.ensure(request()))).toMatchObject([{ method: 'nat-pmp' }]);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('refreshes once for each announcement at most, and once a second', async () => {
    const stage = await mapped({ igd: undefined });
    stage.router.restart('loudly');
    stage.router.asked.length = 0;
    for (const pause of [250, 500, 1000, 2000, 4000, 8000, 16_000]) {
      await stage.clock.advanceAsync(pause);
      stage.router.announce('pcp');
    }
    await stage.clock.advanceAsync(2000);
    expect(stage.router.asked.filter((what) => what === 'pcp map').length).toBeLessThanOrEqual(8);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('does not let anybody else make it restless', async () => {
    const stage = await mapped();
    const intruder = stage.lan.host({
      name: 'intruder',
      mac: stage.network.links()[0]!.mac,
      addresses: [{ ip: ip('10.77.0.66'), prefixLength: 24 }],
    });
    const socket = await intruder.network.openDatagrams({
      family: 4,
      localPort: 5351,
      onDatagram: () => undefined,
      onError: () => undefined,
    });
    stage.router.asked.length = 0;
    for (let i = 0; i < 20; i++) {
      const epoch = i % 2 === 0 ? 0 : 200;
      socket.send(Uint8Array.of(2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, epoch, ...new Uint8Array(12)), {
        ip: ip('224.0.0.1'),
        port: 5350,
      });
      await stage.clock.advanceAsync(100);
    }
    expect(stage.router.asked).toEqual([]);
  });

  it('survives a storm of forged announcements at a mapping a second', async () => {
    const stage = await mapped();
    stage.router.asked.length = 0;
    for (let i = 0; i < 100; i++) {
      stage.router.restart('loudly');
      await stage.clock.advanceAsync(100);
    }
    expect(stage.router.asked.filter((what) => what === 'pcp map').length).toBeLessThan(15);
    await stage.clock.advanceAsync(2000);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('keeps a hundred Services open through a restart', async () => {
    const { mappings, clock, router } = await createStage();
    const wishes = Array.from({ length: 100 }, (_, i) =>
      request({
        service: `default/s${i}`,
        uid: `uid-${i}`,
        ports: [{ protocol: 'TCP', internalPort: 1000 + i, externalPort: 20_000 + i }],
      }),
    );
    for (const wish of wishes) mappings.ensure(wish);
    await clock.advanceAsync(3000);
    expect(router.table().size).toBe(100);
    router.restart('loudly');
    await clock.advanceAsync(2000);
    expect(router.table().size).toBe(100);
    expect(wishes.every((wish) => mappings.ensure(wish).state === 'ready')).toBe(true);
  });

  it('closes the ports of a hundred Services that go at once, however long the router takes over it', async () => {
    const { mappings, clock, router } = await createStage(undefined, 60);
    const wishes = Array.from({ length: 100 }, (_, i) =>
      request({
        service: `default/s${i}`,
        uid: `uid-${i}`,
        ports: [{ protocol: 'TCP', internalPort: 1000 + i, externalPort: 20_000 + i }],
      }),
    );
    for (const wish of wishes) mappings.ensure(wish);
    await clock.advanceAsync(60_000);
    expect(router.table().size).toBe(100);
    for (const wish of wishes) mappings.withdraw(wish);
    await clock.advanceAsync(60_000);
    expect(router.table().size).toBe(0);
    expect(new Set(wishes.map((wish) => mappings.withdraw(wish).reason))).toEqual(new Set(['RouterUnmapped']));
  });

  it('touches no foreign mapping in all of this', async () => {
    for (const [, switches] of METHODS) {
      const stage = await mapped(switches);
      stage.router.occupy('TCP 8443', ip('10.77.0.50'), 'kubevip/default/web');
      await stage.settle(request({ ports: [TCP_8080, TCP_8443] }));
      await stage.withdraw(
        request({ previous: [{ ...TCP_8443, internalIp: VIP, gateway: stage.router.ip, method: 'pcp', nonce: '00' }] }),
      );
      expect(stage.router.table().get('TCP 8443')).toMatchObject({ internalIp: '10.77.0.50' });
    }
  });
});

describe('letting go', () => {
  it('undoes nothing, even when it is in the middle of it: the next node is at it already', async () => {
    const stage = await createStage();
    stage.mappings.ensure(request());
    await stage.clock.advanceAsync(3);
    stage.mappings.yield('default/web');
    const next = stage.another();
    next.ensure(request());
    await stage.clock.advanceAsync(3000);
    expect(recordsOf(next.ensure(request()))).toHaveLength(1);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('says off at once when nothing was ever mapped', async () => {
    const { mappings, router, clock } = await createStage();
    expect(mappings.withdraw(request())).toEqual({ state: 'off', reason: 'NotMapped', message: 'nothing is mapped' });
    await clock.advanceAsync(5000);
    expect(router.asked).toEqual([]);
  });

  it('removes what is under way', async () => {
    const stage = await createStage();
    stage.mappings.ensure(request());
    await stage.clock.advanceAsync(3);
    expect(await stage.withdraw(request())).toMatchObject({ state: 'off' });
    expect(open(stage)).toEqual([]);
  });

  it('treats a Service made anew under the same name as another', async () => {
    const stage = await mapped();
    const records = recordsOf(stage.mappings.ensure(request()));
    await stage.withdraw(request({ previous: records }));
    expect(recordsOf(await stage.settle(request({ uid: 'another' })))).toHaveLength(1);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('opens again what was withdrawn', async () => {
    const stage = await mapped();
    const records = recordsOf(stage.mappings.ensure(request()));
    await stage.withdraw(request({ previous: records }));
    expect(recordsOf(await stage.settle(request()))).toHaveLength(1);
    await stage.clock.advanceAsync(2 * HOUR);
    expect(open(stage)).toEqual(['TCP 8080']);
  });

  it('leaves a mapping of a router that is gone to run out', async () => {
    const { withdraw } = await createStage();
    const previous = [
      { ...TCP_8080, internalIp: VIP, gateway: ip('192.168.9.1'), method: 'pcp' as const, nonce: '00'.repeat(12) },
    ];
    expect(await withdraw(request({ previous }))).toMatchObject({ state: 'off', reason: 'MappingLeft' });
  });

  it('sends no order to where a doctored record points', async () => {
    const stage = await mapped({ pcp: false, natPmp: false });
    const asked: string[] = [];
    stage.node.onHttp((wanted) => {
      asked.push(new URL(wanted.url).hostname);
      return stage.router.http(wanted);
    });
    const [record] = recordsOf(stage.mappings.ensure(request()));
    stage.mappings.yield('default/web');
    const doctored = { ...record!, controlUrl: 'http://169.254.169.254/latest' };
    const next = stage.another();
    next.withdraw(request({ previous: [doctored] }));
    await stage.clock.advanceAsync(20_000);
    expect(new Set(asked)).toEqual(new Set());
    expect(next.withdraw(request({ previous: [doctored] })).reason).toBe('MappingLeft');
  });

  it('leaves no socket and no timer behind', async () => {
    const stage = await mapped();
    stage.mappings.close();
    await stage.clock.advanceAsync(10_000);
    expect(stage.node.open().datagrams).toBe(0);
    expect(stage.clock.pending()).toBe(0);
  });
});
