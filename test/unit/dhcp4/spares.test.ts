/** Leases kept ready: who has them, what the server sees of it, and that none is left. */
import { describe, expect, it } from 'vitest';
import { dhcpLans } from '../../../src/exposure/address/dhcp/lans.ts';
import type { DhcpRequest } from '../../../src/exposure/address/port.ts';
import { ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import type { Link } from '../../../src/model/wire.ts';
import { service } from '../../support/exposure.ts';
import { leaseOf, REQUEST } from './leases-lan.ts';
import { createCluster, LAN, warm } from './spares-cluster.ts';
import { MESSAGE_TYPE } from '../../../src/protocols/dhcp4/codes.ts';

const { request, decline, release } = MESSAGE_TYPE;

describe('a spare lease', () => {
  it('is not kept unless asked for', () => {
    const cluster = createCluster();
    warm(cluster, 1, 0);
    expect([cluster.world.server.leases.size, cluster.spares]).toEqual([0, []]);
  });

  it('is got in the background, and recorded for whoever is next', () => {
    const cluster = createCluster();
    warm(cluster, 1, 2);
    expect(cluster.world.server.leases.size).toBe(2);
    expect(cluster.spares.map(({ lan, slot, lease }) => [lan, slot, lease.ip])).toEqual([
      [LAN, 0, '10.77.0.100'],
      [LAN, 1, '10.77.0.101'],
    ]);
  });

  it('is handed to the next Service without a word to the server, and stays with it', () => {
    const cluster = createCluster();
    const agent = warm(cluster);
    const [spare] = cluster.spares;
    const lease = leaseOf(agent.acquire(REQUEST));
    expect(lease).toEqual(spare!.lease);
    expect(leaseOf(agent.acquire(REQUEST))).toEqual(lease);
    expect(cluster.world.types()).toEqual([]);
  });

  it('is followed by another one, of another identity', () => {
    const cluster = createCluster();
    const agent = warm(cluster);
    const lease = leaseOf(agent.acquire(REQUEST));
    cluster.carry(REQUEST, lease);
    cluster.world.clock.advance(20);
    expect(cluster.spares).toHaveLength(1);
    expect(cluster.spares[0]!.slot).toBe(1);
    expect(cluster.spares[0]!.lease.mac).not.toBe(lease.mac);
    expect(new Set(cluster.world.server.leases.keys())).toEqual(new Set([lease.ip, cluster.spares[0]!.lease.ip]));
  });

  it('takes its identity along, to any node, and the server is told the name of the Service', () => {
    const cluster = createCluster();
    const lease = leaseOf(warm(cluster).acquire(REQUEST));
    cluster.carry(REQUEST, lease);
    const owner = cluster.agent(2, 1);
    const names: string[] = [];
    const answer = cluster.world.server.answer.bind(cluster.world.server);
    cluster.world.server.answer = (outgoing) => {
      names.push(Buffer.from(outgoing.message.options.get(12) ?? []).toString());
      return answer(outgoing);
    };
    owner.keep({ ...REQUEST, mac: lease.mac }, lease);
    cluster.world.clock.advance(20);
    const confirmed = leaseOf(owner.keep({ ...REQUEST, mac: lease.mac }, lease));
    expect(confirmed).toMatchObject({ ip: lease.ip, mac: lease.mac, clientId: lease.clientId });
    expect(names).toContain('web');
  });

  it('is had again by its Service after a loss, as the same client', () => {
    const cluster = createCluster();
    const agent = warm(cluster);
    const lease = leaseOf(agent.acquire(REQUEST));
    cluster.carry(REQUEST, lease);
    const known = { ...REQUEST, requested: lease.ip, mac: lease.mac };
    agent.keep(known, lease);
    cluster.world.clock.advance(1_000);
    cluster.world.server.leases.delete(lease.ip);
    cluster.world.clock.advance(1_900_000);
    expect(agent.keep(known, lease).reason).toBe('LeaseLost');
    agent.acquire(known);
    cluster.world.clock.advance(1_000);
    expect(leaseOf(agent.acquire(known))).toMatchObject({ ip: lease.ip, mac: lease.mac, clientId: lease.clientId });
  });

  it('is kept for days, asked for by broadcast since nobody answers for its address', () => {
    const cluster = createCluster();
    const agent = warm(cluster);
    const { ip: address } = cluster.spares[0]!.lease;
    // Frames to the address itself would go nowhere: the server asks for it by ARP first.
    cluster.world.lan.drop(({ frame, from }) => from === 'router' && frame[0] !== 0xff);
    for (let hour = 0; hour < 72; hour++) {
      cluster.world.clock.advance(3_600_000);
      agent.tend();
    }
    expect(cluster.spares[0]!.lease.ip).toBe(address);
    const types = cluster.world.types();
    expect(types.every((type) => type === request)).toBe(true);
    // One for each half of an hour's lease, and no second tries.
    expect(types.length).toBeLessThan(155);
  });

  it('is not for a Service that wants a certain address, or is known to the server already', () => {
    const cluster = createCluster();
    const agent = warm(cluster);
    expect(agent.acquire({ ...REQUEST, requested: ip('10.77.0.150') }).state).toBe('pending');
    const other: DhcpRequest = {
      ...REQUEST,
      service: 'default/db',
      uid: 'uid-db',
      mac: parseMac('02:00:00:00:00:77')!,
    };
    expect(agent.acquire(other).state).toBe('pending');
    expect(agent.acquire({ ...REQUEST, service: 'default/far', link: 'eth1' }).state).not.toBe('ready');
  });

  it('comes back when its Service goes before it could show it', () => {
    const cluster = createCluster();
    const agent = warm(cluster);
    cluster.services.set(REQUEST.service, service('web', { metadata: { uid: REQUEST.uid } }));
    const lease = leaseOf(agent.acquire(REQUEST));
    cluster.services.delete(REQUEST.service);
    agent.abandon(REQUEST.service);
    cluster.world.clock.advance(20);
    expect(cluster.world.server.leases.size).toBe(1);
    expect(cluster.spares.map((spare) => spare.lease.ip)).toEqual([lease.ip]);
    expect(leaseOf(agent.acquire({ ...REQUEST, uid: 'uid-next' })).ip).toBe(lease.ip);
  });

  it('whose address a stranger has come to use is declined, and another one is got', async () => {
    const cluster = createCluster();
    const agent = warm(cluster);
    const { ip: address } = cluster.spares[0]!.lease;
    cluster.strangers.set(address, parseMac('02:77:00:00:00:66')!);
    await cluster.world.clock.advanceAsync(30_000);
    agent.tend();
    await cluster.world.clock.advanceAsync(1_000);
    expect(cluster.world.types()).toContain(decline);
    expect(agent.acquire({ ...REQUEST, service: 'default/first' }).state).toBe('pending');
    await cluster.world.clock.advanceAsync(15_000);
    agent.tend();
    expect(cluster.spares.map(({ lease }) => lease.ip)).not.toContain(address);
    expect(cluster.spares).toHaveLength(1);
  });

  it('that the server takes back is got anew', () => {
    const cluster = createCluster();
    const agent = warm(cluster);
    cluster.world.server.leases.clear();
    cluster.world.clock.advance(1_800_000);
    agent.tend();
    cluster.world.clock.advance(100);
    agent.tend();
    expect(cluster.world.server.leases.size).toBe(1);
    expect(cluster.spares).toHaveLength(1);
  });
});

describe('without a server', () => {
  it('no Service waits for a spare: it asks for itself', () => {
    const cluster = createCluster();
    cluster.world.server.up = false;
    const agent = warm(cluster);
    expect(agent.acquire(REQUEST)).toMatchObject({ state: 'pending', reason: 'DhcpDiscovering' });
    cluster.world.server.up = true;
    cluster.world.clock.advance(20_000);
    expect(agent.acquire(REQUEST).state).toBe('ready');
    expect(cluster.spares).toHaveLength(1);
  });
});

describe('when another agent gives out addresses', () => {
  it('it goes on with the same spares, and the one before it is silent', () => {
    const cluster = createCluster();
    const before = warm(cluster);
    const [spare] = cluster.spares;
    cluster.allocator = 2;
    before.tend();
    expect(cluster.world.types()).toEqual([]);
    const after = warm(cluster, 2);
    expect(cluster.world.server.leases.size).toBe(1);
    expect(leaseOf(after.acquire(REQUEST))).toMatchObject({ ip: spare!.lease.ip, clientId: spare!.lease.clientId });
    cluster.world.clock.advance(7_200_000);
    expect(cluster.world.types()).not.toContain(release);
  });

  it('and the record was lost in the crash, the same identity is given the same address', () => {
    const cluster = createCluster();
    const crashed = warm(cluster);
    const [spare] = cluster.spares;
    crashed.node.leases.close();
    cluster.spares = [];
    cluster.allocator = 2;
    warm(cluster, 2);
    expect(cluster.spares[0]!.lease.ip).toBe(spare!.lease.ip);
    expect(cluster.world.server.leases.size).toBe(1);
  });

  it('and its setting is 0, what is recorded is given back', () => {
    const cluster = createCluster();
    warm(cluster, 1, 2).node.leases.close();
    cluster.allocator = 2;
    const after = cluster.agent(2, 0);
    after.tend();
    cluster.world.clock.advance(10);
    expect(cluster.world.types()).toEqual([release, release]);
    expect([cluster.world.server.leases.size, cluster.spares]).toEqual([0, []]);
  });

  it('and it keeps fewer, the rest is given back', () => {
    const cluster = createCluster();
    warm(cluster, 1, 3).node.leases.close();
    cluster.allocator = 2;
    warm(cluster, 2, 1);
    cluster.world.clock.advance(10);
    expect([cluster.world.server.leases.size, cluster.spares.length]).toEqual([1, 1]);
  });

  it('and is in another LAN, the record stands for one that is in it, until the lease has ended', () => {
    const cluster = createCluster();
    warm(cluster).node.leases.close();
    cluster.allocator = 2;
    cluster.lans = [{ link: 'eth0', lan: '10.88.0.0/24' }];
    const after = warm(cluster, 2, 0);
    expect(cluster.spares.map(({ lan }) => lan)).toEqual([LAN]);
    cluster.world.clock.advance(3_600_000);
    cluster.allocator = 1;
    after.tend();
    cluster.allocator = 2;
    after.tend();
    expect(cluster.spares).toEqual([]);
  });

  it('a spare that a Service has taken along is not taken from it', () => {
    const cluster = createCluster();
    const before = warm(cluster);
    const recorded = cluster.spares;
    const lease = leaseOf(before.acquire(REQUEST));
    cluster.carry(REQUEST, lease);
    before.node.leases.close();
    // The agent died before it could record that the spare is gone.
    cluster.spares = recorded;
    cluster.allocator = 2;
    warm(cluster, 2);
    expect(cluster.world.types()).not.toContain(release);
    expect(cluster.spares.map((spare) => spare.lease.ip)).not.toContain(lease.ip);
  });
});

describe('an agent that stops', () => {
  it('gives its spares back', async () => {
    const cluster = createCluster();
    const agent = warm(cluster, 1, 2);
    const done = agent.handBack();
    agent.close();
    await done;
    cluster.world.clock.advance(10);
    expect(cluster.world.types()).toEqual([release, release]);
    expect([cluster.world.server.leases.size, cluster.spares]).toEqual([0, []]);
    cluster.world.clock.advance(7_200_000);
    expect(cluster.world.types()).toEqual([]);
  });

  it('while a spare is being got leaves none with the server', async () => {
    const cluster = createCluster();
    const agent = cluster.agent(1, 1);
    agent.tend();
    // As far as the REQUEST, which the server grants a moment later.
    cluster.world.clock.advance(0);
    const done = agent.handBack();
    agent.close();
    await done;
    cluster.world.clock.advance(60_000);
    expect([cluster.world.server.leases.size, cluster.spares]).toEqual([0, []]);
  });

  it('and does not give out addresses has none to give back', async () => {
    const cluster = createCluster();
    warm(cluster);
    const other = cluster.agent(2, 1);
    other.tend();
    await other.handBack();
    cluster.world.clock.advance(10);
    expect(cluster.world.types()).toEqual([]);
    expect(cluster.spares).toHaveLength(1);
  });

  it('while its interface is down leaves the record to the next one', async () => {
    const cluster = createCluster();
    const agent = warm(cluster);
    agent.node.host.setLink({ up: false });
    const done = agent.handBack();
    agent.close();
    await done;
    expect(cluster.spares).toHaveLength(1);
    cluster.allocator = 2;
    cluster.agent(2, 0).tend();
    cluster.world.clock.advance(10);
    expect([cluster.world.server.leases.size, cluster.spares]).toEqual([0, []]);
  });
});

describe('the callbacks of spares', () => {
  it('are not for the reconciler: it knows no such Service', () => {
    const cluster = createCluster();
    const agent = cluster.agent(1, 1);
    const heard: string[] = [];
    agent.onChange((key) => heard.push(key));
    agent.tend();
    cluster.world.clock.advance(4_000_000);
    expect(heard).toEqual([]);
  });
});

describe('the LANs of spares', () => {
  const link = (name: string, address: string, gateway = false): Link => ({
    name,
    index: 2,
    mac: parseMac('02:00:00:00:00:01')!,
    up: true,
    addresses: [{ ip: ip(address), prefixLength: 24 }],
    gateway: gateway ? { v4: ip('10.77.0.1') } : {},
  });
  const links = [link('eth0', '10.77.0.11', true), link('eth1', '10.88.0.11'), link('eth2', '10.77.0.12')];

  it('are called alike on every node, whatever the interfaces are called', () => {
    expect(dhcpLans(4, links, [], undefined)).toEqual([{ link: 'eth0', lan: LAN }]);
    expect(dhcpLans(4, [link('enp3s0', '10.77.0.12', true)], [], undefined)).toEqual([{ link: 'enp3s0', lan: LAN }]);
  });

  it('are those of the interface that is set and of Services with a lease, each once', () => {
    const cluster = createCluster();
    const lease = leaseOf(warm(cluster).acquire(REQUEST));
    for (const [i, name] of ['eth0', 'eth1', 'eth2', 'eth7'].entries())
      cluster.carry({ ...REQUEST, service: `default/s${i}`, link: name }, lease);
    expect(dhcpLans(4, links, cluster.services.values(), 'eth1').map(({ lan }) => lan)).toEqual([LAN, '10.88.0.0/24']);
    expect(dhcpLans(4, links, [], 'eth1')).toEqual([{ link: 'eth1', lan: '10.88.0.0/24' }]);
  });

  it('are called as the interface where that has no address', () => {
    const bare = { ...link('eth0', '10.77.0.11', true), addresses: [] };
    expect(dhcpLans(4, [bare], [], undefined)).toEqual([{ link: 'eth0', lan: 'eth0' }]);
  });
});
