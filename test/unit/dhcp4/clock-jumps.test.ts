/** The wall clock is put forward and back; lease times stand on the Service by it, and count by the monotonic one. */
import { describe, expect, it } from 'vitest';
import type { DhcpLease } from '../../../src/exposure/address/port.ts';
import { MESSAGE_TYPE } from '../../../src/protocols/dhcp4/codes.ts';
import { parseMac } from '../../../src/model/mac.ts';
import { acquired, createLeasesLan, leaseOf, REQUEST, type LeasesLan, type TestNode } from './leases-lan.ts';

const HOUR = 3_600_000;
const WEEK = 7 * 24 * HOUR;
const { request } = MESSAGE_TYPE;

function keeping(): { world: LeasesLan; node: TestNode; lease: DhcpLease } {
  const world = createLeasesLan();
  const node = world.node(1);
  const lease = acquired(world, node);
  node.leases.keep(REQUEST, lease);
  return { world, node, lease };
}

/** Keeps the lease in the form the Service shows, which follows every renewal. */
function follow(world: LeasesLan, node: TestNode, lease: DhcpLease, hours: number): DhcpLease {
  let shown = lease;
  for (let minute = 0; minute < hours * 60; minute++) {
    world.clock.advance(60_000);
    shown = leaseOf(node.leases.keep(REQUEST, shown));
  }
  return shown;
}

describe('a wall clock that jumps while the lease is kept', () => {
  it.each([
    ['a week forward', WEEK],
    ['a week back', -WEEK],
  ])('%s: the lease stands, and is renewed when it would have been', (_, jump) => {
    const { world, node, lease } = keeping();
    world.clock.advance(HOUR / 4);
    node.wallSkew = jump;
    expect(node.leases.keep(REQUEST, lease)).toMatchObject({ state: 'ready', value: lease });
    expect(world.types()).toEqual([]);
    world.clock.advance(HOUR / 4);
    expect(world.types()).toEqual([request]);
    expect(follow(world, node, lease, 48).ip).toBe(lease.ip);
  });

  it.each([
    ['a week forward', WEEK],
    ['a week back', -WEEK],
  ])('%s: without a server the lease ends neither sooner nor later', (_, jump) => {
    const { world, node, lease } = keeping();
    world.server.up = false;
    node.wallSkew = jump;
    world.clock.advance(HOUR - 1_000);
    expect(node.leases.keep(REQUEST, lease).state).toBe('ready');
    world.clock.advance(1_000);
    expect(node.leases.keep(REQUEST, lease).reason).toBe('LeaseLost');
  });

  it('back and forth every hour changes nothing', () => {
    const { world, node, lease } = keeping();
    let shown = lease;
    for (let hour = 0; hour < 48; hour++) {
      node.wallSkew = hour % 2 === 0 ? WEEK : -WEEK;
      shown = follow(world, node, shown, 1);
    }
    expect(shown.ip).toBe(lease.ip);
  });
});

describe('an agent that starts after the clock has jumped', () => {
  it('forward, so that the lease looks long over, asks before it believes that', () => {
    const { world, lease } = keeping();
    const after = world.node(2, WEEK);
    expect(after.leases.keep(REQUEST, lease)).toMatchObject({ state: 'pending', reason: 'LeaseConfirming' });
    world.clock.advance(10);
    expect(leaseOf(after.leases.keep(REQUEST, lease)).ip).toBe(lease.ip);
    expect(follow(world, after, lease, 2).ip).toBe(lease.ip);
  });

  it('forward, and no server says anything, lets go after ten seconds', () => {
    const { world, lease } = keeping();
    world.server.up = false;
    const after = world.node(2, WEEK);
    after.leases.keep(REQUEST, lease);
    world.clock.advance(10_000);
    expect(after.leases.keep(REQUEST, lease).reason).toBe('LeaseLost');
  });

  it('back, so that a dead lease looks alive, lets go when the server says that somebody else has it', () => {
    const { world, node, lease } = keeping();
    node.leases.close();
    world.clock.advance(2 * HOUR);
    world.server.leases.set(lease.ip, parseMac('02:77:00:00:00:66')!);
    const after = world.node(2, -WEEK);
    after.leases.keep(REQUEST, lease);
    world.clock.advance(10);
    expect(after.leases.keep(REQUEST, lease)).toMatchObject({ state: 'failed', reason: 'LeaseLost' });
  });

  it('back, and no server says anything, keeps it for its length at most', () => {
    const { world, node, lease } = keeping();
    node.leases.close();
    world.server.up = false;
    const after = world.node(2, -WEEK);
    after.leases.keep(REQUEST, lease);
    world.clock.advance(HOUR - 1_000);
    expect(after.leases.keep(REQUEST, lease).state).toBe('ready');
    world.clock.advance(1_000);
    expect(after.leases.keep(REQUEST, lease).reason).toBe('LeaseLost');
  });
});
