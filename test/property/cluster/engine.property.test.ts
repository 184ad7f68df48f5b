import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJournal, Journal, replay } from '../../../src/cluster/engine/journal.ts';
import { carryOut, isComplete, takeBack, type Plan } from '../../../src/cluster/engine/run.ts';
import {
  newWorld,
  PARTS,
  Power,
  PowerLoss,
  worldJournal,
  worldSteps,
  type StepShape,
  type World,
} from '../../support/crash-world.ts';

/** The shape of `init`: undoing the fourth step sweeps away what the third and the second one did. */
const SHAPES: readonly StepShape[] = [
  { id: 'machine' },
  { id: 'certificates' },
  { id: 'manifest' },
  { id: 'kubeadm', sweeps: ['manifest', 'certificates'], vague: true },
  { id: 'services', vague: true },
  { id: 'user' },
];

interface Chances {
  readonly vague: readonly boolean[];
  readonly tear: number;
}

type Work = typeof carryOut;

/** One process: lives as long as there is power. */
async function live(world: World, power: Power, chances: Chances, work: Work): Promise<'ended' | 'killed'> {
  let asked = 0;
  const vague = (): boolean => chances.vague[asked++ % Math.max(1, chances.vague.length)] ?? false;
  const file = worldJournal(world, power, (line) => Math.min(line.length, chances.tear));
  const plan: Plan = { name: 'init', steps: worldSteps(world, power, SHAPES, vague) };
  const journal = await Journal.open(file, () => new Date(0));
  try {
    await work(plan, { journal, signal: new AbortController().signal, on: () => undefined });
    return 'ended';
  } catch (error) {
    if (causeOf(error) instanceof PowerLoss) return 'killed';
    throw error;
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? causeOf(error.cause) : error;
}

const always = new Power(Number.POSITIVE_INFINITY);
const calm: Chances = { vague: [false], tear: 0 };

function expectConverged(world: World): void {
  for (const { id } of SHAPES) {
    expect(world.effects.get(id)).toBe(PARTS);
    // Runs that were undone apart, each effect was made once.
    expect(world.completed.get(id)).toBe(1);
  }
  expect(world.twice).toEqual([]);
  const history = replay(decodeJournal(world.journal));
  expect(SHAPES.every(({ id }) => history.steps.get(id)?.state === 'done')).toBe(true);
}

describe('a plan that is killed', () => {
  const chances = fc.record({ vague: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), tear: fc.nat(120) });

  it('at every single point, converges when it is run again', async () => {
    for (let point = 0; ; point++) {
      const world = newWorld();
      const result = await live(world, new Power(point), calm, carryOut);
      await live(world, always, calm, carryOut);
      expectConverged(world);
      if (result === 'ended') {
        expect(point).toBeGreaterThan(40);
        break;
      }
    }
  });

  it('again and again, at random points and with torn journals, converges', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(60), chances), { maxLength: 12 }), chances, async (kills, last) => {
        const world = newWorld();
        for (const [power, chance] of kills) await live(world, new Power(power), chance, carryOut);
        await live(world, always, last, carryOut);
        expectConverged(world);
      }),
    );
  });

  it('is taken back whole by resets that are killed too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(80), fc.array(fc.nat(30), { maxLength: 6 }), chances, async (power, kills, chance) => {
        const world = newWorld();
        await live(world, new Power(power), chance, carryOut);
        for (const left of kills) await live(world, new Power(left), chance, takeBack);
        await live(world, always, chance, takeBack);
        expect([...world.effects.values()].every((parts) => parts === 0)).toBe(true);
        // And from there it can begin anew.
        await live(world, always, calm, carryOut);
        expectConverged(world);
      }),
    );
  });

  it('changes nothing when it is run again at its end', async () => {
    await fc.assert(
      fc.asyncProperty(chances, async (chance) => {
        const world = newWorld();
        await live(world, always, calm, carryOut);
        const [journal, completed] = [world.journal, new Map(world.completed)];
        await live(world, always, chance, carryOut);
        expect(world.journal).toBe(journal);
        expect(world.completed).toEqual(completed);
        const file = worldJournal(world, always, () => 0);
        const plan: Plan = { name: 'init', steps: worldSteps(world, always, SHAPES, () => false) };
        expect(isComplete(plan, await Journal.open(file, () => new Date(0)))).toBe(true);
      }),
    );
  });
});

describe('a journal', () => {
  it('is read, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(Array.isArray(decodeJournal(text))).toBe(true);
      }),
    );
  });
});
