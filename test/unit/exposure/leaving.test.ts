/** An address stays until the router has forgotten it, and not a moment longer. */
import { describe, expect, it } from 'vitest';
import { KEY } from '../../../src/model/annotations.ts';
import { off, pending } from '../../../src/model/decision.ts';
import { ip } from '../../../src/model/ip.ts';
import type { ServiceKey } from '../../../src/model/kubernetes.ts';
import { createWorld, service, type World } from '../../support/exposure.ts';

const WEB: ServiceKey = 'default/web';
const ADDRESS = ip('10.77.0.200');
const CLOSING = pending('RouterUnmapping', 'closing');

async function vanished(): Promise<{ world: World }> {
  const world = createWorld();
  world.services.set(WEB, service('web', { metadata: { annotations: { [KEY.router]: '8080' } } }));
  await world.settle(WEB);
  expect([...world.announced]).toEqual([ADDRESS]);
  world.left = CLOSING;
  world.services.delete(WEB);
  world.reconciler.reconcile(WEB);
  return { world };
}
describe('the address of a Service that somebody deleted together with our finalizer', () => {
  it('stays while ports are closed from it, and goes after that', async () => {
    const { world } = await vanished();
    expect(world.log).toContain('close from 10.77.0.200');
    expect([...world.announced]).toEqual([ADDRESS]);
    world.left = off('RouterUnmapped', '');
    world.reconciler.reconcile(WEB);
    expect([...world.announced]).toEqual([]);
    expect(world.log).toContain('disown 10.77.0.200');
  });

  it('stays through an event about its ownership, but not when another node owns it', async () => {
    const { world } = await vanished();
    world.reconciler.ownerChanged(ADDRESS);
    expect(world.announced.has(ADDRESS)).toBe(true);
    world.owners.set(ADDRESS, 'n2');
    world.live = ['n1', 'n2'];
    world.reconciler.ownerChanged(ADDRESS);
    expect(world.announced.has(ADDRESS)).toBe(false);
  });

  it('stays when another Service has it by then', async () => {
    const { world } = await vanished();
    const wish = { [KEY.loadBalancerIPs]: ADDRESS };
    world.services.set('default/next', service('next', { metadata: { annotations: wish } }));
    await world.settle('default/next');
    world.reconciler.reconcile(WEB);
    expect(world.announced).toEqual(new Set([ADDRESS]));
    expect(world.log).not.toContain('disown 10.77.0.200');
  });
});
