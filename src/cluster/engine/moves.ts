/**
 * Decides what comes next in a plan, given its history. No side effects: each move is carried out by whoever drives the
 * generator, and its answer is handed back. So a kill at every point of a plan can be tried in a test in no time.
 */
import type { Entry, History, StepRecord } from './journal.ts';
import type { Json, Verdict } from './step.ts';

export type Move =
  | { readonly do: 'verify' | 'run' | 'undo'; readonly step: string; readonly facts: Json }
  | { readonly do: 'observe'; readonly step: string }
  /** To be on the disk before the next move is asked for. */
  | { readonly do: 'append'; readonly entry: Entry }
  /** Nothing to do for this step; `certain`: it was looked at. */
  | { readonly do: 'skip'; readonly step: string; readonly certain: boolean };

/** What is handed back: a verdict for `verify`, facts for `observe`, nothing for the others. */
export type Answer = Verdict | { readonly facts: Json } | undefined;
export type Moves = Generator<Move, void, Answer>;

/**
 * From wherever the history ends to all steps done. What was started and is not whole is undone first, backwards, since
 * undoing may take back what steps before it did; those are seen to be missing and done again.
 * @param ids all steps of the plan, in their order.
 */
export function* forward(ids: readonly string[], history: History): Moves {
  const records = new Map(history.steps);
  for (const id of ids.toReversed()) {
    const record = records.get(id);
    if (record?.state !== 'started' && record?.state !== 'undoing') continue;
    const whole = record.state === 'started' && (yield { do: 'verify', step: id, facts: record.facts }) === 'done';
    if (whole) yield { do: 'append', entry: { event: 'done', step: id } };
    else yield* takeBack(id, record);
    records.set(id, { ...record, state: whole ? 'done' : 'undone' });
  }
  for (const id of ids) {
    const record = records.get(id);
    if (record?.state === 'done') {
      const verdict = yield { do: 'verify', step: id, facts: record.facts };
      if (verdict !== 'not') {
        yield { do: 'skip', step: id, certain: verdict === 'done' };
        continue;
      }
    }
    // How it was before our first try is what an undo shall lead back to.
    const seen = record === undefined ? yield { do: 'observe', step: id } : undefined;
    const observed: { readonly facts?: Json } = typeof seen === 'object' ? seen : {};
    yield { do: 'append', entry: { event: 'started', step: id, ...observed } };
    yield { do: 'run', step: id, facts: record?.facts ?? observed.facts ?? null };
    yield { do: 'append', entry: { event: 'done', step: id } };
  }
}

/** Everything that is or may be there is undone, the last step first. */
export function* backward(ids: readonly string[], history: History): Moves {
  for (const id of ids.toReversed()) {
    const record = history.steps.get(id);
    if (record !== undefined && record.state !== 'undone') yield* takeBack(id, record);
  }
}

function* takeBack(step: string, { state, facts }: StepRecord): Moves {
  if (state !== 'undoing') yield { do: 'append', entry: { event: 'undoing', step } };
  yield { do: 'undo', step, facts };
  yield { do: 'append', entry: { event: 'undone', step } };
}
