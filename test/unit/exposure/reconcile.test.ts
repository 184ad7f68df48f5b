import { describe, expect, it } from 'vitest';
import { readAssigned } from '../../../src/exposure/address/assigned.ts';
import { CONDITION, FINALIZER, KEY } from '../../../src/model/annotations.ts';
import { failed, pending, ready } from '../../../src/model/decision.ts';
import { ip } from '../../../src/model/ip.ts';
import { createWorld, LEASE, MAC, service } from '../../support/exposure.ts';

const WEB = 'default/web';
const RECORD = {
  protocol: 'TCP',
  internalPort: 80,
  externalPort: 8080,
  internalIp: ip('10.77.0.101'),
  method: 'pcp',
  gateway: ip('10.77.0.1'),
} as const;
const MAPPED = ready(
  { records: [RECORD], reachability: 'public', families: { 4: 'public' } } as const,
  'RouterMapped',
  'mapped',
);

describe('a Service from a pool', () => {
  it('gets the first free address, is announced, and says so in conditions, annotations and ingress', async () => {
    const world = createWorld();
    world.services.set(WEB, service('web'));
    const after = await world.settle(WEB);
    expect(after?.status?.loadBalancer?.ingress).toEqual([{ ip: '10.77.0.200', ipMode: 'VIP' }]);
    expect(after?.metadata.annotations).toMatchObject({ [KEY.loadBalancerIPs]: '10.77.0.200', [KEY.vipHost]: 'n1' });
    expect(after?.metadata.labels).toEqual({ implementation: 'kube-vip' });
    expect(after?.metadata.finalizers).toEqual([]);
    expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
    expect(world.condition(WEB, CONDITION.router)).toBeUndefined();
    expect(world.announced).toEqual(new Set(['10.77.0.200']));
  });

  it('skips addresses that a stranger answers for, and addresses of Services of other controllers', async () => {
    const world = createWorld();
    world.strangers.set(ip('10.77.0.200'), MAC);
    const other = service('other', { spec: { loadBalancerClass: 'example.com/other' } });
    world.services.set('default/other', { ...other, status: { loadBalancer: { ingress: [{ ip: '10.77.0.201' }] } } });
    world.services.set(WEB, service('web'));
    const after = await world.settle(WEB);
    expect(after?.status?.loadBalancer?.ingress?.[0]?.ip).toBe('10.77.0.202');
  });

  it('says that the pool is exhausted, and gets the address that comes free', async () => {
    const world = createWorld();
    world.configMap = { 'range-global': '10.77.0.200-10.77.0.200' };
    world.services.set('default/first', service('first'));
    await world.settle('default/first');
    world.services.set(WEB, service('web'));
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.address)).toMatchObject({ status: 'False', reason: 'PoolExhausted' });
    world.services.delete('default/first');
    world.reconciler.reconcile('default/first');
    const after = await world.settle(WEB);
    expect(after?.status?.loadBalancer?.ingress?.[0]?.ip).toBe('10.77.0.200');
  });

  it('never gives one address to two Services, even before the first decision has arrived', async () => {
    const world = createWorld();
    for (const name of ['a', 'b', 'c']) world.services.set(`default/${name}`, service(name));
    for (let round = 0; round < 5; round++) {
      for (const name of ['a', 'b', 'c'] as const) world.reconciler.reconcile(`default/${name}`);
      await world.clock.advanceAsync(0);
    }
    for (const name of ['a', 'b', 'c'] as const) await world.settle(`default/${name}`);
    const ips = [...world.services.values()].map((object) => readAssigned(object)?.ips[0]);
    expect(new Set(ips).size).toBe(3);
  });

  it('keeps its old address until a new wish can be met', async () => {
    const world = createWorld();
    world.services.set(WEB, service('web'));
    const before = (await world.settle(WEB))!;
    world.strangers.set(ip('10.77.0.50'), MAC);
    const wish = { ...before.metadata.annotations, [KEY.loadBalancerIPs]: '10.77.0.50' };
    world.services.set(WEB, { ...before, metadata: { ...before.metadata, annotations: wish } });
    await world.settle(WEB);
    expect(world.announced).toEqual(new Set(['10.77.0.200']));
    expect(world.condition(WEB, CONDITION.address)).toMatchObject({ status: 'False', reason: 'AddressConflict' });
  });

  it('is left alone when ignored or of another class', async () => {
    const world = createWorld();
    world.services.set(WEB, service('web', { metadata: { annotations: { [KEY.ignore]: 'true' } } }));
    const after = await world.settle(WEB);
    expect(after?.status?.conditions ?? []).toEqual([]);
    expect(world.announced.size).toBe(0);
  });

  it('loses everything of ours when the agents take everything back', async () => {
    const world = createWorld();
    world.services.set(WEB, service('web', { metadata: { annotations: { [KEY.loadBalancerIPs]: '0.0.0.0' } } }));
    const before = await world.settle(WEB);
    expect(before?.metadata.finalizers).toEqual([FINALIZER]);
    world.rules = { ...world.rules, withdraw: true };
    const after = await world.settle(WEB);
    expect(world.announced.size).toBe(0);
    expect(world.log).toContain('dhcp release');
    expect(after?.metadata.finalizers).toEqual([]);
    expect(after?.metadata.annotations).toEqual({ [KEY.loadBalancerIPs]: '0.0.0.0' });
    expect(after?.status).toEqual({ conditions: [], loadBalancer: { ingress: [] } });
  });

  it('keeps its address when the pools change under it, and the next one gets a new one', async () => {
    const world = createWorld();
    world.services.set(WEB, service('web'));
    await world.settle(WEB);
    world.configMap = { 'range-global': '10.77.0.220-10.77.0.221' };
    await world.settle(WEB);
    world.services.set('default/next', service('next'));
    await world.settle('default/next');
    expect(world.announced).toEqual(new Set(['10.77.0.200', '10.77.0.220']));
    world.configMap = {};
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  });

  it('loses address, record and conditions when it turns into a ClusterIP', async () => {
    const world = createWorld();
    world.services.set(WEB, service('web'));
    const before = (await world.settle(WEB))!;
    world.services.set(WEB, { ...before, spec: { ...before.spec, type: 'ClusterIP' } });
    const after = await world.settle(WEB);
    expect(world.announced.size).toBe(0);
    expect(after?.status?.conditions).toEqual([]);
    expect(after?.status?.loadBalancer?.ingress).toEqual([]);
    expect(Object.keys(after?.metadata.annotations ?? {})).toEqual([]);
  });
});

describe('a Service with DHCP, router port and name', () => {
  const asked = (): ReturnType<typeof service> =>
    service('web', {
      metadata: { annotations: { [KEY.loadBalancerIPs]: '0.0.0.0', [KEY.router]: '8080', [KEY.mdns]: 'web' } },
    });

  it('goes through every stage and holds the finalizer', async () => {
    const world = createWorld();
    world.mapped = MAPPED;
    world.services.set(WEB, asked());
    const after = await world.settle(WEB);
    expect(after?.metadata.finalizers).toEqual([FINALIZER]);
    expect(after?.metadata.annotations?.[KEY.loadBalancerIPs]).toBe('0.0.0.0');
    expect(after?.metadata.annotations?.[KEY.publishedNames]).toBe('web.local');
    expect(world.condition(WEB, CONDITION.router)).toMatchObject({ status: 'True' });
    expect(world.condition(WEB, CONDITION.name)).toMatchObject({ status: 'True' });
  });

  it('is undone in order: name and mapping first, then the lease, then the address, the finalizer last', async () => {
    const world = createWorld();
    world.mapped = MAPPED;
    world.unmapped = pending('Unmapping', 'asking the router');
    world.services.set(WEB, asked());
    const before = (await world.settle(WEB))!;
    world.services.set(WEB, { ...before, metadata: { ...before.metadata, deletionTimestamp: 'now' } });
    world.log.length = 0;
    expect(await world.settle(WEB)).toBeDefined();
    expect(world.announced.size).toBe(1);
    world.unmapped = { state: 'off', reason: 'Unmapped', message: '' };
    expect(await world.settle(WEB)).toBeUndefined();
    const order = ['goodbye', 'unmap', 'dhcp release', 'silence 10.77.0.101'].map((entry) =>
      world.log.lastIndexOf(entry),
    );
    expect(order.every((at) => at >= 0)).toBe(true);
    expect(order.slice(1)).toEqual([...order.slice(1)].sort((a, b) => a - b));
    expect(world.log).not.toContain('announce 10.77.0.101');
  });

  it('acquires anew when the server has taken the lease away', async () => {
    const world = createWorld();
    world.services.set(WEB, asked());
    await world.settle(WEB);
    world.kept = failed('LeaseLost', 'the server refused the lease');
    world.lease = ready({ ...LEASE, ip: ip('10.77.0.140') }, 'Leased', 'leased');
    world.reconciler.reconcile(WEB);
    const patched = world.settle(WEB);
    world.kept = ready({ ...LEASE, ip: ip('10.77.0.140') }, 'Leased', 'leased');
    const after = await patched;
    expect(after?.status?.loadBalancer?.ingress?.[0]?.ip).toBe('10.77.0.140');
    expect(world.announced).toEqual(new Set(['10.77.0.140']));
  });

  it('keeps address and name when the router refuses, and says whose fault it is', async () => {
    const world = createWorld();
    world.mapped = failed('MappingRefused', 'router 10.77.0.1: 606 not authorised');
    world.services.set(WEB, asked());
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.announcement)).toMatchObject({ status: 'True' });
    expect(world.condition(WEB, CONDITION.name)).toMatchObject({ status: 'True' });
    expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'False', reason: 'MappingRefused' });
  });

  it('closes what is open when its namespace may no more, and has no record of it afterwards', async () => {
    const world = createWorld();
    world.mapped = MAPPED;
    world.services.set(WEB, asked());
    expect((await world.settle(WEB))?.metadata.annotations?.[KEY.routerMappings]).toBeDefined();
    world.configMap = { 'router-default': 'false' };
    world.log.length = 0;
    const after = await world.settle(WEB);
    expect(world.log).toContain('unmap');
    expect(after?.metadata.annotations?.[KEY.routerMappings]).toBeUndefined();
    expect(world.condition(WEB, CONDITION.router)).toMatchObject({ status: 'False', reason: 'RouterForbidden' });
  });

  it('opens no router port for a namespace that may not', async () => {
    const world = createWorld();
    world.configMap = { 'router-default': 'false' };
    world.services.set(WEB, asked());
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.router)).toMatchObject({ status: 'False', reason: 'RouterForbidden' });
    expect(world.log.some((entry) => entry.startsWith('map'))).toBe(false);
  });
});

describe('ownership', () => {
  it('a node that does not own announces nothing and writes nothing', async () => {
    const world = createWorld('n2');
    world.owner = 'n1';
    world.live = ['n1', 'n2'];
    world.allocating = false;
    world.services.set(
      WEB,
      service('web', {
        metadata: {
          annotations: {
            [KEY.assigned]: '{"ips":["10.77.0.200"],"source":"pool","pool":"range-global"}',
            [KEY.loadBalancerIPs]: '10.77.0.200',
          },
        },
      }),
    );
    const after = await world.settle(WEB);
    expect(world.announced.size).toBe(0);
    expect(after?.status).toBeUndefined();
  });

  it('lets go at once when the address is lost to another node', async () => {
    const world = createWorld();
    world.live = ['n1', 'n2'];
    world.services.set(WEB, service('web'));
    await world.settle(WEB);
    world.owner = 'n2';
    expect(world.reconciler.ownerChanged(ip('10.77.0.200'))).toEqual([WEB]);
    expect(world.announced.size).toBe(0);
  });

  it('with policy Local only nodes with ready endpoints may own', async () => {
    const world = createWorld();
    world.services.set(WEB, service('web', { spec: { externalTrafficPolicy: 'Local' } }));
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.owner)).toMatchObject({ status: 'False', reason: 'NoReadyEndpoints' });
    world.endpoints = ['n1'];
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  });

  it('nodes with the exclude label own nothing where that counts, and the condition says so', async () => {
    const world = createWorld();
    world.live = ['n1', 'n2'];
    world.excluded = ['n1', 'n2'];
    world.services.set(WEB, service('web'));
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.owner)).toMatchObject({
      status: 'False',
      reason: 'NodesExcluded',
      message: expect.stringContaining('n1, n2 may not own addresses') as string,
    });
    expect(world.announced.size).toBe(0);
    world.excluded = ['n2'];
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.ready)).toMatchObject({ status: 'True' });
  });

  it('a node that cannot announce an address leaves it to the others, and keeps it where there are none', async () => {
    const world = createWorld();
    world.services.set(WEB, service('web'));
    await world.settle(WEB);
    world.obstacles.set(ip('10.77.0.200'), failed('LinkDown', 'eth0 is down'));
    await world.settle(WEB);
    expect(world.announced.size).toBe(1);
    world.live = ['n1', 'n2'];
    await world.settle(WEB);
    expect(world.announced.size).toBe(0);
    expect(world.condition(WEB, CONDITION.owner)).toMatchObject({ status: 'False', reason: 'LinkDown' });
    world.obstacles.clear();
    await world.settle(WEB);
    expect(world.announced.size).toBe(1);
  });

  it('a node that is handed over leaves its addresses to the others, and keeps them where there are none', async () => {
    const world = createWorld();
    world.live = ['n1', 'n2'];
    world.services.set(WEB, service('web'));
    await world.settle(WEB);
    expect(world.announced.size).toBe(1);
    world.draining = ['n1'];
    await world.settle(WEB);
    expect(world.announced.size).toBe(0); // the fake owner is not among those that may have it now
    world.live = ['n1'];
    await world.settle(WEB);
    expect(world.announced.size).toBe(1);
    world.live = ['n1', 'n2'];
    world.draining = ['n1', 'n2'];
    await world.settle(WEB);
    expect(world.announced.size).toBe(1);
  });

  it('a node that is handed over keeps what no other node can serve: policy Local', async () => {
    const world = createWorld();
    world.live = ['n1', 'n2'];
    world.endpoints = ['n1'];
    world.draining = ['n1'];
    world.services.set(WEB, service('web', { spec: { externalTrafficPolicy: 'Local' } }));
    await world.settle(WEB);
    expect(world.announced.size).toBe(1);
  });

  it('with policy Local an excluded node with endpoints owns nothing', async () => {
    const world = createWorld();
    world.endpoints = ['n1'];
    world.excluded = ['n1'];
    world.services.set(WEB, service('web', { spec: { externalTrafficPolicy: 'Local' } }));
    await world.settle(WEB);
    expect(world.condition(WEB, CONDITION.owner)).toMatchObject({ status: 'False', reason: 'NodesExcluded' });
  });

  it('a deleted Service is undone even where every node is excluded', async () => {
    const world = createWorld();
    world.services.set(WEB, service('web', { metadata: { annotations: { [KEY.loadBalancerIPs]: '0.0.0.0' } } }));
    const before = (await world.settle(WEB))!;
    world.excluded = ['n1'];
    world.services.set(WEB, { ...before, metadata: { ...before.metadata, deletionTimestamp: 'now' } });
    expect(await world.settle(WEB)).toBeUndefined();
    expect(world.log).toContain('dhcp release');
  });

  it('two Services on one address are announced once and the address goes with the last', async () => {
    const world = createWorld();
    world.configMap = { 'range-global': '10.77.0.200-10.77.0.200', 'allow-share-global': 'true' };
    world.services.set(WEB, service('web'));
    world.services.set(
      'default/dns',
      service('dns', { spec: { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] } }),
    );
    await world.settle(WEB);
    await world.settle('default/dns');
    expect(world.log.filter((entry) => entry === 'announce 10.77.0.200')).toHaveLength(1);
    world.services.delete(WEB);
    world.reconciler.reconcile(WEB);
    expect(world.announced.size).toBe(1);
    world.services.delete('default/dns');
    world.reconciler.reconcile('default/dns');
    expect(world.announced.size).toBe(0);
  });
});
