/** Leases of IPv6 addresses kept ready: what is different from those of IPv4. */
import { describe, expect, it } from 'vitest';
import { createSpareRecord } from '../../../src/exposure/address/dhcp/spare-record.ts';
import { dhcpLans } from '../../../src/exposure/address/dhcp/lans.ts';
import { ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import type { Link } from '../../../src/model/wire.ts';
import { MESSAGE_TYPE } from '../../../src/protocols/dhcp6/codes.ts';
import { LEASE } from '../../support/exposure.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createLeaseCluster } from '../../support/lease-cluster.ts';
import { leaseOf, REQUEST } from '../dhcp4/leases-lan.ts';
import { createCluster, LAN, warm, type Cluster } from '../dhcp4/spares-cluster.ts';

const { renew, release } = MESSAGE_TYPE;

/** Types of the messages that the server has seen since the last call. */
const seen = ({ world }: Cluster): number[] => world.server6.seen.splice(0);

describe('a spare lease of an IPv6 address', () => {
  it('is handed to the next Service without a word to the server, and followed by one of another identity', () => {
    const cluster = createCluster(6);
    const agent = warm(cluster);
    const [spare] = cluster.spares;
    seen(cluster);
    const lease = leaseOf(agent.acquire(REQUEST));
    expect(lease).toEqual(spare!.lease);
    expect(lease.ip).toBe('fd77::1:0');
    expect(seen(cluster)).toEqual([]);
    cluster.carry(REQUEST, lease);
    cluster.world.clock.advance(200);
    expect(cluster.spares.map(({ slot }) => slot)).toEqual([1]);
    expect(cluster.spares[0]!.lease.clientId).not.toBe(lease.clientId);
    expect(cluster.world.server6.leases.size).toBe(2);
  });

  it('takes its identity along, to any node', () => {
    const cluster = createCluster(6);
    const lease = leaseOf(warm(cluster).acquire(REQUEST));
    cluster.carry(REQUEST, lease);
    seen(cluster);
    const owner = cluster.agent(2, 1);
    owner.keep({ ...REQUEST, mac: lease.mac }, lease);
    cluster.world.clock.advance(20);
    expect(leaseOf(owner.keep({ ...REQUEST, mac: lease.mac }, lease))).toMatchObject({
      ip: lease.ip,
      clientId: lease.clientId,
    });
    expect(seen(cluster)).toContain(renew);
  });

  it('is for a Service too that is known by a hardware address, which a DHCPv6 server never hears of', () => {
    const cluster = createCluster(6);
    const agent = warm(cluster);
    expect(leaseOf(agent.acquire({ ...REQUEST, mac: parseMac('02:00:00:00:00:99')! })).ip).toBe('fd77::1:0');
  });

  it('is left to the server’s own choice where an address is wished for', () => {
    const cluster = createCluster(6);
    const agent = warm(cluster);
    const wish = { ...REQUEST, requested: ip('fd77::1:42') };
    agent.acquire(wish);
    cluster.world.clock.advance(200);
    expect(leaseOf(agent.acquire(wish)).ip).toBe('fd77::1:42');
    expect(cluster.spares).toHaveLength(1);
  });

  it('is renewed, found by the next agent, and given back at the end', async () => {
    const cluster = createCluster(6);
    warm(cluster);
    const { ip: address } = cluster.spares[0]!.lease;
    cluster.allocator = 2;
    const next = warm(cluster, 2);
    expect(cluster.spares.map(({ lease }) => lease.ip)).toEqual([address]);
    cluster.world.clock.advance(5 * 3_600_000);
    expect([...cluster.world.server6.leases.keys()]).toEqual([address]);
    seen(cluster);
    const done = next.handBack();
    next.close();
    await done;
    cluster.world.clock.advance(10);
    expect(seen(cluster)).toEqual([release]);
    expect([cluster.world.server6.leases.size, cluster.spares]).toEqual([0, []]);
  });
});

describe('the records of both families', () => {
  it('are apart', async () => {
    const clock = createFakeClock();
    const cluster = createLeaseCluster(clock);
    const store = cluster.store('n1');
    const [four, six] = ([4, 6] as const).map((family) =>
      createSpareRecord({ store, family, onError: () => expect.fail() }),
    );
    void four!.write([{ lan: LAN, slot: 0, lease: LEASE }]);
    void six!.write([{ lan: LAN, slot: 1, lease: LEASE }]);
    await clock.advanceAsync(100);
    expect([four!.read(), six!.read()].map(([spare]) => spare?.slot)).toEqual([0, 1]);
    expect([...cluster.leases.keys()].sort()).toEqual(['kubevip-dhcp-spares', 'kubevip-dhcp6-spares']);
  });
});

describe('the LANs of spares', () => {
  it('are those of Services with an IPv6 lease, and that of the default route of either family', () => {
    const link = (name: string, gateway: Link['gateway']): Link => ({
      ...{ name, index: 2, mac: parseMac('02:00:00:00:00:01')!, up: true },
      ...{ addresses: [{ ip: ip('fd77::11'), prefixLength: 64 }], gateway },
    });
    const links = [link('eth0', {}), link('eth1', { v6: ip('fe80::1') })];
    expect(dhcpLans(6, links, [], undefined).map(({ link: name }) => name)).toEqual(['eth1']);
    expect(dhcpLans(4, links, [], undefined)).toEqual([]);
    const cluster = createCluster(6);
    cluster.carry(REQUEST, leaseOf(warm(cluster).acquire(REQUEST)));
    const names = dhcpLans(6, links, cluster.services.values(), undefined).map(({ link: name }) => name);
    expect(names.sort()).toEqual(['eth0', 'eth1']);
    expect(dhcpLans(4, links, cluster.services.values(), 'eth1').map(({ link: name }) => name)).toEqual(['eth1']);
  });
});
