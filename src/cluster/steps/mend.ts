/** The safe fixes of preflight as a step of a plan, so that `reset` takes them back. */
import { KubevipError, messageOf } from '../../model/errors.ts';
import type { Json, Step, Verdict } from '../engine/step.ts';
import type { History } from '../engine/journal.ts';
import {
  applyChange,
  describeChange,
  isMade,
  undoChange,
  wayBack,
  type Change,
  type Undo,
} from '../preflight/change.ts';
import type { MachineHands } from '../ports/preflight.ts';

/** What the journal has of it. All of it was known before the first change was made. */
interface MendFacts {
  readonly changes: readonly Change[];
  /** In the order of the changes; to be undone from the end. */
  readonly undo: readonly Undo[];
}

const ID = /^mend(-\d+)?$/;

/**
 * @param id of this batch: what comes later is not part of what was recorded, and gets one of its own.
 * @param look whether the machine is in order now; throws if not.
 */
export function mendStep(
  { hands }: { readonly hands: MachineHands },
  id: string,
  changes: readonly Change[],
  look?: () => Promise<void>,
): Step {
  return {
    id,
    title: 'mend this machine',
    explain: `Does what loses nothing, and \`kubevip reset\` takes it back: ${changes.map(describeChange).join('; ')}.`,
    observe: async (): Promise<Json> => {
      const undo: Undo[] = [];
      for (const change of changes) {
        const back = await wayBack(change, hands);
        if (back !== undefined) undo.push(back);
      }
      return { changes, undo } satisfies MendFacts;
    },
    verify: async () => verify(changes, hands),
    run: async ({ progress, signal }) => {
      for (const change of changes) {
        signal.throwIfAborted();
        progress(describeChange(change));
        await applyChange(change, hands);
      }
      await look?.();
    },
    undo: async ({ progress }, facts) => {
      const failures: string[] = [];
      for (const back of (readFacts(facts)?.undo ?? []).toReversed()) {
        try {
          await undoChange(back, hands);
        } catch (error) {
          // One that does not work keeps none of the others.
          failures.push(messageOf(error));
          progress(messageOf(error));
        }
      }
      if (failures.length > 0) throw notTakenBack(failures);
    },
  };
}

/** Batches that earlier runs have begun, in their order. */
export function recordedMends(parts: { readonly hands: MachineHands }, { steps }: History): Step[] {
  return [...steps].flatMap(([id, { facts }]) =>
    ID.test(id) ? [mendStep(parts, id, readFacts(facts)?.changes ?? [])] : [],
  );
}

/** Changes that an earlier run had begun with, and that are made when it is continued. */
export function unfinishedMends({ steps }: History): Change[] {
  return [...steps].flatMap(([id, { state, facts }]) =>
    ID.test(id) && state !== 'done' ? (readFacts(facts)?.changes ?? []) : [],
  );
}

/** Id for the next batch. */
export function nextMend({ steps }: History): string {
  const count = [...steps.keys()].filter((id) => ID.test(id)).length;
  return count === 0 ? 'mend' : `mend-${count + 1}`;
}

async function verify(changes: readonly Change[], hands: MachineHands): Promise<Verdict> {
  const made = await Promise.all(changes.map(async (change) => isMade(change, hands)));
  if (made.includes(false)) return 'not';
  return made.includes(undefined) ? 'unknown' : 'done';
}

function readFacts(facts: Json): MendFacts | undefined {
  return typeof facts === 'object' && facts !== null && 'changes' in facts
    ? (facts as unknown as MendFacts)
    : undefined;
}

function notTakenBack(failures: readonly string[]): KubevipError {
  return new KubevipError(failures.join('; '), {
    code: 'FIX_NOT_UNDONE',
    hints: ['The rest of what was mended was taken back.'],
  });
}
