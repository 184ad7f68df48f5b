import { describe, expect, it } from 'vitest';
import { readAssigned } from '../../../src/exposure/address/assigned.ts';
import { CONDITION, FINALIZER, KEY } from '../../../src/model/annotations.ts';
import { off, pending, ready } from '../../../src/model/decision.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { createWorld, LEASE, service, type World } from '../../support/exposure.ts';

const WEB = 'default/web';
const RECORD = {
  protocol: 'TCP',
  internalPort: 80,
  externalPort: 8080,
  internalIp: ip('10.77.0.200'),
  method: 'pcp',
  gateway: ip('10.77.0.1'),
} as const;

/** As a user's patch would: undefined removes. */
function annotate(world: World, annotations: Readonly<Record<string, string | undefined>>): void {
  const before = world.services.get(WEB)!;
  const entries = Object.entries({ ...before.metadata.annotations, ...annotations });
  const kept = Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
  const resourceVersion = `${Number(before.metadata.resourceVersion) + 1}`;
  world.services.set(WEB, { ...before, metadata: { ...before.metadata, annotations: kept, resourceVersion } });
}

const ipOf = (object: Service | undefined): string | undefined => object && readAssigned(object)?.ips[0];

async function exposed(annotations: Readonly<Record<string, string>> = {}): Promise<World> {
  const world = createWorld();
  world.mapped = ready({ records: [RECORD], reachability: 'public', families: { 4: 'public' } }, 'Mapped', '');
  world.services.set(WEB, service('web', { metadata: { annotations } }));
  await world.settle(WEB);
  world.log.length = 0;
  return world;
}

describe('a Service that is gone', () => {
  it('leaves nobody who wants its address: the Lease of the address goes too', async () => {
    const world = await exposed();
    expect(world.wanted).toEqual(new Set(['10.77.0.200']));
    world.services.delete(WEB);
    world.reconciler.reconcile(WEB);
    expect(world.wanted).toEqual(new Set());
    expect(world.announced).toEqual(new Set());
  });

  it('while the DHCP server was being asked gives back what came of it', async () => {
    const world = createWorld();
    world.lease = pending('Discovering', '');
    const gone = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [FINALIZER] };
    world.services.set(WEB, service('web', { metadata: { annotations: { [KEY.dhcp]: 'true' } } }));
    await world.settle(WEB);
    const before = world.services.get(WEB)!;
    world.services.set(WEB, { ...before, metadata: { ...before.metadata, ...gone } });
    await world.settle(WEB);
    expect(world.log).toContain(`abandon ${WEB}`);
    expect(world.services.has(WEB)).toBe(false);
  });

  it('while an address by DHCP was being asked for in place of the one on record gives back what came of it', async () => {
    const world = createWorld();
    world.services.set(WEB, service('web'));
    await world.settle(WEB);
    world.live = ['n1', 'n2'];
    world.owner = 'n2';
    world.lease = pending('Discovering', '');
    annotate(world, { [KEY.dhcp]: 'true' });
    await world.settle(WEB);
    expect(world.leaseRequests).not.toEqual([]);
    const before = world.services.get(WEB)!;
    const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [FINALIZER] };
    world.services.set(WEB, { ...before, metadata: { ...before.metadata, ...leaving } });
    world.reconciler.reconcile(WEB);
    expect(world.log).toContain(`abandon ${WEB}`);
  });

  it('was let go, and is wanted again while that is being written: is let go first', async () => {
    const world = await exposed({ [KEY.router]: '8080' });
    const before = world.services.get(WEB)!;
    world.services.set(WEB, { ...before, spec: { ...before.spec, type: 'ClusterIP' } });
    world.reconciler.reconcile(WEB);
    expect(world.log).toContain('unmap');
    world.log.length = 0;
    world.services.set(WEB, before);
    world.reconciler.reconcile(WEB);
    // A port opened now would lead to an address that the Service is about to lose.
    expect(world.log).not.toContain('map 8080');
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
    expect(world.log).toContain('map 8080');
  });

  it('was let go once, and wanted again before that was on record: has everything taken back once more', async () => {
    const wish = { [KEY.dhcp]: 'true', [KEY.router]: '8080', [KEY.mdns]: 'true' };
    const world = await exposed(wish);
    const before = world.services.get(WEB)!;
    world.services.set(WEB, { ...before, spec: { ...before.spec, type: 'ClusterIP' } });
    world.reconciler.reconcile(WEB);
    expect(world.log).toEqual(expect.arrayContaining(['goodbye', 'unmap', 'dhcp release']));
    // What is seen next is the removal and the new wish at once.
    world.services.set(WEB, { ...before, metadata: { ...before.metadata, annotations: wish, finalizers: [] } });
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
    world.log.length = 0;
    const again = world.services.get(WEB)!;
    world.services.set(WEB, { ...again, metadata: { ...again.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
    await world.settle(WEB);
    expect(world.services.has(WEB)).toBe(false);
    expect(world.log).toEqual(expect.arrayContaining(['goodbye', 'unmap', 'dhcp release']));
  });

  it('takes the address of the pool off spec.loadBalancerIP, where it would be a wish for an address of others', async () => {
    const world = await exposed();
    const before = world.services.get(WEB)!;
    expect(before.spec.loadBalancerIP).toBe('10.77.0.200');
    world.services.set(WEB, { ...before, spec: { ...before.spec, type: 'ClusterIP' } });
    const after = await world.settle(WEB);
    expect(after?.spec.loadBalancerIP).toBe('');
    expect(after?.metadata.annotations).toEqual({});
  });
});

describe('a Service that no longer wants a router port', () => {
  it('while the router is being asked for it has that port closed, though no record tells of it', async () => {
    const world = await exposed({ [KEY.router]: '8080' });
    world.mapped = pending('RouterMapping', '');
    annotate(world, { [KEY.router]: '8081', [KEY.routerMappings]: undefined });
    await world.settle(WEB);
    annotate(world, { [KEY.router]: undefined });
    await world.settle(WEB);
    expect(world.log).toContain('unmap');
  });
});

describe('a Service whose wish for an address changes', () => {
  it('has its router ports closed from the old address before that goes', async () => {
    const world = await exposed({ [KEY.router]: '8080' });
    world.unmapped = pending('RouterUnmapping', 'closing the ports on the router');
    annotate(world, { [KEY.dhcp]: 'true' });
    await world.settle(WEB);
    expect(world.announced).toEqual(new Set(['10.77.0.200']));
    expect(world.condition(WEB, CONDITION.address)).toMatchObject({ status: 'Unknown', reason: 'AddressChanging' });
    world.unmapped = off('Unmapped', '');
    const after = await world.settle(WEB);
    expect(ipOf(after)).toBe(LEASE.ip);
    expect(world.log.indexOf('unmap')).toBeLessThan(world.log.indexOf('silence 10.77.0.200'));
    expect(world.log.indexOf('silence 10.77.0.200')).toBeLessThan(world.log.lastIndexOf('map 8080'));
  });

  it('from a pool to DHCP leaves nothing of the pool on the Service', async () => {
    const world = await exposed();
    annotate(world, { [KEY.dhcp]: 'true' });
    const after = await world.settle(WEB);
    expect(after?.metadata.annotations).not.toHaveProperty([KEY.loadBalancerIPs]);
    expect(after?.metadata.labels).toEqual({});
    expect(after?.spec.loadBalancerIP).toBe('');
    expect(after?.status?.loadBalancer?.ingress).toEqual([{ ip: LEASE.ip, ipMode: 'VIP' }]);
    expect(world.announced).toEqual(new Set([LEASE.ip]));
  });

  it('from DHCP to a pool gives the lease back, once', async () => {
    const world = await exposed({ [KEY.dhcp]: 'true' });
    annotate(world, { [KEY.dhcp]: undefined });
    const after = await world.settle(WEB);
    expect(ipOf(after)).toBe('10.77.0.200');
    expect(world.log.filter((line) => line === 'dhcp release')).toHaveLength(1);
    expect(after?.metadata.finalizers).toEqual([]);
  });

  it('away from DHCP while the server was being asked gives back what came of it', async () => {
    const world = createWorld();
    world.lease = pending('Discovering', '');
    world.services.set(WEB, service('web', { metadata: { annotations: { [KEY.dhcp]: 'true' } } }));
    await world.settle(WEB);
    annotate(world, { [KEY.dhcp]: undefined });
    await world.settle(WEB);
    expect(world.log).toContain(`abandon ${WEB}`);
  });

  it('is not given a second look at, nor its lease back, while the change is being written', async () => {
    const world = await exposed({ [KEY.dhcp]: 'true' });
    annotate(world, { [KEY.dhcp]: undefined });
    const keeps = (): number => world.log.filter((line) => line === 'keep').length;
    // Until the address is verified, and the lease given back; the Service still shows the old one.
    for (let i = 0; i < 5; i++) {
      world.reconciler.reconcile(WEB);
      await world.clock.advanceAsync(0);
    }
    expect(world.log).toContain('dhcp release');
    const before = keeps();
    for (let i = 0; i < 5; i++) {
      world.reconciler.reconcile(WEB);
      await world.clock.advanceAsync(0);
    }
    expect(keeps()).toBe(before);
  });

  it('owned by another node: that node is told what comes next, clears away and makes the change', async () => {
    const [allocator, owner] = [await exposed({ [KEY.router]: '8080' }), createWorld('n2')];
    for (const world of [allocator, owner]) Object.assign(world, { live: ['n1', 'n2'], owner: 'n2' });
    owner.allocating = false;
    annotate(allocator, { [KEY.dhcp]: 'true' });
    const foretold = (await allocator.settle(WEB))!;
    expect(ipOf(foretold)).toBe('10.77.0.200');
    expect(readAssigned(foretold)?.next?.ips).toEqual([LEASE.ip]);
    owner.services.set(WEB, foretold);
    const after = await owner.settle(WEB);
    expect(ipOf(after)).toBe(LEASE.ip);
    expect(after && readAssigned(after)?.next).toBeUndefined();
    expect(owner.log.filter((line) => line === 'unmap')).toHaveLength(1);
  });

  it('and back again while the change is being written gets there, and is given another address then', async () => {
    const world = await exposed({ [KEY.router]: '8080' });
    annotate(world, { [KEY.dhcp]: 'true' });
    for (let i = 0; i < 3; i++) world.reconciler.reconcile(WEB);
    expect(world.log).toContain('unmap');
    world.log.length = 0;
    annotate(world, { [KEY.dhcp]: undefined });
    world.reconciler.reconcile(WEB);
    // What is open now leads to the old address, which the Service is about to lose.
    expect(world.log.filter((line) => line.startsWith('map'))).toEqual([]);
    const after = await world.settle(WEB);
    expect(after && readAssigned(after)?.source).toBe('pool');
    expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  });

  it('and back again before the change was made stays where it is', async () => {
    const world = await exposed({ [KEY.router]: '8080' });
    world.unmapped = pending('RouterUnmapping', '');
    annotate(world, { [KEY.dhcp]: 'true' });
    await world.settle(WEB);
    annotate(world, { [KEY.dhcp]: undefined });
    const after = await world.settle(WEB);
    expect(after && readAssigned(after)).toMatchObject({ ips: ['10.77.0.200'], source: 'pool' });
    expect(after && readAssigned(after)?.next).toBeUndefined();
    expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  });
});
