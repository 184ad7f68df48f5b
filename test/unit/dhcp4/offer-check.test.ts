/** An offered address is asked for on the LAN before it is used. */
import { describe, expect, it } from 'vitest';
import type { AddressProber } from '../../../src/exposure/address/port.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { parseMac, type Mac } from '../../../src/model/mac.ts';
import { MESSAGE_TYPE } from '../../../src/protocols/dhcp4/codes.ts';
import { createLeasesLan, REQUEST } from './leases-lan.ts';

const { discover, request, decline } = MESSAGE_TYPE;
const STRANGER = parseMac('02:77:00:00:00:66')!;
const FIRST = ip('10.77.0.100');

interface Probes extends AddressProber {
  /** Who answers for what; each probe is told to the test and answered at once. */
  readonly users: Map<Ip, Mac>;
  readonly probed: Ip[];
  hold: Promise<void> | undefined;
}

function probes(): Probes {
  const self: Probes = {
    users: new Map(),
    probed: [],
    hold: undefined,
    async probe(address) {
      self.probed.push(address);
      await self.hold;
      return self.users.get(address);
    },
  };
  return self;
}

describe('an offered address', () => {
  it('is not used before the LAN has been asked, and nothing is said of that', async () => {
    const prober = probes();
    let answer = (): void => undefined;
    prober.hold = new Promise((resolve) => (answer = resolve));
    const world = createLeasesLan({ prober });
    const node = world.node(1);
    node.leases.acquire(REQUEST);
    await world.clock.advanceAsync(10);
    expect(world.server.leases.size).toBe(1);
    expect(node.leases.acquire(REQUEST)).toMatchObject({ state: 'pending', reason: 'DhcpDiscovering' });
    expect(node.changes).toEqual([]);
    answer();
    await world.clock.advanceAsync(0);
    expect(node.changes).toEqual([REQUEST.service]);
    expect(node.leases.acquire(REQUEST)).toMatchObject({ state: 'ready', reason: 'Leased' });
    expect(prober.probed).toEqual([FIRST]);
  });

  it('that a stranger answers for twice is declined, said, and another one is had', async () => {
    const prober = probes();
    prober.users.set(FIRST, STRANGER);
    const world = createLeasesLan({ prober });
    const node = world.node(1);
    node.leases.acquire(REQUEST);
    await world.clock.advanceAsync(600);
    expect(prober.probed).toEqual([FIRST, FIRST]);
    expect(world.types()).toEqual([discover, request, decline]);
    expect(node.leases.acquire(REQUEST)).toMatchObject({
      state: 'failed',
      reason: 'OfferDeclined',
      message: expect.stringContaining(`10.77.0.1 gave ${FIRST}, which ${STRANGER} already uses on eth0`) as string,
    });
    // RFC 2131 §3.1.5: ten seconds of rest.
    await world.clock.advanceAsync(9_000);
    expect(world.types()).toEqual([]);
    await world.clock.advanceAsync(1_500);
    expect(node.leases.acquire(REQUEST)).toMatchObject({ state: 'ready', value: { ip: '10.77.0.101' } });
  });

  it('that somebody has just let go of is not held against the server', async () => {
    const prober = probes();
    prober.users.set(FIRST, STRANGER);
    const world = createLeasesLan({ prober });
    const node = world.node(1);
    node.leases.acquire(REQUEST);
    await world.clock.advanceAsync(300);
    prober.users.clear();
    await world.clock.advanceAsync(300);
    expect(world.types()).toEqual([discover, request]);
    expect(node.leases.acquire(REQUEST)).toMatchObject({ state: 'ready', value: { ip: FIRST } });
  });

  it('of a Service that goes meanwhile is not asked for again', async () => {
    const prober = probes();
    prober.users.set(FIRST, STRANGER);
    const world = createLeasesLan({ prober });
    const node = world.node(1);
    node.leases.acquire(REQUEST);
    await world.clock.advanceAsync(300);
    node.leases.yield(REQUEST.service);
    world.types();
    await world.clock.advanceAsync(60_000);
    expect(world.types()).toEqual([]);
    expect(node.changes).toEqual([]);
  });

  it('that cannot be asked for is left to the server’s word', async () => {
    const prober: AddressProber = { probe: () => Promise.reject(new Error('interface is down')) };
    const world = createLeasesLan({ prober });
    const node = world.node(1);
    node.leases.acquire(REQUEST);
    await world.clock.advanceAsync(10);
    expect(node.leases.acquire(REQUEST)).toMatchObject({ state: 'ready', reason: 'Leased' });
  });
});

describe('a lease that goes on', () => {
  it('is not asked for: our own agents answer for its address', async () => {
    const prober = probes();
    const world = createLeasesLan({ prober });
    const node = world.node(1);
    node.leases.acquire(REQUEST);
    await world.clock.advanceAsync(10);
    const lease = node.leases.acquire(REQUEST);
    if (lease.state !== 'ready') throw new Error(lease.message);
    prober.users.set(FIRST, STRANGER);
    node.leases.keep(REQUEST, lease.value);
    world.node(2).leases.keep(REQUEST, lease.value);
    await world.clock.advanceAsync(7_200_000);
    expect(prober.probed).toEqual([FIRST]);
    expect(node.leases.keep(REQUEST, lease.value).state).toBe('ready');
  });
});
