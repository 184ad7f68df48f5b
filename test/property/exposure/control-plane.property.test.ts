/**
 * The VIP by its Lease through random faults: cables, API servers that fail or are slow, answers that do not come, and
 * processes that stand still. Whatever happened, when it is over the holder of the Lease has all of the VIP, and nobody
 * else any of it. `CONTROL_PLANE_WORLDS=1000 CONTROL_PLANE_SEED=1` for more, or for a failure again.
 */
import { expect, it } from 'vitest';
import type { Milliseconds } from '../../../src/model/time.ts';
import { chanceFrom, seedFrom } from '../../support/chance.ts';
import { createControlPlanes, VIP, VIP6 } from '../../support/control-planes.ts';

const WORLDS = Number(process.env['CONTROL_PLANE_WORLDS'] ?? 40);
const SEED = seedFrom(process.env['CONTROL_PLANE_SEED']);
const NODES = ['a', 'b', 'c'] as const;
const FAULTS = 25;
/** More than the Lease stands, and what a slow call may hold up. */
const ALL_IS_OVER: Milliseconds = 20_000;

async function afterFaults(seed: number) {
  const chance = chanceFrom(seed);
  let slowness: Milliseconds = 0;
  let deafness = 0;
  const time = (): Milliseconds => 1 + chance.below(1 + slowness);
  const planes = await createControlPlanes({
    nodes: NODES,
    request: { addresses: [VIP, VIP6] },
    delays: { call: time, event: time },
    deaf: () => chance.happens(deafness),
  });
  const { clock } = planes;
  const faults = [
    () => planes.node(chance.pick(NODES)).host.setLink({ up: chance.happens(0.5) }),
    () => planes.node(chance.pick(NODES)).api(chance.happens(0.5)),
    () => (slowness = chance.pick([0, 100, 1000, 3000])),
    () => (deafness = chance.pick([0, 0.5])),
    () => clock.stall(chance.pick([300, 1600, 2500, 6000])),
  ];
  for (let i = 0; i < FAULTS; i++) {
    chance.pick(faults)();
    await clock.advanceAsync(chance.pick([20, 300, 1000, 4000, 8000]));
  }
  for (const name of NODES) {
    planes.node(name).host.setLink({ up: true });
    planes.node(name).api(true);
  }
  [slowness, deafness] = [0, 0];
  await clock.advanceAsync(ALL_IS_OVER);
  return planes;
}

it(
  'one node has it, the holder of the Lease, and both families of it',
  async () => {
    for (let seed = SEED; seed < SEED + WORLDS; seed++) {
      const planes = await afterFaults(seed);
      const holder = planes.holder();
      expect(NODES, `CONTROL_PLANE_SEED=${seed}`).toContain(holder);
      for (const vip of [VIP, VIP6]) expect(planes.having(vip), `CONTROL_PLANE_SEED=${seed}: ${vip}`).toEqual([holder]);
      const { vips } = planes.node(holder ?? '').controlPlane.state;
      expect(vips.map(({ announced }) => announced.state)).toEqual(['ready', 'ready']);
    }
  },
  60_000 + WORLDS * 200,
);
