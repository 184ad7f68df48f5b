import { describe, expect, it } from 'vitest';
import { EndpointStage } from '../../../src/exposure/endpoints/stage.ts';
import type { Detour } from '../../../src/exposure/endpoints/port.ts';
import type { EndpointSlice } from '../../../src/model/kubernetes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { servedService, sliceOf } from '../../support/service-world.ts';

const healthy = sliceOf('web', [
  ['10.88.11.2', 'n1'],
  ['10.88.13.2', 'n3'],
]);
const struck = sliceOf('web', [
  ['10.88.11.2', 'n1'],
  ['10.88.13.2', 'n3', { ready: false }],
]);

function setup() {
  const clock = createFakeClock();
  const writes: (readonly Detour[])[] = [];
  const told: string[] = [];
  const world = { lost: [] as string[], slices: [healthy] as EndpointSlice[], inContact: true, refuses: false };
  const stage = new EndpointStage({
    node: 'n1',
    clock,
    table: {
      set: (detours) => {
        if (world.refuses) return Promise.reject(new Error('nft is missing'));
        writes.push(detours);
        return Promise.resolve();
      },
    },
    services: () => [servedService('web', ['10.77.0.200'])],
    slices: () => world.slices,
    lostNodes: () => world.lost,
    inContact: () => world.inContact,
    onChange: (nodes, ports) => told.push(`${nodes.join()} ${ports}`),
    onError: (error) => told.push(String(error)),
  });
  const lose = async (...nodes: string[]): Promise<void> => {
    world.lost = nodes;
    stage.changed();
    await clock.advanceAsync(10);
  };
  return { clock, writes, told, world, stage, lose, last: () => writes.at(-1)?.length };
}

describe('the stage of endpoints', () => {
  it('clears what an earlier run left, and then does nothing while nobody is dead', async () => {
    const { clock, writes, stage } = setup();
    stage.start();
    await clock.advanceAsync(10);
    for (let i = 0; i < 100; i++) stage.changed();
    await clock.advanceAsync(60_000);
    expect(writes).toEqual([[]]);
  });

  it('leads past a dead node at once, keeps the rules alive, and undoes them when it returns', async () => {
    const { clock, writes, told, stage, lose, last } = setup();
    stage.start();
    await clock.advanceAsync(10);
    await lose('n3');
    expect([writes.length, last()]).toEqual([2, 1]);
    await clock.advanceAsync(20_000);
    expect(writes.length).toBeGreaterThanOrEqual(5);
    await lose();
    expect(last()).toBe(0);
    const before = writes.length;
    await clock.advanceAsync(60_000);
    expect(writes).toHaveLength(before);
    expect(told).toEqual(['n3 1', ' 0']);
  });

  it('ends once Kubernetes has struck the endpoints off, and trusts it until the node has lived and died again', async () => {
    const { clock, world, stage, lose, last, writes } = setup();
    stage.start();
    await lose('n3');
    world.slices = [struck];
    stage.changed();
    await clock.advanceAsync(10);
    expect(last()).toBe(0);
    await clock.advanceAsync(10_000);
    // The node lives, its agent does not: Kubernetes lists it again, and is right.
    world.slices = [healthy];
    stage.changed();
    await clock.advanceAsync(30_000);
    expect(last()).toBe(0);
    await lose();
    await lose('n3');
    expect(last()).toBe(1);
    expect(writes.length).toBeGreaterThan(2);
  });

  it('believes an API server that answers and still lists the node after five minutes', async () => {
    const { clock, stage, lose, last } = setup();
    stage.start();
    await lose('n3');
    await clock.advanceAsync(4 * 60_000);
    expect(last()).toBe(1);
    await clock.advanceAsync(65_000);
    expect(last()).toBe(0);
  });

  it('goes on for as long as there is no API server, and gives it its time when it is back', async () => {
    const { clock, world, stage, lose, last } = setup();
    stage.start();
    await lose('n3');
    world.inContact = false;
    await clock.advanceAsync(60 * 60_000);
    expect(last()).toBe(1);
    world.inContact = true;
    await clock.advanceAsync(4 * 60_000);
    expect(last()).toBe(1);
    await clock.advanceAsync(70_000);
    expect(last()).toBe(0);
  });

  it('tries again what the kernel refused', async () => {
    const { clock, world, stage, lose, told, last } = setup();
    stage.start();
    await clock.advanceAsync(10);
    world.refuses = true;
    await lose('n3');
    await clock.advanceAsync(10_000);
    expect(told).toEqual(['Error: nft is missing']);
    world.refuses = false;
    await clock.advanceAsync(1010);
    expect(last()).toBe(1);
    expect(told).toContain('n3 1');
  });

  it('leaves nothing when it stops', async () => {
    const { clock, stage, lose, last, writes } = setup();
    stage.start();
    await lose('n3');
    await stage.stop();
    expect(last()).toBe(0);
    const before = writes.length;
    stage.changed();
    await clock.advanceAsync(60_000);
    expect(writes).toHaveLength(before);
  });
});
