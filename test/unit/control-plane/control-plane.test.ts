import { describe, expect, it } from 'vitest';
import { UNCONFIRMED } from '../../../src/exposure/ownership/custody.ts';
import type { Ip } from '../../../src/model/ip.ts';
import { ip } from '../../../src/model/ip.ts';
import { createControlPlanes, LEASE, VIP, VIP6 } from '../../support/control-planes.ts';

const stateOf = (world: Awaited<ReturnType<typeof createControlPlanes>>, name: string) =>
  world.node(name).controlPlane.state;

describe('the control-plane VIP', () => {
  it('is on one node, which holds the Lease of kube-vip in its own name', async () => {
    const world = await createControlPlanes();
    const [owner = ''] = world.having();
    expect(world.having()).toHaveLength(1);
    expect(world.holder()).toBe(owner);
    expect(stateOf(world, owner).vips).toMatchObject([{ owner: { reason: 'Owned' }, announced: { state: 'ready' } }]);
    expect(await world.most(60_000)).toBe(1);
    expect(world.having()).toEqual([owner]);
  });

  it('is of both families on the same node', async () => {
    const world = await createControlPlanes({ request: { addresses: [VIP, VIP6] } });
    expect(world.having()).toHaveLength(1);
    expect(world.having(VIP6)).toEqual(world.having());
  });

  it('is nowhere without an API server, and is taken within about a second once there is one', async () => {
    const world = await createControlPlanes({ healthy: false });
    await world.clock.advanceAsync(60_000);
    expect(world.having()).toEqual([]);
    expect(world.cluster.writes).toEqual([]);
    world.node('b').api(true);
    await world.clock.advanceAsync(1200);
    expect(world.having()).toEqual(['b']);
  });

  it('waits for permission to read its Lease, however long, and is taken at once then', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const world = await createControlPlanes({ nodes: ['a'], leasesReadable: promise });
    await world.clock.advanceAsync(120_000);
    expect(world.having()).toEqual([]);
    expect(stateOf(world, 'a').vips[0]?.owner.reason).toBe('LeaseUnknown');
    resolve(undefined);
    await world.clock.advanceAsync(100);
    expect(world.having()).toEqual(['a']);
  });

  it('goes from a node that lost its power to another one, and never is on two', async () => {
    const world = await createControlPlanes();
    const [owner = ''] = world.having();
    const node = world.node(owner);
    node.host.setLink({ up: false });
    node.api(false);
    expect(await world.most(8000)).toBe(1);
    expect(world.having()).toHaveLength(1);
    expect(world.having()).not.toEqual([owner]);
  });

  it('is told of as taken over from a dead node, with the time that this took', async () => {
    const world = await createControlPlanes();
    const [owner = ''] = world.having();
    world.cluster.cut(owner, { calls: true, watch: true });
    await world.clock.advanceAsync(8000);
    const takeovers = ['a', 'b', 'c'].flatMap((name) => world.node(name).takeovers);
    expect(takeovers).toMatchObject([{ address: VIP, from: owner, cause: 'death' }]);
    const [death] = takeovers;
    expect((death?.decided ?? 0) - (death?.lastHeard ?? 0)).toBeGreaterThanOrEqual(5000);
  });
});

describe('an API server that does not serve', () => {
  it('gives the VIP away at once when another one does, without waiting for the Lease to run out', async () => {
    const world = await createControlPlanes();
    const [owner = ''] = world.having();
    world.node(owner).api(false);
    // Three failures a second apart, then the Lease is freed by way of another API server.
    expect(await world.most(4000)).toBe(1);
    expect(world.having()).toHaveLength(1);
    expect(world.having()).not.toEqual([owner]);
    expect(stateOf(world, owner).api.reason).toBe('ApiServerDown');
    expect(world.node(world.having()[0] ?? '').takeovers).toMatchObject([{ from: owner, cause: 'leaving' }]);
  });

  it('gives it away also where the Lease is renewed by another one', async () => {
    const world = await createControlPlanes();
    const [owner = ''] = world.having();
    world.node(owner).healthy = false;
    expect(await world.most(4000)).toBe(1);
    expect(world.having()).not.toContain(owner);
    expect(world.having()).toHaveLength(1);
  });

  it('may fail now and then', async () => {
    const world = await createControlPlanes();
    const [owner = ''] = world.having();
    const writes = world.cluster.leases.get(LEASE)?.spec?.leaseTransitions;
    for (let i = 0; i < 10; i++) {
      world.node(owner).healthy = false;
      await world.clock.advanceAsync(2000);
      world.node(owner).healthy = true;
      await world.clock.advanceAsync(2000);
    }
    expect(world.having()).toEqual([owner]);
    expect(world.cluster.leases.get(LEASE)?.spec?.leaseTransitions).toBe(writes);
  });

  it('of a node that joins leaves it a follower', async () => {
    const world = await createControlPlanes({ nodes: ['a'] });
    const joining = world.add('z', false);
    world.cluster.cut('z', { calls: true, watch: true });
    await world.clock.advanceAsync(30_000);
    expect(world.having()).toEqual(['a']);
    joining.api(true);
    await world.clock.advanceAsync(5000);
    expect(world.having()).toEqual(['a']);
    world.node('a').api(false);
    expect(await world.most(4000)).toBe(1);
    expect(world.having()).toEqual(['z']);
  });

  it('comes back without taking the VIP from whoever has it', async () => {
    const world = await createControlPlanes();
    const [owner = ''] = world.having();
    world.node(owner).api(false);
    await world.clock.advanceAsync(6000);
    const [next = ''] = world.having();
    world.node(owner).api(true);
    expect(await world.most(30_000)).toBe(1);
    expect(world.having()).toEqual([next]);
  });
});

describe('while the whole API is away', () => {
  const down = async () => {
    const world = await createControlPlanes();
    const [owner = ''] = world.having();
    for (const name of ['a', 'b', 'c']) world.node(name).api(false);
    return { world, owner };
  };

  it('the VIP stays with its last owner, and is still its own when the API is back', async () => {
    const { world, owner } = await down();
    expect(await world.most(120_000)).toBe(1);
    expect(world.having()).toEqual([owner]);
    expect(stateOf(world, owner).vips[0]?.owner.reason).toBe(UNCONFIRMED);
    const transitions = world.cluster.leases.get(LEASE)?.spec?.leaseTransitions;
    // The others hear of it first: the last owner could not renew either, and has its time again.
    for (const name of ['a', 'b', 'c']) world.node(name).healthy = true;
    for (const name of ['a', 'b', 'c'].filter((one) => one !== owner)) world.node(name).api(true);
    await world.clock.advanceAsync(3000);
    world.node(owner).api(true);
    expect(await world.most(20_000)).toBe(1);
    expect(world.having()).toEqual([owner]);
    expect(world.cluster.leases.get(LEASE)?.spec?.leaseTransitions).toBe(transitions);
  });

  it('it goes to whoever has an API server again, when its last owner has not', async () => {
    const { world, owner } = await down();
    await world.clock.advanceAsync(60_000);
    const [other = ''] = ['a', 'b', 'c'].filter((one) => one !== owner);
    world.node(other).api(true);
    expect(await world.most(4000)).toBe(1);
    expect(world.having()).toEqual([other]);
  });

  it('it is let go when somebody else answers for it', async () => {
    const { world, owner } = await down();
    await world.clock.advanceAsync(10_000);
    expect(world.having()).toEqual([owner]);
    const rival = world.add('rival', false);
    world.clock.advance(0);
    rival.kernel.set(2, VIP, 32);
    // A machine that holds the address and says nothing until it is asked.
    const { createAdvertiser } = await import('../../../src/exposure/announcement/advertiser.ts');
    const { ARP } = await import('../../../src/protocols/arp/dialect.ts');
    const [link] = rival.host.network.links();
    createAdvertiser(4, ARP, {
      network: rival.host.network,
      link: link!,
      answers: (address: Ip) => address === VIP,
      onClaim: () => undefined,
    });
    await world.clock.advanceAsync(2500);
    expect(world.node(owner).kernel.addresses().has(VIP)).toBe(false);
  });

  it('an only control plane keeps it, and needs nobody’s leave to go on', async () => {
    const world = await createControlPlanes({ nodes: ['a'] });
    world.node('a').api(false);
    expect(await world.most(300_000)).toBe(1);
    expect(world.having()).toEqual(['a']);
    world.node('a').api(true);
    await world.clock.advanceAsync(3000);
    expect(stateOf(world, 'a').vips[0]?.owner.reason).toBe('Owned');
  });
});

describe('an interface', () => {
  it('that goes down gives the VIP away', async () => {
    const world = await createControlPlanes();
    const [owner = ''] = world.having();
    world.node(owner).host.setLink({ up: false });
    expect(await world.most(3000)).toBe(1);
    expect(world.having()).not.toContain(owner);
    expect(world.having()).toHaveLength(1);
  });

  it('that cannot hold the VIP leaves the node a follower, and the reason is said', async () => {
    const world = await createControlPlanes({ request: { addresses: [ip('192.168.99.1')] } });
    expect(world.holder()).toBeUndefined();
    expect(world.having(ip('192.168.99.1'))).toEqual([]);
  });
});

describe('an end', () => {
  it('takes the addresses off the node before the Lease is freed, and another node need not wait', async () => {
    const world = await createControlPlanes({ request: { addresses: [VIP, VIP6] } });
    const [owner = ''] = world.having();
    const stopped = world.node(owner).controlPlane.stop();
    expect(world.having()).toEqual([]);
    expect(world.having(VIP6)).toEqual([]);
    expect(world.holder()).toBe(owner);
    expect(await world.most(1000)).toBe(1);
    await stopped;
    expect(world.having()).toHaveLength(1);
    expect(world.having()).not.toEqual([owner]);
  });
});

describe('the control-plane VIP of a node that is handed over', () => {
  it('goes to another one, stays away, and may come back when that is undone', async () => {
    const world = await createControlPlanes({ nodes: ['a', 'b'], request: { addresses: [VIP, VIP6] } });
    const [owner = ''] = world.having();
    const other = owner === 'a' ? 'b' : 'a';
    world.keepAway(owner);
    expect(await world.most(3000)).toBe(1);
    expect([world.having(), world.having(VIP6)]).toEqual([[other], [other]]);
    expect(await world.most(60_000)).toBe(1);
    expect(world.having()).toEqual([other]);
    world.keepAway();
    await world.clock.advanceAsync(10_000);
    expect(world.having()).toEqual([other]);
    world.node(other).api(false);
    expect(await world.most(4500)).toBe(1);
    expect(world.having()).toEqual([owner]);
  });

  it('comes back all the same when nobody else is left, and goes again when somebody is', async () => {
    const world = await createControlPlanes({ nodes: ['a', 'b'] });
    const [owner = ''] = world.having();
    const other = owner === 'a' ? 'b' : 'a';
    world.keepAway(owner);
    await world.clock.advanceAsync(5000);
    world.node(other).api(false);
    expect(await world.most(10_000)).toBe(1);
    expect(world.having()).toEqual([owner]);
    world.node(other).api(true);
    expect(await world.most(10_000)).toBe(1);
    expect(world.having()).toEqual([other]);
  });

  it('comes back all the same when others have an API server and no agent, and stays then', async () => {
    const world = await createControlPlanes({ nodes: ['a', 'b'] });
    const [owner = ''] = world.having();
    const other = owner === 'a' ? 'b' : 'a';
    world.node(other).host.setLink({ up: false });
    await world.clock.advanceAsync(1000);
    world.keepAway(owner);
    await world.clock.advanceAsync(8000);
    for (let i = 0; i < 200; i++) {
      await world.clock.advanceAsync(100);
      expect(world.having()).toEqual([owner]);
    }
  });

  it('stays without a moment away where it is the only control plane', async () => {
    const world = await createControlPlanes({ nodes: ['a'] });
    world.keepAway('a');
    for (let i = 0; i < 200; i++) {
      await world.clock.advanceAsync(100);
      expect(world.having()).toEqual(['a']);
    }
  });
});

describe('a VIP that every control plane announces', () => {
  const everyNode = async (nodes: readonly string[] = ['a', 'b', 'c']) => {
    const world = await createControlPlanes({ everyNode: true, nodes });
    expect(world.having()).toEqual(nodes);
    return world;
  };

  it('is left alone at once by one whose API server fails, and announced again', async () => {
    const world = await everyNode();
    world.node('b').api(false);
    await world.clock.advanceAsync(5000);
    expect(world.having()).toEqual(['a', 'c']);
    expect(world.node('b').sink.log).not.toContain(`leaving ${VIP}`);
    world.node('b').api(true);
    await world.clock.advanceAsync(5000);
    expect(world.having()).toEqual(['a', 'b', 'c']);
  });

  it.each(['a', 'b', 'c'])('leaves node %s with notice that is to be left, and comes back', async (name) => {
    const world = await everyNode();
    const { log, routes } = world.node(name).sink;
    const before = log.length;
    world.keepAway(name);
    await world.clock.advanceAsync(5000);
    expect(log.slice(before)).toEqual([`leaving ${VIP}`, `gone ${VIP}`]);
    expect(world.having()).toEqual(['a', 'b', 'c'].filter((other) => other !== name));
    await world.clock.advanceAsync(60_000);
    expect(world.having()).not.toContain(name);
    world.keepAway();
    await world.clock.advanceAsync(3000);
    expect(world.having()).toEqual(['a', 'b', 'c']);
    expect(routes.get(VIP)).toBe('here');
  });

  it('stays without a moment away on the only control plane, and comes back when the others fail', async () => {
    const world = await everyNode(['a', 'b']);
    world.node('b').api(false);
    await world.clock.advanceAsync(5000);
    world.keepAway('a');
    for (let i = 0; i < 200; i++) {
      await world.clock.advanceAsync(100);
      expect(world.having()).toEqual(['a']);
    }
    expect(world.node('a').sink.log).not.toContain(`leaving ${VIP}`);
    world.node('b').api(true);
    await world.clock.advanceAsync(10_000);
    expect(world.having()).toEqual(['b']);
    world.node('b').api(false);
    await world.clock.advanceAsync(10_000);
    expect(world.having()).toEqual(['a']);
  });
});
