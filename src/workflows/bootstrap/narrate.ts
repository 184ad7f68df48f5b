/** Turns what a plan reports by callback into the steps that a workflow yields. */
import type { StepEvent } from '../../cluster/engine/run.ts';
import { stageStep, type Step } from '../steps.ts';

/** Yields what `work` emits, as it comes, and returns what it returns. */
export async function* narrate<R>(work: (emit: (step: Step) => void) => Promise<R>): AsyncGenerator<Step, R> {
  const waiting: Step[] = [];
  const state = { over: false, wake: (): void => undefined };
  const result = work((step) => {
    waiting.push(step);
    state.wake();
  }).finally(() => {
    state.over = true;
    state.wake();
  });
  // It is awaited below; until then nobody else looks at its failure.
  result.catch(() => undefined);
  for (;;) {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next;
    if (state.over) return await result;
    await new Promise<void>((resolve) => (state.wake = resolve));
  }
}

export function stepOf({ step, state, message }: StepEvent): Step {
  const { id, title } = step;
  const text = message === '' ? title : message;
  switch (state) {
    case 'running':
      return stageStep(id, 'waiting', 'Running', message === '' ? `${title} …` : message);
    case 'undoing':
      return stageStep(id, 'waiting', 'Undoing', message === '' ? `take back: ${title} …` : message);
    case 'done':
      return stageStep(id, 'ready', 'Done', text);
    case 'undone':
      return stageStep(id, 'ready', 'Undone', `taken back: ${title}`);
    case 'kept':
      return stageStep(id, 'ready', 'Kept', `was done already: ${title}`);
    case 'believed':
      return stageStep(id, 'ready', 'Believed', `is on record as done; not all of it can be seen now: ${title}`);
    case 'failed':
      return stageStep(id, 'failed', 'Failed', text);
  }
}
