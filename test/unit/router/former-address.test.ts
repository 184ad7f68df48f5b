/** What becomes of ports that lead to an address a Service has left, at a router that listens to that address only. */
import { describe, expect, it } from 'vitest';
import { OTHER_VIP, OTHER_VIP6, VIP, VIP6 } from '../../support/router-world.ts';
import { createStage, recordsOf, request, type Stage } from './harness.ts';

const METHODS = [
  ['PCP', {}],
  ['NAT-PMP', { pcp: false }],
  ['UPnP', { pcp: false, natPmp: false }],
] as const;
const targets = ({ router }: Stage): string[] =>
  [...router.table().values(), ...router.pinholes().values()].map(({ internalIp }) => internalIp);

describe.each(METHODS)('a mapping by %s that leads to a former address', (_, switches) => {
  it('is removed from that address before the new one is mapped, and the address is free then', async () => {
    const stage = await createStage();
    Object.assign(stage.router.set, switches);
    const previous = recordsOf(await stage.settle(request()));
    const moved = request({ ip: OTHER_VIP, previous });
    stage.mappings.ensure(moved);
    expect(stage.mappings.leave('default/web', VIP)).toMatchObject({ state: 'pending', reason: 'RouterUnmapping' });
    await stage.clock.advanceAsync(1000);
    expect(stage.mappings.leave('default/web', VIP).state).toBe('off');
    expect(stage.told.length).toBeGreaterThan(1);
    expect(recordsOf(stage.mappings.ensure(moved))).toMatchObject([{ internalIp: OTHER_VIP }]);
    expect(targets(stage)).toEqual([OTHER_VIP]);
  });

  it('is removed when the Service goes to another node for good', async () => {
    const stage = await createStage();
    Object.assign(stage.router.set, switches);
    recordsOf(await stage.settle(request()));
    expect(stage.mappings.leave('default/web', VIP).state).toBe('pending');
    await stage.clock.advanceAsync(1000);
    expect(stage.mappings.leave('default/web', VIP)).toMatchObject({ state: 'off', reason: 'RouterUnmapped' });
    expect(targets(stage)).toEqual([]);
    await stage.clock.advanceAsync(10_000);
    expect(stage.node.open().datagrams).toBe(0);
    expect(stage.clock.pending()).toBe(0);
  });

  it('holds the address for seconds only when the router is away', async () => {
    const stage = await createStage();
    Object.assign(stage.router.set, switches);
    const previous = recordsOf(await stage.settle(request()));
    stage.router.set.on = false;
    stage.mappings.ensure(request({ ip: OTHER_VIP, previous }));
    await stage.clock.advanceAsync(12_000);
    expect(stage.mappings.leave('default/web', VIP).state).toBe('off');
  });

  it('is removed from there by the next agent, where the address still stands', async () => {
    const stage = await createStage();
    Object.assign(stage.router.set, switches);
    const previous = recordsOf(await stage.settle(request()));
    stage.mappings.close();
    const next = stage.another();
    const moved = request({ ip: OTHER_VIP, previous });
    next.ensure(moved);
    await stage.clock.advanceAsync(3000);
    expect(recordsOf(next.ensure(moved))).toMatchObject([{ internalIp: OTHER_VIP }]);
    expect(targets(stage)).toEqual([OTHER_VIP]);
    next.close();
  });
});

describe('an address that was left', () => {
  it('has its pinholes closed from itself', async () => {
    const stage = await createStage();
    const ports = [{ protocol: 'TCP', internalPort: 80, externalPort: 80 }] as const;
    const previous = recordsOf(await stage.settle(request({ ip: VIP6, ports })));
    const moved = request({ ip: OTHER_VIP6, ports, previous });
    stage.mappings.ensure(moved);
    await stage.clock.advanceAsync(1000);
    expect(targets(stage)).toEqual([OTHER_VIP6]);
    expect(stage.mappings.leave('default/web', VIP6).state).toBe('off');
  });

  it('to which nothing leads is free at once', async () => {
    const stage = await createStage();
    expect(stage.mappings.leave('default/web', VIP)).toMatchObject({ state: 'off', reason: 'NotMapped' });
    expect(stage.router.asked).toEqual([]);
  });
});
