/** A machine that loses its power at a chosen moment, and steps whose effects it keeps. */
import type { JournalFile } from '../../src/cluster/ports/files.ts';
import type { Json, Step, Verdict } from '../../src/cluster/engine/step.ts';

export class PowerLoss extends Error {}

/** What the disk and the cluster hold; it outlives every process. */
export interface World {
  journal: string;
  /** Parts of the effect of each step that are there: 0 … PARTS. */
  readonly effects: Map<string, number>;
  /** How often each step was run to its end, undone runs not counted. */
  readonly completed: Map<string, number>;
  /** Effects that were made although they were there. */
  readonly twice: string[];
}

export const PARTS = 3;

export function newWorld(): World {
  return { journal: '', effects: new Map(), completed: new Map(), twice: [] };
}

/** Power for so many more happenings. */
export class Power {
  left: number;

  constructor(left: number) {
    this.left = left;
  }

  /** @throws PowerLoss */
  use(): void {
    if (this.left-- <= 0) throw new PowerLoss('power lost');
  }
}

export interface StepShape {
  readonly id: string;
  /** Effects of these go too when it is undone, as `kubeadm reset` empties the folder of manifests. */
  readonly sweeps?: readonly string[];
  /** It cannot always be told whether it is done. */
  readonly vague?: boolean;
}

export function worldSteps(world: World, power: Power, shapes: readonly StepShape[], vague: () => boolean): Step[] {
  return shapes.map(({ id, sweeps = [], vague: isVague = false }): Step => {
    const parts = (): number => world.effects.get(id) ?? 0;
    return {
      id,
      title: `do ${id}`,
      explain: `Does ${id}.`,
      observe: () => {
        power.use();
        return Promise.resolve<Json>({ before: parts() });
      },
      verify: () => {
        power.use();
        if (isVague && vague()) return Promise.resolve<Verdict>('unknown');
        return Promise.resolve<Verdict>(parts() === PARTS ? 'done' : 'not');
      },
      run: () => {
        if (parts() > 0) world.twice.push(id);
        for (let part = parts(); part < PARTS; part++) {
          power.use();
          world.effects.set(id, part + 1);
        }
        world.completed.set(id, (world.completed.get(id) ?? 0) + 1);
        power.use();
        return Promise.resolve();
      },
      undo: () => {
        for (const swept of [id, ...sweeps]) {
          power.use();
          if (world.effects.get(swept) === PARTS) world.completed.set(swept, (world.completed.get(swept) ?? 1) - 1);
          world.effects.set(swept, 0);
        }
        return Promise.resolve();
      },
    };
  });
}

/** A file whose last line may be torn when the power goes. */
export function worldJournal(world: World, power: Power, tear: (line: string) => number): JournalFile {
  return {
    path: '/var/lib/kubevip/journal.jsonl',
    load: () => Promise.resolve(world.journal),
    append: (line) => {
      // As the adapter does it: a torn line before is ended first.
      const start = world.journal === '' || world.journal.endsWith('\n') ? '' : '\n';
      try {
        power.use();
      } catch (error) {
        world.journal += start + line.slice(0, tear(line));
        throw error;
      }
      world.journal += start + line;
      return Promise.resolve();
    },
    remove: () => {
      power.use();
      world.journal = '';
      return Promise.resolve();
    },
  };
}
