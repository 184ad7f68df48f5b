/** Carries a plan out: moves on one side, steps and journal on the other. */
import { EXIT, KubevipError, messageOf } from '../../model/errors.ts';
import { standing, type Journal, type PlanName } from './journal.ts';
import { backward, forward, type Answer, type Move, type Moves } from './moves.ts';
import type { Step, StepContext } from './step.ts';

export interface Plan {
  readonly name: PlanName;
  readonly steps: readonly Step[];
}

export interface StepEvent {
  readonly step: Step;
  /** `kept`: it was there already. `believed`: recorded as done, and it could not be looked at. */
  readonly state: 'running' | 'done' | 'kept' | 'believed' | 'undoing' | 'undone' | 'failed';
  /** For people; empty at the beginning and the end of a step. */
  readonly message: string;
}

export interface EngineOptions {
  readonly journal: Journal;
  readonly signal: AbortSignal;
  readonly on: (event: StepEvent) => void;
}

export interface Outcome {
  /** Steps that were run now; empty: all was there. */
  readonly ran: readonly string[];
  readonly undone: readonly string[];
}

/**
 * Brings the plan to its end from wherever an earlier run left it.
 * @throws KubevipError OTHER_PLAN, INTERRUPTED, or what a step failed with, as StepError.
 */
export async function carryOut(plan: Plan, options: EngineOptions): Promise<Outcome> {
  await options.journal.begin(plan.name);
  const ids = plan.steps.map(({ id }) => id);
  return await drive(
    plan,
    forward(ids, options.journal.history()),
    options,
    'the same command again goes on from here',
  );
}

/** Takes back whatever of the plan is there. The journal stays; its removal is the caller's last act. */
export async function takeBack(plan: Plan, options: EngineOptions): Promise<Outcome> {
  const ids = plan.steps.map(({ id }) => id);
  return await drive(
    plan,
    backward(ids, options.journal.history()),
    options,
    '`kubevip reset` again goes on from here',
  );
}

/** Whether every step was recorded as done. */
export function isComplete(plan: Plan, journal: Journal): boolean {
  const { plan: name, steps } = journal.history();
  return name === plan.name && plan.steps.every(({ id }) => steps.get(id)?.state === 'done');
}

/** Steps of a plan that a reset would take back, the last first. */
export function toTakeBack(plan: Plan, journal: Journal): Step[] {
  const there = new Set(standing(journal.history()));
  return plan.steps.filter(({ id }) => there.has(id)).toReversed();
}

async function drive(plan: Plan, moves: Moves, options: EngineOptions, howToGoOn: string): Promise<Outcome> {
  const steps = new Map(plan.steps.map((step) => [step.id, step]));
  const [ran, undone]: [string[], string[]] = [[], []];
  let answer: Answer;
  for (;;) {
    if (options.signal.aborted) throw interrupted(howToGoOn);
    const next = moves.next(answer);
    if (next.done === true) return { ran, undone };
    answer = await carryOutMove(next.value, steps, options, howToGoOn);
    if (next.value.do === 'run') ran.push(next.value.step);
    if (next.value.do === 'undo') undone.push(next.value.step);
  }
}

async function carryOutMove(
  move: Move,
  steps: ReadonlyMap<string, Step>,
  { journal, signal, on }: EngineOptions,
  howToGoOn: string,
): Promise<Answer> {
  if (move.do === 'append') {
    await journal.append(move.entry);
    return undefined;
  }
  const step = steps.get(move.step);
  // The generator only names steps of the plan it was given.
  if (step === undefined) throw new TypeError(`no step ${move.step}`);
  const again = journal.history().steps.get(step.id)?.again === true;
  const context = (state: StepEvent['state']): StepContext => ({
    again,
    progress: (message) => on({ step, state, message }),
    signal,
  });
  try {
    switch (move.do) {
      case 'skip':
        on({ step, state: move.certain ? 'kept' : 'believed', message: '' });
        return undefined;
      case 'verify':
        return await step.verify(move.facts);
      case 'observe':
        return step.observe === undefined ? undefined : { facts: await step.observe() };
      case 'run':
        on({ step, state: 'running', message: '' });
        await step.run(context('running'), move.facts);
        on({ step, state: 'done', message: '' });
        return undefined;
      case 'undo':
        on({ step, state: 'undoing', message: '' });
        await step.undo(context('undoing'), move.facts);
        on({ step, state: 'undone', message: '' });
        return undefined;
    }
  } catch (cause) {
    if (signal.aborted) throw interrupted(howToGoOn, step);
    on({ step, state: 'failed', message: messageOf(cause) });
    throw new StepError(step, cause, howToGoOn);
  }
}

/** A step failed. What went before it stands, and is recorded. */
export class StepError extends KubevipError {
  readonly step: string;

  constructor(step: Step, cause: unknown, howToGoOn: string) {
    const known = cause instanceof KubevipError ? cause : undefined;
    super(`could not ${step.title}: ${messageOf(cause)}`, {
      code: known?.code ?? 'STEP_FAILED',
      exit: known?.exit ?? EXIT.bug,
      hints: [...(known?.hints ?? []), `When that is mended, ${howToGoOn}; \`kubevip reset\` takes everything back.`],
      cause,
    });
    this.step = step.id;
  }
}

function interrupted(howToGoOn: string, step?: Step): KubevipError {
  return new KubevipError(step === undefined ? 'interrupted' : `interrupted while it was to ${step.title}`, {
    code: 'INTERRUPTED',
    exit: EXIT.interrupted,
    hints: [`Nothing is lost: ${howToGoOn}; \`kubevip reset\` takes everything back.`],
  });
}
