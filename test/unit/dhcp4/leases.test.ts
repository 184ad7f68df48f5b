import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import { MESSAGE_TYPE } from '../../../src/protocols/dhcp4/codes.ts';
import { decodeUdpFrame } from '../../../src/protocols/dhcp4/frame.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import { decodeMessage } from '../../../src/protocols/dhcp4/message.ts';
import { acquired, createLeasesLan, leaseOf, REQUEST } from './leases-lan.ts';

const HOUR = 3_600_000;
const { discover, request, release, decline } = MESSAGE_TYPE;

describe('acquire', () => {
  it('says what it does, calls back, and then has a lease that any node can read', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    expect(node.leases.acquire(REQUEST)).toEqual({
      state: 'pending',
      reason: 'DhcpDiscovering',
      message: 'asking for an address by DHCP on eth0 since 2026-01-01T00:00:00Z',
    });
    world.clock.advance(0);
    expect(node.changes).toEqual(['default/web']);
    const decision = node.leases.acquire(REQUEST);
    expect(decision).toMatchObject({
      state: 'ready',
      reason: 'Leased',
      message: '10.77.0.100 by DHCP from 10.77.0.1, until 2026-01-01T01:00:00Z',
    });
    const identity = identityOf('uid-web');
    expect(leaseOf(decision)).toEqual({
      ip: '10.77.0.100',
      mac: identity.mac,
      clientId: Buffer.from(identity.clientId).toString('hex'),
      server: '10.77.0.1',
      serverMac: '02:77:00:00:00:01',
      prefixLength: 24,
      router: '10.77.0.1',
      acquiredAt: '2026-01-01T00:00:00.000Z',
      leaseSeconds: 3600,
      renewSeconds: 1800,
      rebindSeconds: 3150,
    });
    expect(world.types()).toEqual([discover, request]);
  });

  it('sends from the address of the node, whatever the client is called', () => {
    const world = createLeasesLan();
    world.node(1).leases.acquire({ ...REQUEST, mac: parseMac('02:00:00:00:00:aa')! });
    const { sourceMac, payload } = decodeUdpFrame(world.lan.sent[0]!.frame);
    expect(sourceMac).toBe('02:77:00:00:01:01');
    expect(decodeMessage(payload).chaddr).toBe('02:00:00:00:00:aa');
  });

  it('says when the server chose another address than the wished one', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    node.leases.acquire({ ...REQUEST, requested: ip('192.168.1.5') });
    world.clock.advance(100);
    expect(node.leases.acquire({ ...REQUEST, requested: ip('192.168.1.5') }).message).toContain(
      '192.168.1.5 was asked for, the server chose',
    );
  });

  it('does not renew what nobody keeps, and starts over when it has run out', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    acquired(world, node);
    world.clock.advance(0.99 * HOUR);
    expect(world.types()).toEqual([]);
    world.clock.advance(0.02 * HOUR);
    expect(node.changes).toContain('default/web');
    node.leases.acquire(REQUEST);
    world.clock.advance(0);
    expect(world.types()).toEqual([discover, request]);
    expect(leaseOf(node.leases.acquire(REQUEST)).acquiredAt > '2026-01-01T01:00').toBe(true);
  });

  it('says after ten seconds that there is no server, goes on, and finds it when it comes', () => {
    const world = createLeasesLan();
    world.server.up = false;
    const node = world.node(1);
    node.leases.acquire(REQUEST);
    world.clock.advance(9_999);
    expect(node.changes).toEqual([]);
    expect(node.leases.acquire(REQUEST).reason).toBe('DhcpDiscovering');
    world.clock.advance(1);
    expect(node.changes).toEqual(['default/web']);
    const decision = node.leases.acquire(REQUEST);
    expect(decision).toMatchObject({ state: 'failed', reason: 'NoDhcpServer' });
    expect(decision.message).toMatch(/on eth0 since 2026-01-01T00:00:00Z.*serviceInterface/);
    world.clock.advance(HOUR);
    world.server.up = true;
    world.clock.advance(33_000);
    expect(node.leases.acquire(REQUEST).state).toBe('ready');
  });

  it('lets all who wait ask again when one of them gets an answer', () => {
    const world = createLeasesLan();
    world.server.up = false;
    const node = world.node(1);
    const requests = Array.from({ length: 10 }, (_, i) => ({
      ...REQUEST,
      service: `default/s${i}` as const,
      uid: `uid-${i}`,
    }));
    for (const each of requests) node.leases.acquire(each);
    world.clock.advance(HOUR);
    world.server.up = true;
    for (let i = 0; i < 40 && world.server.leases.size === 0; i++) world.clock.advance(1000);
    world.clock.advance(1100);
    expect(world.server.leases.size).toBe(10);
  });

  it('tells a server that has no time yet from one that has nothing to give', () => {
    const world = createLeasesLan({ size: 1 });
    const node = world.node(1);
    acquired(world, node, { ...REQUEST, service: 'default/first', uid: 'uid-first' });
    node.leases.acquire(REQUEST);
    world.clock.advance(10_000);
    expect(node.leases.acquire(REQUEST)).toMatchObject({ state: 'pending', reason: 'DhcpDiscovering' });
    expect(node.leases.acquire(REQUEST).message).toContain('server 10.77.0.1 answers others');
    world.clock.advance(49_000);
    world.node(2).leases.acquire({ ...REQUEST, service: 'default/first', uid: 'uid-first' });
    world.clock.advance(1000);
    expect(node.leases.acquire(REQUEST)).toMatchObject({ state: 'failed', reason: 'NoDhcpOffer' });
  });

  it('says who refuses what it offered', () => {
    const world = createLeasesLan();
    world.server.refusing = true;
    const node = world.node(1);
    node.leases.acquire(REQUEST);
    world.clock.advance(0);
    expect(node.leases.acquire(REQUEST).reason).toBe('DhcpDiscovering');
    world.clock.advance(5000);
    const decision = node.leases.acquire(REQUEST);
    expect(decision).toMatchObject({ state: 'failed', reason: 'LeaseRefused' });
    expect(decision.message).toMatch(/10\.77\.0\.1 on eth0 .* in a row: "not-yours"/);
    world.server.refusing = false;
    world.clock.advance(60_000);
    expect(node.leases.acquire(REQUEST).state).toBe('ready');
  });

  it('gets 200 leases at once, all different, over one socket', () => {
    const world = createLeasesLan({ size: 250 });
    const node = world.node(1);
    const requests = Array.from({ length: 200 }, (_, i) => ({
      ...REQUEST,
      service: `default/s${i}` as const,
      uid: `uid-${i}`,
    }));
    for (const each of requests) node.leases.acquire(each);
    expect(node.host.open().frames).toBe(1);
    world.clock.advance(1000);
    expect(new Set(requests.map((each) => leaseOf(node.leases.acquire(each)).ip)).size).toBe(200);
  });

  it('hears a server that answers to the client’s own address although asked not to', () => {
    const world = createLeasesLan();
    world.unicast = true;
    const node = world.node(1);
    node.leases.acquire(REQUEST);
    world.clock.advance(14_000);
    expect(node.leases.acquire(REQUEST).state).toBe('ready');
  });
});

describe('several acquisitions on one interface', () => {
  const three = ['one', 'two', 'three'].map((name) => ({ ...REQUEST, service: `default/${name}` as const, uid: name }));

  it('begin when the one before has its offer', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    for (const each of three) node.leases.acquire(each);
    expect(world.types()).toEqual([discover]);
    world.clock.advance(0);
    expect(world.types()).toEqual([request, discover, request, discover, request]);
  });

  it('all begin after 3.5 s without an offer', () => {
    const world = createLeasesLan();
    world.server.up = false;
    const node = world.node(1);
    for (const each of three) node.leases.acquire(each);
    world.clock.advance(3499);
    expect(new Set(world.types()).size).toBe(1);
    world.clock.advance(1);
    expect(world.server.seen).toEqual([]);
    expect(world.lan.sent.filter(({ at }) => at === 3500)).toHaveLength(2);
  });

  it('do not wait for one that is not wanted any more', () => {
    const world = createLeasesLan();
    world.server.up = false;
    const node = world.node(1);
    for (const each of three) node.leases.acquire(each);
    node.leases.yield('default/two');
    node.leases.yield('default/one');
    expect(world.types()).toEqual([discover, discover]);
    world.clock.advance(0);
    node.leases.yield('default/three');
    expect(world.clock.pending()).toBe(0);
  });

  it('do not hold up those on another node', () => {
    const world = createLeasesLan();
    world.node(1).leases.acquire(REQUEST);
    world.node(2).leases.acquire({ ...REQUEST, service: 'default/other', uid: 'other' });
    expect(world.types()).toEqual([discover, discover]);
  });
});

describe('interfaces', () => {
  it('that do not exist are named, and used once they are there', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    node.host.setLink(undefined);
    expect(node.leases.acquire(REQUEST)).toMatchObject({
      state: 'failed',
      reason: 'NoLink',
      message: 'no address by DHCP: interface eth0 does not exist on this node',
    });
    world.clock.advance(HOUR);
    expect(world.types()).toEqual([]);
    node.host.setLink({ index: 7 });
    world.clock.advance(1100);
    expect(node.leases.acquire(REQUEST).state).toBe('ready');
  });

  it('that are down are said to be, and used once they are up', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    node.host.setLink({ up: false });
    expect(node.leases.acquire(REQUEST)).toMatchObject({ reason: 'NoLink', message: /eth0 is down or has no carrier/ });
    world.clock.advance(60_000);
    node.host.setLink({ up: true });
    world.clock.advance(1100);
    expect(node.leases.acquire(REQUEST).state).toBe('ready');
  });

  it('that are replaced under their name go on with a socket on the new one', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    node.host.setLink({ index: 9, mac: parseMac('02:77:00:00:01:99')! });
    expect(node.host.open().frames).toBe(1);
    world.clock.advance(0.5 * HOUR);
    expect(leaseOf(node.leases.keep(REQUEST, lease)).acquiredAt > lease.acquiredAt).toBe(true);
    expect(decodeUdpFrame(world.lan.sent.filter(({ from }) => from === 'n1').at(-1)!.frame).sourceMac).toBe(
      '02:77:00:00:01:99',
    );
  });

  it('are not listened to when no Service needs it', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    acquired(world, node);
    node.leases.yield(REQUEST.service);
    expect(node.host.open().frames).toBe(0);
    expect(world.clock.pending()).toBe(0);
  });
});

describe('keep', () => {
  it('goes on where acquire ended, without a word until T1', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    expect(leaseOf(node.leases.keep(REQUEST, lease))).toEqual(lease);
    world.clock.advance(0.47 * HOUR);
    expect(world.types()).toEqual([]);
    world.clock.advance(0.03 * HOUR);
    expect(world.types()).toEqual([request]);
    expect(node.changes).toEqual(['default/web']);
    const renewed = leaseOf(node.leases.keep(REQUEST, lease));
    expect(renewed.acquiredAt > lease.acquiredAt).toBe(true);
    expect(renewed.ip).toBe(lease.ip);
    // The Service still shows the old form for a moment, then the new one; neither makes it ask again.
    expect(leaseOf(node.leases.keep(REQUEST, lease))).toEqual(renewed);
    expect(leaseOf(node.leases.keep(REQUEST, renewed))).toEqual(renewed);
    expect(world.types()).toEqual([]);
  });

  it('takes over from another node at once, and has it confirmed in the background', () => {
    const world = createLeasesLan();
    const [a, b] = [world.node(1), world.node(2)];
    const lease = acquired(world, a);
    a.leases.keep(REQUEST, lease);
    world.clock.advance(60_000);
    a.leases.yield(REQUEST.service);
    expect(world.types()).toEqual([]);
    expect(leaseOf(b.leases.keep(REQUEST, lease))).toEqual(lease);
    world.clock.advance(0);
    expect(world.types()).toEqual([request]);
    expect(b.changes).toEqual(['default/web']);
    const confirmed = leaseOf(b.leases.keep(REQUEST, lease));
    expect(confirmed).toEqual({ ...lease, acquiredAt: '2026-01-01T00:01:00.010Z' });
    expect([...world.server.leases.keys()]).toEqual([lease.ip]);
  });

  it('is the same lease for days, also when the Service never gets to show its renewals', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    node.leases.onChange(() => expect(leaseOf(node.leases.keep(REQUEST, lease)).ip).toBe(lease.ip));
    world.clock.advance(5 * 24 * HOUR);
    expect(node.changes.length).toBeGreaterThanOrEqual(240);
    expect(new Set(world.server.seen)).toEqual(new Set([discover, request]));
    expect(world.server.seen.length).toBe(node.changes.length + 2);
  });

  it.each([
    ['ahead', 10 * HOUR],
    ['behind', -10 * HOUR],
  ])('takes over on a node whose clock is %s', (_, skew) => {
    const world = createLeasesLan();
    const lease = acquired(world, world.node(1));
    const other = world.node(2, skew);
    const first = other.leases.keep(REQUEST, lease);
    expect(first.reason).toBe(skew > 0 ? 'LeaseConfirming' : 'Leased');
    world.clock.advance(0);
    const confirmed = leaseOf(other.leases.keep(REQUEST, lease));
    expect(confirmed.ip).toBe(lease.ip);
    // And back to the first, whose clock says that this lease is of another day.
    const back = world.node(3);
    back.leases.keep(REQUEST, confirmed);
    world.clock.advance(0);
    expect(leaseOf(back.leases.keep(REQUEST, confirmed)).acquiredAt).toBe(world.clock.wall().toISOString());
  });

  it('never takes a lease for longer than its length, whatever the clocks say', () => {
    const world = createLeasesLan();
    const lease = acquired(world, world.node(1));
    world.server.up = false;
    const behind = world.node(2, -10 * HOUR);
    behind.leases.keep(REQUEST, lease);
    world.clock.advance(HOUR - 1);
    expect(behind.leases.keep(REQUEST, lease).state).toBe('ready');
    world.clock.advance(2);
    expect(behind.leases.keep(REQUEST, lease).reason).toBe('LeaseLost');
  });

  it('takes up a lease that another node got meanwhile, even with a slower clock', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    world.server.leases.clear();
    world.server.refusing = true;
    world.clock.advance(0.5 * HOUR);
    expect(node.leases.keep(REQUEST, lease).reason).toBe('LeaseLost');
    world.server.refusing = false;
    const other = acquired(world, world.node(2, -HOUR));
    expect(other.acquiredAt < lease.acquiredAt).toBe(true);
    node.leases.keep(REQUEST, other);
    world.clock.advance(0);
    expect(leaseOf(node.leases.keep(REQUEST, other)).ip).toBe(other.ip);
  });

  it('reports an address that changed with a renewal', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    world.server.renumberTo = ip('10.77.0.42');
    world.clock.advance(0.5 * HOUR);
    expect(leaseOf(node.leases.keep(REQUEST, lease)).ip).toBe('10.77.0.42');
  });

  it('says that renewals go unanswered, and in the end that the lease is lost', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    world.server.up = false;
    world.clock.advance(0.9 * HOUR);
    const late = node.leases.keep(REQUEST, lease);
    expect(late).toMatchObject({ state: 'ready', reason: 'RenewalUnanswered' });
    expect(late.message).toContain('until 2026-01-01T01:00:00Z');
    world.clock.advance(0.1 * HOUR);
    expect(node.leases.keep(REQUEST, lease)).toMatchObject({
      state: 'failed',
      reason: 'LeaseLost',
      message: /has ended/,
    });
    world.types();
    world.clock.advance(24 * HOUR);
    expect(world.types()).toEqual([]);
    // The reconciler then asks for a new one.
    world.server.up = true;
    node.leases.acquire(REQUEST);
    world.clock.advance(0);
    expect(leaseOf(node.leases.acquire(REQUEST)).ip).toBe('10.77.0.100');
  });

  it('says who took the lease back', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    world.server.refusing = true;
    world.clock.advance(0.5 * HOUR);
    expect(node.changes).toEqual(['default/web']);
    expect(node.leases.keep(REQUEST, lease)).toMatchObject({
      state: 'failed',
      reason: 'LeaseLost',
      message: 'DHCP server 10.77.0.1 took 10.77.0.100 back: "not-yours"',
    });
  });

  it('holds on to a lease while the interface is down', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    node.host.setLink({ up: false });
    expect(node.leases.keep(REQUEST, lease).state).toBe('ready');
    world.clock.advance(0.6 * HOUR);
    world.types();
    node.host.setLink({ up: true });
    // It may be another LAN: as after a restart, any server may say so.
    expect(world.types()).toEqual([request]);
    world.clock.advance(0.3 * HOUR);
    expect(leaseOf(node.leases.keep(REQUEST, lease)).acquiredAt > lease.acquiredAt).toBe(true);
  });

  it.each([
    ['without times', { leaseSeconds: 0 }],
    ['without a server', { server: ip('10.77.0.1').slice(0, 3) as never }],
  ])('calls a record %s lost', (_, damage) => {
    const world = createLeasesLan();
    const lease = acquired(world, world.node(1));
    const decision = world.node(2).leases.keep(REQUEST, { ...lease, ...damage });
    expect(decision).toMatchObject({ state: 'failed', reason: 'LeaseLost', message: /makes no sense/ });
  });
});

describe('yield', () => {
  it('sends nothing, then or later', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    node.leases.yield(REQUEST.service);
    node.leases.yield(REQUEST.service);
    world.clock.advance(24 * HOUR);
    expect(world.types()).toEqual([]);
    expect(world.server.leases.size).toBe(1);
  });
});

describe('abandon', () => {
  it('gives back what this node keeps', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    node.leases.keep(REQUEST, acquired(world, node));
    node.leases.abandon(REQUEST.service);
    world.clock.advance(0);
    expect(world.types()).toEqual([release]);
    expect(world.server.leases.size).toBe(0);
  });

  it('is silent about the lease that the Service carries: another node goes on with it', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.abandon(REQUEST.service, lease);
    world.clock.advance(24 * HOUR);
    expect(world.types()).toEqual([]);
    expect([...world.server.leases.keys()]).toEqual([lease.ip]);
  });

  it('gives back what is being granted when the Service carries another one', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, world.node(2));
    world.lan.drop(({ from, frame }) => from === 'router' && frame.length > 0 && world.server.leases.size > 1);
    node.leases.acquire({ ...REQUEST, uid: 'uid-later' });
    world.clock.advance(10);
    expect(world.server.leases.size).toBe(2);
    node.leases.abandon(REQUEST.service, lease);
    world.clock.advance(0);
    expect([...world.server.leases.keys()]).toEqual([lease.ip]);
  });
});

describe('a Service made anew under its name', () => {
  it('has the lease of the one before given back', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const before = acquired(world, node);
    const lease = acquired(world, node, { ...REQUEST, uid: 'uid-again' });
    expect(lease.mac).not.toBe(before.mac);
    expect([...world.server.leases.values()]).toEqual([lease.mac]);
  });
});

describe('release', () => {
  it('gives the lease back, once, and is silent from then on', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    expect(node.leases.release(REQUEST, lease)).toMatchObject({ state: 'off', reason: 'LeaseReleased' });
    world.clock.advance(24 * HOUR);
    expect(world.types()).toEqual([release]);
    expect(world.server.leases.size).toBe(0);
    expect(node.host.open().frames).toBe(0);
    expect(world.clock.pending()).toBe(0);
  });

  it('works on a node that never kept it', () => {
    const world = createLeasesLan();
    const lease = acquired(world, world.node(1));
    expect(world.node(2).leases.release({ ...REQUEST, hostname: 'other' }, lease).state).toBe('off');
    world.clock.advance(0);
    expect(world.server.leases.size).toBe(0);
  });

  it('waits a while for an interface that is down', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    node.host.setLink({ up: false });
    expect(node.leases.release(REQUEST, lease)).toMatchObject({ state: 'pending', reason: 'LeaseReleasing' });
    world.clock.advance(5000);
    node.host.setLink({ up: true });
    world.clock.advance(0);
    expect(node.changes).toEqual(['default/web']);
    expect(node.leases.release(REQUEST, lease)).toMatchObject({ state: 'off', reason: 'LeaseReleased' });
    expect(world.types()).toEqual([release]);
    expect(world.server.leases.size).toBe(0);
    expect(node.host.open().frames).toBe(0);
  });

  it('does not hold up a deletion for ever', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.host.setLink(undefined);
    node.leases.release(REQUEST, lease);
    world.clock.advance(10_000);
    expect(node.changes).toEqual(['default/web']);
    const decision = node.leases.release(REQUEST, lease);
    expect(decision).toMatchObject({ state: 'off', reason: 'LeaseAbandoned' });
    expect(decision.message).toContain('until 2026-01-01T01:00:00Z');
  });
});

describe('decline', () => {
  it('gets another address for an acquisition', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.decline(REQUEST, lease);
    expect(node.leases.acquire(REQUEST).state).toBe('pending');
    world.clock.advance(10_000);
    expect(world.types()).toEqual([decline, discover, request]);
    expect(leaseOf(node.leases.acquire(REQUEST)).ip).toBe('10.77.0.101');
  });

  it('loses a lease that is kept, and rests before the next acquisition', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    node.leases.decline(REQUEST, lease);
    expect(node.leases.keep(REQUEST, lease)).toMatchObject({ reason: 'LeaseLost', message: /used by another machine/ });
    world.clock.advance(1000);
    node.leases.acquire(REQUEST);
    world.clock.advance(8000);
    expect(world.types()).toEqual([decline]);
    world.clock.advance(1000);
    expect(leaseOf(node.leases.acquire(REQUEST)).ip).toBe('10.77.0.101');
  });
});

describe('close', () => {
  it('leaves nothing behind and tells the server nothing', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    node.leases.keep(REQUEST, lease);
    node.leases.acquire({ ...REQUEST, service: 'default/other', uid: 'uid-other' });
    world.types();
    node.leases.close();
    world.clock.advance(24 * HOUR);
    expect(world.types()).toEqual([]);
    expect(node.host.open().frames).toBe(0);
    expect(node.changes).toEqual([]);
  });
});
