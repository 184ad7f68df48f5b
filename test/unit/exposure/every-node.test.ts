import { describe, expect, it } from 'vitest';
import { service, createWorld, type World } from '../../support/exposure.ts';

const WEB = 'default/web';
const ADDRESS = '10.77.0.200';

async function spread(change: (world: World) => void = () => undefined): Promise<World> {
  const world = createWorld('n2');
  world.reach = 'every-node';
  world.owner = 'n2';
  world.live = ['n1', 'n2', 'n3'];
  world.services.set(WEB, service('web'));
  await world.settle(WEB);
  // Another node speaks for it from now on.
  world.owner = 'n1';
  world.log.length = 0;
  change(world);
  await world.settle(WEB);
  return world;
}

function localOnly(world: World): void {
  const before = world.services.get(WEB)!;
  world.services.set(WEB, { ...before, spec: { ...before.spec, externalTrafficPolicy: 'Local' } });
}

describe('an address that every node announces', () => {
  it('is announced here, whoever owns it', async () => {
    const world = await spread();
    expect([...world.announced]).toEqual([ADDRESS]);
    expect(world.log).not.toContain(`silence ${ADDRESS}`);
  });

  it('is written about by its owner alone', async () => {
    const world = await spread();
    const before = world.services.get(WEB);
    await world.settle(WEB);
    expect(world.services.get(WEB)).toBe(before);
  });

  it('is announced before there is an owner', async () => {
    const world = await spread((now) => (now.owner = 'nobody'));
    expect([...world.announced]).toEqual([ADDRESS]);
  });

  it('is not announced from a node without a ready endpoint by policy Local, and is once it has one', async () => {
    const world = await spread((now) => {
      localOnly(now);
      now.endpoints = ['n1'];
    });
    expect([...world.announced]).toEqual([]);
    // Nothing here could serve what still comes.
    expect([...world.ceded]).toEqual([]);
    world.endpoints = ['n1', 'n2'];
    await world.settle(WEB);
    expect([...world.announced]).toEqual([ADDRESS]);
  });

  it('leaves a node that is handed over, unless it is the only one', async () => {
    const world = await spread((now) => (now.draining = ['n2']));
    expect([...world.announced]).toEqual([]);
    expect([...world.ceded]).toEqual([ADDRESS]);
    world.live = ['n2'];
    await world.settle(WEB);
    expect([...world.announced]).toEqual([ADDRESS]);
  });

  it('leaves a node with notice that is excluded, even as the only one, and comes back', async () => {
    const world = await spread((now) => {
      now.excluded = ['n2'];
      now.live = ['n2'];
    });
    expect([...world.announced]).toEqual([]);
    expect([...world.ceded]).toEqual([ADDRESS]);
    world.excluded = [];
    await world.settle(WEB);
    expect([...world.announced]).toEqual([ADDRESS]);
  });

  it('goes with the last Service that has it', async () => {
    const world = await spread();
    const shared = { ...world.services.get(WEB)!, metadata: { ...world.services.get(WEB)!.metadata } };
    world.services.set('default/too', {
      ...shared,
      metadata: { ...shared.metadata, name: 'too', uid: 'uid-too' },
    });
    await world.settle('default/too');
    world.services.delete(WEB);
    world.reconciler.reconcile(WEB);
    expect([...world.announced]).toEqual([ADDRESS]);
    world.services.delete('default/too');
    world.reconciler.reconcile('default/too');
    expect([...world.announced]).toEqual([]);
  });
});
