import { describe, expect, it } from 'vitest';
import { createWorld, service } from '../../support/exposure.ts';

const WEB = 'default/web';

describe('a Service that is gone', () => {
  it('leaves nobody who wants its address: the Lease of the address goes too', async () => {
    const world = createWorld();
    world.services.set(WEB, service('web'));
    await world.settle(WEB);
    expect(world.wanted).toEqual(new Set(['10.77.0.200']));
    world.services.delete(WEB);
    world.reconciler.reconcile(WEB);
    expect(world.wanted).toEqual(new Set());
    expect(world.announced).toEqual(new Set());
  });
});
