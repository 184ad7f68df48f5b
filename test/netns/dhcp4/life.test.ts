/** A lease's life with a real dnsmasq, from T1 to its end and beyond: servers that go, come back and change their mind. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DhcpLeasesOnNode } from '../../../src/exposure/address/dhcp/leases.ts';
import type { DhcpLease } from '../../../src/exposure/address/port.ts';
import { ip } from '../../../src/model/ip.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import { eventually } from '../../support/netns.ts';
import { acquired, createDhcpLan, createJumpingClock, decided, RANGE, requestFor, type DhcpLan } from './lan.ts';

let world: DhcpLan;
beforeAll(async () => {
  world = await createDhcpLan();
});
afterEach(async () => {
  await world.reset();
  await world.lan.hosts.router.ip8('neigh flush all');
});
afterAll(() => world.dispose());

const WEB = requestFor('web');
const ADDRESS = ip('10.77.0.123');

/** Keeps the lease until the server has prolonged it. */
async function prolonged(leases: DhcpLeasesOnNode, lease: DhcpLease): Promise<DhcpLease> {
  let now = lease;
  await eventually('the lease is prolonged', () => {
    const decision = leases.keep(WEB, lease);
    if (decision.state !== 'ready') throw new Error(decision.message);
    now = decision.value;
    return now.acquiredAt !== lease.acquiredAt;
  });
  return now;
}

describe('T1 and T2 of the server’s choosing', () => {
  it('are kept to: by unicast from T1 on, by broadcast from T2 on, in real time', async () => {
    const { a, router } = world.lan.hosts;
    const server = await world.dnsmasq(RANGE, 'no-ping', 'dhcp-option=option:T1,2', 'dhcp-option=option:T2,4');
    const { leases } = world.node('a');
    const lease = await acquired(leases, { ...WEB, requested: ADDRESS });
    // dnsmasq moves T1 about by itself; what counts is that neither is half or seven eighths of the lease.
    expect(lease).toMatchObject({ leaseSeconds: 120, rebindSeconds: 4 });
    expect(lease.renewSeconds).toBeLessThan(lease.rebindSeconds);
    await a.ip8(`addr add ${ADDRESS}/32 dev eth0`);
    const tcpdump = router.daemon(['tcpdump', '--immediate-mode', '-lneti', 'eth0', 'udp dst port 67']);
    await eventually('tcpdump listens', () => tcpdump.log().includes('listening'));
    await prolonged(leases, lease);
    expect(tcpdump.log()).toContain(`${ADDRESS}.68 > ${router.ip}.67`);
    expect(tcpdump.log()).not.toContain('> 255.255.255.255.67');
    await server.stop();
    const late = await decided(leases, 'RenewalUnanswered', () => leases.keep(WEB, lease));
    expect(late.state).toBe('ready');
    await eventually('T2', () => tcpdump.log().includes(`${ADDRESS}.68 > 255.255.255.255.67`));
    await tcpdump.stop();
    await a.ip8(`addr del ${ADDRESS}/32 dev eth0`);
  });
});

describe('a server that is gone and comes back', () => {
  it('before the lease has ended: the same lease goes on, and nothing more is said', async () => {
    const first = await world.dnsmasq(RANGE, 'no-ping');
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    const lease = await acquired(leases, WEB);
    leases.keep(WEB, lease);
    await first.stop();
    clock.jump(60_000);
    clock.jump(45_000);
    await decided(leases, 'RenewalUnanswered', () => leases.keep(WEB, lease));
    await world.dnsmasq(RANGE, 'no-ping');
    clock.jump(5_000);
    const after = await decided(leases, 'Leased', () => leases.keep(WEB, lease));
    expect(after).toMatchObject({ state: 'ready', value: { ip: lease.ip } });
  });

  it('after it has ended: the address was dropped, and is the same again', async () => {
    const first = await world.dnsmasq(RANGE, 'no-ping');
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    const lease = await acquired(leases, WEB);
    leases.keep(WEB, lease);
    await first.stop();
    for (const step of [60_000, 45_000, 15_000]) clock.jump(step);
    await decided(leases, 'LeaseLost', () => leases.keep(WEB, lease));
    const again = { ...WEB, requested: lease.ip, mac: lease.mac };
    expect(leases.acquire(again).reason).toBe('DhcpDiscovering');
    await world.dnsmasq(RANGE, 'no-ping');
    clock.jump(33_000);
    expect((await acquired(leases, again)).ip).toBe(lease.ip);
  });
});

describe('a server that changes its mind', () => {
  it('and reserves another address for the Service: refused at renewal, the new one is had', async () => {
    const first = await world.dnsmasq(RANGE, 'no-ping');
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    const lease = await acquired(leases, { ...WEB, requested: ADDRESS });
    await world.lan.hosts.a.ip8(`addr add ${ADDRESS}/32 dev eth0`);
    leases.keep(WEB, lease);
    await first.stop();
    await world.dnsmasq(RANGE, 'no-ping', `dhcp-host=${identityOf(WEB.uid).mac},10.77.0.222`);
    clock.jump(60_000);
    const lost = await decided(leases, 'LeaseLost', () => leases.keep(WEB, lease));
    expect(lost.message).toContain(`took ${ADDRESS} back`);
    await world.lan.hosts.a.ip8(`addr del ${ADDRESS}/32 dev eth0`);
    expect((await acquired(leases, { ...WEB, requested: ADDRESS, mac: lease.mac })).ip).toBe('10.77.0.222');
  });
});

describe('a second server on the LAN that refuses what it does not know', () => {
  it('does not cost the lease: the one that gave it stands by it', async () => {
    await world.dnsmasq(RANGE, 'no-ping');
    const lease = await acquired(world.node('a').leases, WEB);
    const other = await world.otherDnsmasq(
      'interface=eth0',
      'dhcp-range=10.77.0.200,10.77.0.220,255.255.255.0,2m',
      'no-ping',
    );
    // Another agent asks by broadcast, which both servers hear.
    const { leases } = world.node('a');
    expect((await prolonged(leases, lease)).ip).toBe(lease.ip);
    await eventually('the other one refuses', () => other.log().includes('DHCPNAK'));
    expect(leases.keep(WEB, lease)).toMatchObject({ state: 'ready', value: { server: lease.server } });
  });

  it('takes over when the first one is gone for good', async () => {
    const first = await world.dnsmasq(RANGE, 'no-ping');
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    const lease = await acquired(leases, WEB);
    leases.keep(WEB, lease);
    await first.stop();
    await world.otherDnsmasq('interface=eth0', 'dhcp-range=10.77.0.200,10.77.0.220,255.255.255.0,2m', 'no-ping');
    for (const step of [60_000, 45_000]) clock.jump(step);
    const lost = await decided(leases, 'LeaseLost', () => {
      clock.jump(100);
      return leases.keep(WEB, lease);
    });
    expect(lost.message).toContain(`DHCP server ${world.lan.hosts.b.ip} took ${lease.ip} back`);
    const next = await acquired(leases, { ...WEB, requested: lease.ip });
    expect(next.server).toBe(world.lan.hosts.b.ip);
  });
});

describe('a server that knows clients by hardware address alone', () => {
  it('tells Services apart, and goes on with a lease from another node', async () => {
    await world.dnsmasq(RANGE, 'no-ping', 'dhcp-ignore-clid');
    const { leases } = world.node('a');
    const [web, db] = await Promise.all([acquired(leases, WEB), acquired(leases, requestFor('db'))]);
    expect(web.ip).not.toBe(db.ip);
    expect((await prolonged(world.node('b').leases, web)).ip).toBe(web.ip);
    expect(world.leaseFile()).toHaveLength(2);
  });
});

describe('a lease for ever', () => {
  it('is had, said to be that, and given back', async () => {
    const server = await world.dnsmasq('dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,infinite', 'no-ping');
    const { leases } = world.node('a');
    const lease = await acquired(leases, WEB);
    expect(leases.keep(WEB, lease).message).toContain('for ever');
    leases.release(WEB, lease);
    await eventually('it is given back', () => server.log().includes('DHCPRELEASE'));
  });
});
