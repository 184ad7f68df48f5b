/** Leases from a real dnsmasq that answers at once. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import { eventually } from '../../support/netns.ts';
import { acquired, createDhcpLan, RANGE, requestFor, type DhcpLan } from './lan.ts';

let world: DhcpLan;
beforeAll(async () => {
  world = await createDhcpLan();
});
afterEach(() => world.reset());
afterAll(() => world.dispose());

const WEB = requestFor('web');

describe('a lease', () => {
  it('stands in the server’s file under the name, hardware address and identifier of the Service', async () => {
    await world.dnsmasq(RANGE, 'no-ping', 'dhcp-option=option:dns-server,9.9.9.9', 'domain=lan');
    const { leases } = world.node('a');
    const lease = await acquired(leases, WEB);
    const { mac, clientId } = identityOf(WEB.uid);
    const id = Buffer.from(clientId)
      .toString('hex')
      .replace(/..(?=.)/g, '$&:');
    const line = `${mac} ${lease.ip} web ${id}`;
    await eventually('the line in the lease file', () => world.leaseFile().some((entry) => entry.endsWith(line)));
    const { ip: server, mac: serverMac } = world.lan.hosts.router;
    expect(lease).toMatchObject({
      server,
      serverMac,
      prefixLength: 24,
      router: server,
      dns: ['9.9.9.9'],
      domain: 'lan',
    });
    expect(lease).toMatchObject({ mac, leaseSeconds: 120, renewSeconds: 60, rebindSeconds: 105 });
  });

  it('needs no interface and no address of its own', async () => {
    await world.dnsmasq(RANGE, 'no-ping');
    const node = world.lan.hosts.a;
    const before = await node.must(['ip', '-o', 'addr']);
    await acquired(world.node('a').leases, WEB);
    expect(await node.must(['ip', '-o', 'addr'])).toBe(before);
  });

  it('is for the address that was asked for, if that is free', async () => {
    await world.dnsmasq(RANGE, 'no-ping');
    const lease = await acquired(world.node('a').leases, { ...WEB, requested: ip('10.77.0.142') });
    expect(lease.ip).toBe('10.77.0.142');
  });

  it('is another one for each of 40 Services at the same time', async () => {
    await world.dnsmasq(RANGE, 'no-ping');
    const [a, b] = [world.node('a').leases, world.node('b').leases];
    const names = Array.from({ length: 40 }, (_, i) => `s${i}`);
    // Two agents, as when the allocating one has just changed: the server offers addresses twice and refuses some.
    const all = await Promise.all(names.map((name, i) => acquired(i % 2 === 0 ? a : b, requestFor(name))));
    expect(new Set(all.map((lease) => lease.ip)).size).toBe(40);
    await eventually('40 lines in the lease file', () => world.leaseFile().length === 40);
  });

  it('goes on from another node, with the same address', async () => {
    await world.dnsmasq(RANGE, 'no-ping');
    const [a, b] = [world.node('a').leases, world.node('b').leases];
    const lease = await acquired(a, WEB);
    a.keep(WEB, lease);
    a.yield(WEB.service);
    expect(b.keep(WEB, lease)).toMatchObject({ state: 'ready', value: lease });
    let confirmed = lease;
    await eventually('the server confirms', () => {
      const decision = b.keep(WEB, lease);
      if (decision.state === 'ready') confirmed = decision.value;
      return confirmed.acquiredAt !== lease.acquiredAt;
    });
    expect(confirmed).toEqual({ ...lease, acquiredAt: confirmed.acquiredAt });
    expect(world.leaseFile()).toHaveLength(1);
  });
});

describe('a lease that is given back', () => {
  it.each(['a', 'b'] as const)(
    'by node %s is gone from the server’s file, and another client may have it',
    async (node) => {
      const server = await world.dnsmasq(RANGE, 'no-ping');
      const { leases } = world.node('a');
      const [lease, other] = [await acquired(leases, WEB), await acquired(leases, requestFor('other'))];
      leases.keep(WEB, lease);
      const releasing = node === 'a' ? leases : world.node('b').leases;
      expect(releasing.release(WEB, lease)).toMatchObject({ state: 'off', reason: 'LeaseReleased' });
      await eventually('the server heard it', () => server.log().includes(`DHCPRELEASE(eth0) ${lease.ip}`));
      await eventually(
        'only the other line',
        () =>
          world
            .leaseFile()
            .map((line) => line.split(' ')[2])
            .join() === other.ip,
      );
      expect(server.log().match(/DHCPRELEASE/g)).toHaveLength(1);
      const heir = await acquired(leases, { ...requestFor('heir'), requested: lease.ip });
      expect(heir.ip).toBe(lease.ip);
    },
  );

  it('is not, when it is only yielded', async () => {
    const server = await world.dnsmasq(RANGE, 'no-ping');
    const { leases } = world.node('a');
    const lease = await acquired(leases, WEB);
    leases.keep(WEB, lease);
    leases.yield(WEB.service);
    await acquired(leases, requestFor('later'));
    expect(server.log()).not.toContain('DHCPRELEASE');
    await eventually('both lines', () => world.leaseFile().length === 2);
  });
});
