/** Servers that are slow, gone, or that give away what is taken. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { eventually } from '../../support/netns.ts';
import { acquired, createDhcpLan, createJumpingClock, decided, RANGE, requestFor, type DhcpLan } from './lan.ts';

let world: DhcpLan;
beforeAll(async () => {
  world = await createDhcpLan();
});
afterEach(() => world.reset());
afterAll(() => world.dispose());

const WEB = requestFor('web');

describe('a server that pings an address before it offers it', () => {
  it('is waited for without a complaint, and one Service does not wait for another’s ping', async () => {
    const server = await world.dnsmasq(RANGE);
    const { leases } = world.node('a');
    const begun = performance.now();
    const reasons = new Set<string>();
    leases.onChange(() => reasons.add(leases.acquire(WEB).reason));
    const others = ['second', 'third'].map((name) => requestFor(name));
    const asking = acquired(leases, WEB);
    for (const other of others) leases.acquire(other);
    const first = await asking;
    const took = performance.now() - begun;
    // Waited out for this Service alone: three together would be nine seconds.
    expect(took).toBeGreaterThan(2900);
    expect(took).toBeLessThan(8000);
    expect([...reasons]).toEqual(['Leased']);
    expect(server.log()).not.toContain('DHCPNAK');
    const rest = await Promise.all(others.map((other) => acquired(leases, other)));
    expect(new Set([first, ...rest].map((lease) => lease.ip)).size).toBe(3);
  });

  it('does not ping again what it has leased: another node is confirmed at once', async () => {
    await world.dnsmasq(RANGE);
    const lease = await acquired(world.node('a').leases, WEB);
    const { leases } = world.node('b');
    const begun = performance.now();
    leases.keep(WEB, lease);
    await eventually('the server confirms', () => {
      const decision = leases.keep(WEB, lease);
      return decision.state === 'ready' && decision.value.acquiredAt !== lease.acquiredAt;
    });
    expect(performance.now() - begun).toBeLessThan(2900);
  });
});

describe('a LAN without a DHCP server', () => {
  it('is called that, with the interface, until there is one', async () => {
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    const ask = () => leases.acquire(WEB);
    expect(ask().reason).toBe('DhcpDiscovering');
    clock.jump(10_000);
    const none = await decided(leases, 'NoDhcpServer', ask);
    expect(none.state).toBe('failed');
    expect(none.message).toMatch(/no DHCP server has answered on eth0 since /);
    await world.dnsmasq(RANGE, 'no-ping');
    clock.jump(33_000);
    expect((await decided(leases, 'Leased', ask)).state).toBe('ready');
  });

  it('is noticed on an interface without a carrier, and the interface’s return too', async () => {
    await world.dnsmasq(RANGE, 'no-ping');
    const { leases } = world.node('a');
    await world.lan.setCable('a', false);
    const ask = () => leases.acquire(WEB);
    const down = await decided(leases, 'NoLink', ask);
    expect(down.message).toBe('no address by DHCP: interface eth0 is down or has no carrier');
    await world.lan.setCable('a', true);
    expect((await decided(leases, 'Leased', ask)).state).toBe('ready');
  });

  it('is not confused with an interface that is not there', () => {
    const decision = world.node('a').leases.acquire({ ...WEB, link: 'eth7' });
    expect(decision).toMatchObject({ reason: 'NoLink', message: /eth7 does not exist/ });
  });
});

describe('a range that is used up', () => {
  it('is told from a missing server, and served when something is given back', async () => {
    await world.dnsmasq('dhcp-range=10.77.0.100,10.77.0.100,255.255.255.0,2m', 'no-ping');
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    const first = requestFor('first');
    const lease = await acquired(leases, first);
    await world.lan.hosts.a.ip8(`addr add ${lease.ip}/32 dev eth0`);
    leases.keep(first, lease);
    const ask = () => leases.acquire(WEB);
    expect(ask().reason).toBe('DhcpDiscovering');
    // The server goes on answering the one who has the address.
    const refusal = await eventually('the server offers nothing', () => {
      clock.jump(2000);
      leases.keep(first, lease);
      const decision = ask();
      return decision.reason === 'NoDhcpOffer' ? decision : undefined;
    });
    expect(refusal?.message).toContain(`DHCP server ${world.lan.hosts.router.ip} on eth0 answers others`);
    leases.release(first, lease);
    await world.lan.hosts.a.ip8(`addr del ${lease.ip}/32 dev eth0`);
    await eventually('the line is gone', () => world.leaseFile().length === 0);
    clock.jump(33_000);
    expect((await acquired(leases, WEB)).ip).toBe(lease.ip);
  });
});

describe('an address that another machine uses already', () => {
  const TAKEN = ip('10.77.0.150');

  it('is found by ARP before it is used, declined, and the server gives another one', async () => {
    const server = await world.dnsmasq(RANGE, 'no-ping');
    await world.lan.hosts.b.ip8(`addr add ${TAKEN}/24 dev eth0`);
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    const ask = () => leases.acquire({ ...WEB, requested: TAKEN });
    const reasons = new Set<string>();
    leases.onChange(() => reasons.add(ask().reason));
    const found = await decided(leases, 'OfferDeclined', ask);
    expect(found.message).toContain(`${TAKEN}, which ${world.lan.hosts.b.mac} already uses on eth0`);
    expect([...reasons]).toEqual(['OfferDeclined']);
    await eventually('the server marks it', () => server.log().includes(`DHCPDECLINE(eth0) ${TAKEN}`));
    clock.jump(10_000);
    const next = await acquired(leases, { ...WEB, requested: TAKEN });
    expect(next.ip).not.toBe(TAKEN);
    await world.lan.hosts.b.ip8(`addr del ${TAKEN}/24 dev eth0`);
  });

  it('is one of this very node: that is found too', async () => {
    await world.dnsmasq(RANGE, 'no-ping');
    await world.lan.hosts.a.ip8(`addr add ${TAKEN}/24 dev eth0`);
    const { leases } = world.node('a');
    const found = await decided(leases, 'OfferDeclined', () => leases.acquire({ ...WEB, requested: TAKEN }));
    expect(found.message).toContain(`${TAKEN}, which ${world.lan.hosts.a.mac} already uses`);
    await world.lan.hosts.a.ip8(`addr del ${TAKEN}/24 dev eth0`);
  });

  it('is declined when that turns out later, and the server gives another one', async () => {
    const server = await world.dnsmasq(RANGE, 'no-ping');
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    const lease = await acquired(leases, { ...WEB, requested: TAKEN });
    expect(lease.ip).toBe(TAKEN);
    leases.decline(WEB, lease);
    clock.jump(10_000);
    const next = await acquired(leases, WEB);
    expect(next.ip).not.toBe(TAKEN);
    expect(server.log()).toContain(`DHCPDECLINE(eth0) ${TAKEN}`);
  });
});
