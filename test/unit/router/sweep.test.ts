/** Mappings that nobody remembers: their Service was deleted past our finalizer while no agent ran. */
import { describe, expect, it } from 'vitest';
import { mappingDescription, ownerOfMapping } from '../../../src/exposure/router/description.ts';
import { createRouterMappings } from '../../../src/exposure/router/mappings.ts';
import type { SweepRequest } from '../../../src/exposure/router/sweep.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { createRouterWorld, OTHER_VIP, VIP } from '../../support/router-world.ts';
import { recordsOf, request } from './harness.ts';

const CLUSTER = '6b1d22aa-0c5e-4f3e-8a55-5d2f1e0b9c7d';
const OTHER_CLUSTER = 'ffffffff-0c5e-4f3e-8a55-5d2f1e0b9c7d';
const GONE = '11111111-4e0b-4c55-9a0e-8a3b1f6f0c11';
const NODE = ip('10.77.0.11');

async function forgotten(switches: object = {}) {
  const world = await createRouterWorld();
  const { clock, network, router } = world;
  Object.assign(router.set, { pcp: false, natPmp: false, ...switches });
  const dead = createRouterMappings({ network, clock, cluster: () => CLUSTER });
  const wish = request({ uid: GONE });
  dead.ensure(wish);
  await clock.advanceAsync(3000);
  recordsOf(dead.ensure(wish));
  dead.close();
  const borrowed: Ip[] = [];
  const back: Ip[] = [];
  const mappings = createRouterMappings({ network, clock, cluster: () => CLUSTER });
  const sweep = (change: Partial<SweepRequest> = {}) =>
    world.run(
      mappings.sweep({
        link: 'eth0',
        gateway: router.ip,
        source: NODE,
        cluster: CLUSTER,
        services: () => ['22222222-4e0b-4c55-9a0e-8a3b1f6f0c11'],
        inUse: () => false,
        borrow: (address) => {
          borrowed.push(address);
          return Promise.resolve(() => void back.push(address));
        },
        ...change,
      }),
    );
  return { router, sweep, borrowed, back };
}

describe('a mapping that nobody remembers', () => {
  it('is removed by the agent that gives out addresses next', async () => {
    const { router, sweep, borrowed } = await forgotten({ secure: false });
    expect(await sweep()).toMatchObject({ removed: [{ externalPort: 8080, internalIp: VIP }], left: [] });
    expect(router.table().size).toBe(0);
    expect(borrowed).toEqual([]);
  });

  it('is removed from the address it leads to where the router is in secure mode, and the address given back', async () => {
    const { router, sweep, borrowed, back } = await forgotten();
    expect((await sweep()).removed).toHaveLength(1);
    expect(router.table().size).toBe(0);
    expect([borrowed, back]).toEqual([[VIP], [VIP]]);
  });

  it('is left to run out where somebody else has that address by now', async () => {
    const { router, sweep } = await forgotten();
    expect(await sweep({ borrow: () => Promise.resolve(undefined) })).toMatchObject({ removed: [], left: [{}] });
    expect(router.table().size).toBe(1);
  });

  it.each<[string, Partial<SweepRequest>]>([
    ['its Service is still there', { services: () => [GONE] }],
    ['a Service has its address', { inUse: (address) => address === VIP }],
    ['it is another cluster’s', { cluster: OTHER_CLUSTER }],
  ])('is not what it seems when %s: it is left alone', async (_, change) => {
    const { router, sweep } = await forgotten({ secure: false });
    expect(await sweep(change)).toEqual({ removed: [], left: [] });
    expect(router.table().size).toBe(1);
  });

  it('is never one of anybody else', async () => {
    const { router, sweep } = await forgotten({ secure: false });
    for (const [key, text] of [
      ['TCP 1', 'game console'],
      ['TCP 2', 'kubevip/default/web'],
      ['TCP 3', `notkubevip/a/b/${GONE.slice(0, 8)}.${CLUSTER.slice(0, 8)}`],
      ['TCP 4', ''],
    ] as const)
      router.occupy(key, OTHER_VIP, text);
    expect((await sweep()).removed).toHaveLength(1);
    expect(router.table().size).toBe(4);
  });

  it('cannot be seen without UPnP: it runs out', async () => {
    const { router, sweep } = await forgotten();
    Object.assign(router.set, { pcp: true, igd: undefined });
    expect(await sweep()).toEqual({ removed: [], left: [] });
  });
});

describe('the mark of a mapping', () => {
  it('is read back from any name, however long', () => {
    const owner = { uid: GONE, cluster: CLUSTER };
    for (const name of ['default/web', `${'n'.repeat(63)}/${'s'.repeat(63)}`] as const) {
      const text = mappingDescription(name, owner);
      expect(text.length).toBeLessThanOrEqual(64);
      expect(ownerOfMapping(text)).toEqual({ uid: '11111111', cluster: '6b1d22aa' });
    }
    expect(mappingDescription('default/web', owner)).toBe('kubevip/default/web/11111111.6b1d22aa');
    expect(ownerOfMapping('kubevip/default/web')).toBeUndefined();
  });
});
