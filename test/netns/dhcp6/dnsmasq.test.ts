/** Leases of IPv6 addresses from a real dnsmasq: got, kept, moved between nodes, refused and given back. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RecordedSpare } from '../../../src/exposure/address/dhcp/spare-record.ts';
import { createSpareLeases } from '../../../src/exposure/address/dhcp/spares.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { ip } from '../../../src/model/ip.ts';
import { eventually } from '../../support/netns.ts';
import { service } from '../../support/exposure.ts';
import { acquired, createJumpingClock, decided, requestFor, type DhcpLan } from '../dhcp4/lan.ts';
import { createDhcp6Lan, prolonged, replug, WEB } from './lan6.ts';

const RANGE6 = 'dhcp-range=fd77::1:0,fd77::1:ff,64,2m';

let world: DhcpLan;
beforeAll(async () => {
  world = await createDhcp6Lan();
});
afterEach(() => world.reset());
afterAll(() => world.dispose());

/** What dnsmasq has on record: addresses of this family stand under a line `duid …`. */
function recorded(): { readonly ip: string; readonly iaid: string; readonly name: string; readonly duid: string }[] {
  return world.leaseFile().flatMap((line) => {
    const [, iaid = '', address = '', name = '', duid = ''] = line.split(' ');
    return address.includes(':') && iaid !== 'duid'
      ? [{ ip: address, iaid, name, duid: duid.replaceAll(':', '') }]
      : [];
  });
}

describe('a lease', () => {
  it('is on record at the server under the Service’s own name and identifier, and is given back', async () => {
    await world.dnsmasq(RANGE6);
    const { leases6 } = world.node('a');
    const lease = await acquired(leases6, WEB);
    expect(lease.ip).toMatch(/^fd77::1:/);
    expect(lease).toMatchObject({ leaseSeconds: 120 });
    // The client identifier of DHCPv4 is made of the same IAID and DUID.
    const [iaid, duid] = [lease.clientId.slice(2, 10), lease.clientId.slice(10)];
    expect(recorded()).toEqual([{ ip: lease.ip, iaid: String(parseInt(iaid, 16)), name: 'web', duid }]);
    expect(leases6.release(WEB, lease).reason).toBe('LeaseReleased');
    await eventually('dnsmasq forgets it', () => recorded().length === 0);
  });

  it('takes two messages, and of several prefixes one address is kept', async () => {
    const { router } = world.lan.hosts;
    await router.ip8('addr add fd78::1/64 dev eth0 nodad');
    try {
      const server = await world.dnsmasq(RANGE6, 'dhcp-range=fd78::1:0,fd78::1:ff,64,2m');
      const { leases6 } = world.node('a');
      const lease = await acquired(leases6, WEB);
      expect(server.log()).not.toContain('DHCPADVERTISE');
      await eventually(
        'the other one is back',
        () =>
          recorded()
            .map(({ ip: one }) => one)
            .join() === lease.ip,
      );
    } finally {
      await router.ip8('addr del fd78::1/64 dev eth0');
    }
  });

  it('is of the address that is asked for', async () => {
    await world.dnsmasq(RANGE6);
    const { leases6 } = world.node('a');
    expect((await acquired(leases6, { ...WEB, requested: ip('fd77::1:42') })).ip).toBe('fd77::1:42');
  });

  it('goes on from another node, which is the same client to the server', async () => {
    await world.dnsmasq(RANGE6);
    const lease = await acquired(world.node('a').leases6, WEB);
    const { leases6 } = world.node('b');
    const moved = await prolonged(leases6, lease);
    expect(moved).toMatchObject({ ip: lease.ip, clientId: lease.clientId });
    expect(recorded()).toHaveLength(1);
  });

  it('is renewed at T1, and by any server from T2 on', async () => {
    const server = await world.dnsmasq(RANGE6);
    const clock = createJumpingClock();
    const { leases6 } = world.node('a', clock);
    const lease = await acquired(leases6, WEB);
    leases6.keep(WEB, lease);
    clock.jump(61_000);
    const renewed = await prolonged(leases6, lease);
    expect(renewed.ip).toBe(lease.ip);
    expect(server.log()).toContain('DHCPRENEW');
    await server.stop();
    clock.jump(61_000);
    clock.jump(45_000);
    await decided(leases6, 'RenewalUnanswered', () => leases6.keep(WEB, renewed));
    const again = await world.dnsmasq(RANGE6);
    clock.jump(12_000);
    const after = await decided(leases6, 'Leased', () => leases6.keep(WEB, renewed));
    expect(after).toMatchObject({ state: 'ready', value: { ip: lease.ip } });
    expect(again.log()).toContain('DHCPREBIND');
  });

  it('that the server has forgotten is requested again, and the address stays', async () => {
    const server = await world.dnsmasq(RANGE6);
    const lease = await acquired(world.node('a').leases6, WEB);
    await server.stop();
    // Its own identifier stands there, too.
    world.setLeaseFile(world.leaseFile().filter((line) => line.startsWith('duid ')));
    await world.dnsmasq(RANGE6);
    const { leases6 } = world.node('b');
    const kept = await prolonged(leases6, lease);
    expect(kept.ip).toBe(lease.ip);
    await eventually('it is on record again', () => recorded().some((record) => record.ip === lease.ip));
  });

  it('of a server that is replaced by another one goes on with that one from T2 on', async () => {
    const server = await world.dnsmasq(RANGE6);
    const clock = createJumpingClock();
    const { leases6 } = world.node('a', clock);
    const lease = await acquired(leases6, WEB);
    leases6.keep(WEB, lease);
    await server.stop();
    world.setLeaseFile([]);
    // Its identifier has the second of its first start in it (RFC 8415 §11.2).
    await delay(1100);
    await world.dnsmasq(RANGE6);
    clock.jump(61_000);
    clock.jump(45_000);
    const kept = await prolonged(leases6, lease);
    expect(kept.ip).toBe(lease.ip);
    expect(kept.serverId).not.toBe(lease.serverId);
  });

  it('of a prefix that the server serves no more is lost', async () => {
    const server = await world.dnsmasq(RANGE6);
    const lease = await acquired(world.node('a').leases6, WEB);
    await server.stop();
    await world.reset();
    await world.lan.hosts.router.ip8('addr add fd78::1/64 dev eth0 nodad', 'addr del fd77::1/64 dev eth0');
    try {
      await world.dnsmasq('dhcp-range=fd78::1:0,fd78::1:ff,64,2m');
      const { leases6 } = world.node('a');
      const lost = await decided(leases6, 'LeaseLost', () => leases6.keep(WEB, lease));
      expect(lost.state).toBe('failed');
      expect((await acquired(leases6, WEB)).ip).toMatch(/^fd78::1:/);
    } finally {
      await world.lan.hosts.router.ip8('addr add fd77::1/64 dev eth0 nodad', 'addr del fd78::1/64 dev eth0');
    }
  });
});

describe('a link that comes back', () => {
  it('is asked whether the address belongs to it, and where it does not, the lease is lost', async () => {
    const server = await world.dnsmasq(RANGE6);
    const { leases6, network } = world.node('a');
    const lease = await acquired(leases6, WEB);
    leases6.keep(WEB, lease);
    await replug(world, network);
    await eventually('it is asked', () => server.log().includes('DHCPCONFIRM'));
    expect(leases6.keep(WEB, lease).state).toBe('ready');
    await server.stop();
    const { router } = world.lan.hosts;
    await router.ip8('addr add fd78::1/64 dev eth0 nodad', 'addr del fd77::1/64 dev eth0');
    try {
      await world.dnsmasq('dhcp-range=fd78::1:0,fd78::1:ff,64,2m');
      await replug(world, network);
      await decided(leases6, 'LeaseLost', () => leases6.keep(WEB, lease));
      expect((await acquired(leases6, WEB)).ip).toMatch(/^fd78::1:/);
    } finally {
      await router.ip8('addr add fd77::1/64 dev eth0 nodad', 'addr del fd78::1/64 dev eth0');
    }
  });
});

describe('a spare lease', () => {
  it('goes to a Service and its owner, and the server then knows it by the name of the Service', async () => {
    await world.dnsmasq(RANGE6);
    const clock = createSystemClock();
    let spares: readonly RecordedSpare[] = [];
    const leases = createSpareLeases({
      ...{ family: 6, count: 1, clock, leases: world.node('a', clock).leases6 },
      allocating: () => true,
      cluster: () => 'test-cluster',
      lans: () => [{ link: 'eth0', lan: '10.77.0.0/24' }],
      services: () => [service('web', { metadata: { uid: WEB.uid } })],
      record: {
        read: () => spares,
        write(recorded) {
          spares = recorded;
          return Promise.resolve();
        },
      },
      prober: { probe: () => Promise.resolve(undefined) },
    });
    const names = (): string[] =>
      recorded()
        .map(({ name }) => name)
        .sort();
    leases.tend();
    await eventually('a spare is there', () => spares.length > 0);
    const lease = spares[0]!.lease;
    expect(recorded()).toMatchObject([{ ip: lease.ip, name: 'kubevip-spare-0' }]);
    expect(leases.acquire(WEB)).toMatchObject({ state: 'ready', value: lease });
    const { leases6: owner } = world.node('b');
    await prolonged(owner, lease);
    await eventually('both are known', () => names().join() === 'kubevip-spare-1,web');
    const done = leases.handBack();
    leases.close();
    await done;
    await eventually('the next one is back', () => names().join() === 'web');
  });
});

describe('an address that is in use already', () => {
  it('is declined, and another one is got', async () => {
    const server = await world.dnsmasq(RANGE6);
    const { b } = world.lan.hosts;
    await b.ip8('addr add fd77::1:42/64 dev eth0 nodad');
    try {
      const { leases6 } = world.node('a');
      const request = { ...WEB, requested: ip('fd77::1:42') };
      await decided(leases6, 'OfferDeclined', () => leases6.acquire(request));
      const lease = await acquired(leases6, request, 30_000);
      expect(lease.ip).not.toBe('fd77::1:42');
      expect(server.log()).toContain('DHCPDECLINE');
    } finally {
      await b.ip8('addr del fd77::1:42/64 dev eth0');
    }
  });
});

describe('many Services at once', () => {
  it('each have an address of their own', async () => {
    await world.dnsmasq(RANGE6);
    const { leases6 } = world.node('a');
    const names = Array.from({ length: 30 }, (_, i) => `web-${i}`);
    const leases = await Promise.all(names.map((name) => acquired(leases6, requestFor(name))));
    expect(new Set(leases.map((lease) => lease.ip)).size).toBe(30);
    expect(recorded()).toHaveLength(30);
  });
});

describe('both families', () => {
  it('of one Service are leased beside each other, to one client', async () => {
    await world.dnsmasq(RANGE6, 'dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,2m', 'no-ping');
    const { leases, leases6 } = world.node('a');
    const [four, six] = await Promise.all([acquired(leases, WEB), acquired(leases6, WEB)]);
    expect(four.clientId).toBe(six.clientId);
    expect(recorded()).toMatchObject([{ ip: six.ip, name: 'web' }]);
    expect(world.leaseFile().some((line) => line.includes(four.ip))).toBe(true);
  });
});

describe('without a link-local address', () => {
  it('it is said that there is none, and asked as soon as there is one', async () => {
    await world.dnsmasq(RANGE6);
    const { a } = world.lan.hosts;
    const local =
      (await a.must(['ip', '-6', '-o', 'addr', 'show', 'dev', 'eth0', 'scope', 'link'])).split(/\s+/)[3] ?? '';
    await a.ip8(`addr del ${local} dev eth0`);
    const { leases6 } = world.node('a');
    const decision = await decided(leases6, 'NoLink', () => leases6.acquire(WEB));
    expect(decision.message).toContain('no link-local IPv6 address');
    await a.ip8(`addr add ${local} dev eth0 nodad`);
    expect((await acquired(leases6, WEB)).ip).toMatch(/^fd77::1:/);
  });
});
