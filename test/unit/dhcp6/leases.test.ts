/** Leases of IPv6 addresses on nodes: sockets, records and decisions, on a LAN in memory. */
import { describe, expect, it } from 'vitest';
import type { DhcpLease } from '../../../src/exposure/address/port.ts';
import { ip } from '../../../src/model/ip.ts';
import { MESSAGE_TYPE } from '../../../src/protocols/dhcp6/codes.ts';
import { createLeasesLan, leaseOf, REQUEST, type LeasesLan, type TestNode } from '../dhcp4/leases-lan.ts';

const FIRST = ip('fd77::1:0');

function acquired(world: LeasesLan, node: TestNode, request = REQUEST): DhcpLease {
  node.leases6.acquire(request);
  world.clock.advance(200);
  const lease = leaseOf(node.leases6.acquire(request));
  world.server6.seen.length = 0;
  return lease;
}

describe('a lease', () => {
  it('is asked for from the link-local address, and recorded in times that every node understands', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    expect(lease).toMatchObject({ ip: FIRST, server: 'fe80::1', serverId: '00030001027700000001', leaseSeconds: 3600 });
    expect(lease.clientId).toMatch(/^ff000000010004/);
    expect(Date.parse(lease.acquiredAt)).toBeLessThanOrEqual(world.clock.wall().getTime());
    const frames = world.lan.sent.filter(({ from }) => from === 'n1');
    for (const { frame } of frames) {
      expect(Buffer.from(frame.subarray(0, 6)).toString('hex')).toBe('333300010002');
      expect(Buffer.from(frame.subarray(22, 24)).toString('hex')).toBe('fe80');
    }
  });

  it('goes on from any node, and nobody else has to be told', () => {
    const world = createLeasesLan();
    const [a, b] = [world.node(1), world.node(2)];
    const lease = acquired(world, a);
    leaseOf(a.leases6.keep(REQUEST, lease));
    a.leases6.abandon(REQUEST.service, lease);
    world.clock.advance(10_000);
    expect(leaseOf(b.leases6.keep(REQUEST, lease)).ip).toBe(FIRST);
    world.clock.advance(100);
    // By the node that has not got it itself.
    expect(world.server6.seen).toEqual([MESSAGE_TYPE.renew]);
    const now = leaseOf(b.leases6.keep(REQUEST, lease));
    expect(Date.parse(now.acquiredAt)).toBeGreaterThan(Date.parse(lease.acquiredAt));
    world.clock.advance(5 * 3_600_000);
    expect(leaseOf(b.leases6.keep(REQUEST, now)).ip).toBe(FIRST);
    expect(world.server6.leases.size).toBe(1);
  });

  it('whose record makes no sense is lost', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const { serverId, ...without } = acquired(world, node);
    expect(serverId).toBeDefined();
    for (const record of [
      without,
      { ...without, serverId: 'x' },
      { ...without, serverId: '00', ip: ip('fd77::9'), leaseSeconds: 0 },
    ])
      expect(world.node(2).leases6.keep(REQUEST, record)).toMatchObject({ state: 'failed', reason: 'LeaseLost' });
  });

  it('is given back, and while it was not yet carried when nobody wants it', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    expect(node.leases6.release(REQUEST, lease).reason).toBe('LeaseReleased');
    world.clock.advance(10);
    expect(world.server6.leases.size).toBe(0);
    acquired(world, node);
    node.leases6.abandon(REQUEST.service);
    world.clock.advance(10);
    expect(world.server6.leases.size).toBe(0);
    expect(node.host.open().frames).toBe(0);
  });
});

describe('an interface that comes back', () => {
  it('is asked whether the lease is good there: once by each that keeps one, and by none that is still waited for', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const lease = acquired(world, node);
    const flap = (): void => {
      node.host.setLink({ up: false });
      world.clock.advance(1000);
      node.host.setLink({ up: true });
      world.clock.advance(3000);
    };
    flap();
    expect(world.server6.seen).toEqual([]);
    leaseOf(node.leases6.keep(REQUEST, lease));
    flap();
    expect(world.server6.seen).toEqual([MESSAGE_TYPE.confirm]);
    expect(leaseOf(node.leases6.keep(REQUEST, lease)).ip).toBe(FIRST);
  });
});

describe('many Services', () => {
  it('ask at once, without waiting for their turn', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const requests = Array.from({ length: 20 }, (_, i) => ({
      ...REQUEST,
      service: `default/web-${i}` as const,
      uid: `uid-${i}`,
    }));
    for (const request of requests) node.leases6.acquire(request);
    world.clock.advance(2000);
    const ips = requests.map((request) => leaseOf(node.leases6.acquire(request)).ip);
    expect(new Set(ips).size).toBe(20);
  });
});

describe('without a server', () => {
  it('it is said which one is missing, and asked on', () => {
    const world = createLeasesLan();
    world.server6.up = false;
    const node = world.node(1);
    expect(node.leases6.acquire(REQUEST)).toMatchObject({ reason: 'DhcpDiscovering' });
    world.clock.advance(11_000);
    const decision = node.leases6.acquire(REQUEST);
    expect(decision).toMatchObject({ state: 'failed', reason: 'NoDhcpServer' });
    expect(decision.message).toContain('no DHCPv6 server has answered on eth0');
    world.server6.up = true;
    world.clock.advance(30_000);
    expect(leaseOf(node.leases6.acquire(REQUEST)).ip).toBe(FIRST);
  });

  it('or a link-local address it is said so, and asked as soon as there is one', () => {
    const world = createLeasesLan();
    const node = world.node(1);
    const [link] = node.host.network.links();
    node.host.setLink({ addresses: link!.addresses.filter((address) => !address.ip.startsWith('fe80')) });
    const decision = node.leases6.acquire(REQUEST);
    expect(decision).toMatchObject({ reason: 'NoLink' });
    expect(decision.message).toContain('no link-local IPv6 address');
    world.clock.advance(60_000);
    node.host.setLink({ addresses: link!.addresses });
    world.clock.advance(1500);
    expect(leaseOf(node.leases6.acquire(REQUEST)).ip).toBe(FIRST);
  });
});
