/** Ways between client and server that are not the straight one, with a real dnsmasq. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCable, loadNft, sysctl } from '../../../src/lab/netns.ts';
import { ip } from '../../../src/model/ip.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import { eventually } from '../../support/netns.ts';
import { acquired, createDhcpLan, createJumpingClock, RANGE, requestFor, type DhcpLan } from './lan.ts';

let world: DhcpLan;
beforeAll(async () => {
  world = await createDhcpLan();
});
afterEach(() => world.reset());
afterAll(() => world.dispose());

const WEB = requestFor('web');
const ADDRESS = ip('10.77.0.123');

describe('a server that does not heed the broadcast flag', () => {
  it('is heard although it answers to a hardware address that no interface has', async () => {
    const { router } = world.lan.hosts;
    const server = await world.dnsmasq(RANGE, 'no-ping');
    await loadNft(
      router.netns,
      `table netdev unicast {
        chain answers {
          type filter hook egress device "eth0" priority 0
          udp sport 67 ether daddr ff:ff:ff:ff:ff:ff ether daddr set ${identityOf(WEB.uid).mac}
        }
      }`,
    );
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    leases.acquire(WEB);
    await eventually('the offer goes astray', () => server.log().includes('DHCPOFFER'));
    // After ten seconds without an answer it is listened for everywhere; the next DISCOVER is then due.
    for (const step of [4_500, 6_000, 10_000]) {
      clock.jump(step);
      await eventually('the server has answered', () => server.log().includes('DHCPOFFER'));
    }
    expect((await acquired(leases, WEB)).ip).toMatch(/^10\.77\.0\.1\d\d$/);
    await router.must(['nft', 'delete', 'table', 'netdev', 'unicast']);
  });
});

describe('a server behind a relay', () => {
  it('leases, renews through the gateway, and is given the address back', async () => {
    const { a, b, router } = world.lan.hosts;
    await createCable({ netns: router.netns, name: 'far0' }, { netns: b.netns, name: 'far0' });
    await router.ip8('addr add 10.99.0.1/24 dev far0', 'link set far0 up');
    await b.ip8('link set eth0 down', 'addr add 10.99.0.2/24 dev far0', 'link set far0 up');
    await b.ip8('route add 10.77.0.0/24 via 10.99.0.1');
    await sysctl(router.netns, { 'net.ipv4.ip_forward': 1 });
    const server = await world.otherDnsmasq('interface=far0', RANGE, 'no-ping');
    await world.dnsmasq('interface=far0', `dhcp-relay=${router.ip},10.99.0.2`);
    const clock = createJumpingClock();
    const { leases } = world.node('a', clock);
    const lease = await acquired(leases, { ...WEB, requested: ADDRESS });
    // The server's own address, which is not on this link; and the relay's hardware address, through which it is reached.
    expect(lease).toMatchObject({ ip: ADDRESS, server: '10.99.0.2', serverMac: router.mac });
    await a.ip8(`addr add ${ADDRESS}/32 dev eth0`);
    leases.keep(WEB, lease);
    const tcpdump = b.daemon(['tcpdump', '--immediate-mode', '-lni', 'far0', 'udp port 67']);
    await eventually('tcpdump listens', () => tcpdump.log().includes('listening'));
    clock.jump(60_000);
    await eventually('the lease is renewed', () => {
      const decision = leases.keep(WEB, lease);
      return decision.state === 'ready' && decision.value.acquiredAt !== lease.acquiredAt;
    });
    expect(tcpdump.log()).toContain(`${ADDRESS}.68 > 10.99.0.2.67`);
    await tcpdump.stop();
    leases.release(WEB, lease);
    await eventually('the lease is given back', () => server.log().includes(`DHCPRELEASE(far0) ${ADDRESS}`));
    await a.ip8(`addr del ${ADDRESS}/32 dev eth0`);
    await router.ip8('link del far0');
    await b.ip8('link set eth0 up');
  });
});

describe('50 Services at once', () => {
  it.each([
    ['without its ping check', ['no-ping']],
    ['with its ping check', []],
  ])('each get an address of their own from a server %s', { timeout: 120_000 }, async (how, lines) => {
    await world.dnsmasq(RANGE, ...lines);
    const { leases } = world.node('a');
    const names = Array.from({ length: 50 }, (_one, i) => requestFor(`s${i}`));
    const begun = performance.now();
    const all = await Promise.all(names.map((name) => acquired(leases, name, 100_000)));
    process.stdout.write(`50 leases ${how} took ${((performance.now() - begun) / 1000).toFixed(1)} s\n`);
    expect(new Set(all.map((lease) => lease.ip)).size).toBe(50);
    await eventually('50 lines in the lease file', () => world.leaseFile().length === 50);
  });
});
