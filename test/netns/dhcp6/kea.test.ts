/** Leases of IPv6 addresses from a real Kea, which keeps closer to RFC 8415 than dnsmasq. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type HostDaemon } from '../../support/netns.ts';
import { acquired, createJumpingClock, decided, type DhcpLan } from '../dhcp4/lan.ts';
import { startKea, type Kea } from './kea.ts';
import { createDhcp6Lan, prolonged, replug, WEB } from './lan6.ts';

const HERE = { subnet: 'fd77::/64', pool: 'fd77::1:0 - fd77::1:ff' };
const ELSEWHERE = { subnet: 'fd99::/64', pool: 'fd99::1:0 - fd99::1:ff' };

let world: DhcpLan;
const running: HostDaemon[] = [];
beforeAll(async () => {
  world = await createDhcp6Lan();
});
afterEach(async () => {
  for (const daemon of running.splice(0)) await daemon.stop();
  await world.reset();
});
afterAll(() => world.dispose());

async function kea(subnet: Parameters<typeof startKea>[2]): Promise<Kea> {
  const server = await startKea(world.lan.hosts.router, world.lan.dir, subnet);
  running.push(server.daemon);
  return server;
}

/** Types of the messages that it has received, in order. */
function received({ daemon }: Kea): string[] {
  return [...daemon.log().matchAll(/: ([A-Z]+) \(type \d+\) received from/g)].map(([, type = '']) => type);
}

describe('a lease from Kea', () => {
  it('is on record under the Service’s own identifier, goes on from another node, and is given back', async () => {
    const server = await kea(HERE);
    const lease = await acquired(world.node('a').leases6, WEB);
    expect(lease).toMatchObject({ leaseSeconds: 120, renewSeconds: 60, rebindSeconds: 90 });
    const [iaid, duid] = [parseInt(lease.clientId.slice(2, 10), 16), lease.clientId.slice(10)];
    expect(server.recorded()).toMatchObject([{ ip: lease.ip, iaid: String(iaid), duid }]);
    const { leases6 } = world.node('b');
    const moved = await prolonged(leases6, lease);
    expect(moved).toMatchObject({ ip: lease.ip, clientId: lease.clientId, serverId: lease.serverId });
    expect(leases6.release(WEB, moved).reason).toBe('LeaseReleased');
    await eventually('Kea forgets it', () => server.recorded().length === 0);
    expect(received(server)).toEqual(['SOLICIT', 'REQUEST', 'RENEW', 'RELEASE']);
  });

  it('takes two messages where the server commits itself at once', async () => {
    const server = await kea({ ...HERE, 'rapid-commit': true });
    const lease = await acquired(world.node('a').leases6, WEB);
    expect(received(server)).toEqual(['SOLICIT']);
    expect(server.recorded().map(({ ip }) => ip)).toEqual([lease.ip]);
  });

  it('is asked about when the link comes back, and stands where the prefix does', async () => {
    const server = await kea(HERE);
    const { leases6, network } = world.node('a');
    const lease = await acquired(leases6, WEB);
    leases6.keep(WEB, lease);
    await replug(world, network);
    await eventually('it is asked', () => received(server).includes('CONFIRM'));
    await delay(300);
    expect(leases6.keep(WEB, lease).state).toBe('ready');
  });

  it('is lost when the link comes back as another one, long before T2', async () => {
    const first = await kea(HERE);
    const { leases6, network } = world.node('a');
    const lease = await acquired(leases6, WEB);
    leases6.keep(WEB, lease);
    await replug(world, network, async () => {
      await first.daemon.stop();
      await kea(ELSEWHERE);
    });
    const lost = await decided(leases6, 'LeaseLost', () => leases6.keep(WEB, lease));
    expect(lost.message).toMatch(/took fd77::1:[0-9a-f]+ back/);
    expect((await acquired(leases6, WEB)).ip).toMatch(/^fd99::1:/);
  });

  it('is asked of any server from T2 on', async () => {
    const server = await kea(HERE);
    const clock = createJumpingClock();
    const { leases6 } = world.node('a', clock);
    const lease = await acquired(leases6, WEB);
    leases6.keep(WEB, lease);
    await server.daemon.stop();
    clock.jump(61_000);
    clock.jump(30_000);
    await decided(leases6, 'RenewalUnanswered', () => leases6.keep(WEB, lease));
    const other = await kea(HERE);
    clock.jump(12_000);
    const after = await decided(leases6, 'Leased', () => leases6.keep(WEB, lease));
    expect(after).toMatchObject({ state: 'ready', value: { ip: lease.ip } });
    expect(received(other)[0]).toBe('REBIND');
  });
});

describe('an address that is in use already', () => {
  it('is declined, which Kea remembers', async () => {
    const server = await kea({ ...HERE, pool: 'fd77::1:0 - fd77::1:1' });
    const { b } = world.lan.hosts;
    await b.ip8('addr add fd77::1:0/64 dev eth0 nodad');
    try {
      const { leases6 } = world.node('a');
      await decided(leases6, 'OfferDeclined', () => leases6.acquire(WEB));
      await eventually('Kea hears of it', () => received(server).includes('DECLINE'));
      await eventually('it is nobody’s', () => server.recorded().length === 0);
    } finally {
      await b.ip8('addr del fd77::1:0/64 dev eth0');
    }
  });
});
