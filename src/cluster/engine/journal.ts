/**
 * What happened to this machine, one JSON object a line. A line is on the disk before what it announces begins, so a
 * step that has no `started` has left nothing behind.
 */
import { KubevipError } from '../../model/errors.ts';
import type { JournalFile } from '../ports/files.ts';
import type { Json } from './step.ts';

export type PlanName = 'init' | 'join-control-plane' | 'join-worker';

export type StepState = 'started' | 'done' | 'undoing' | 'undone';

export type Entry =
  | { readonly event: 'plan'; readonly plan: PlanName }
  | { readonly event: StepState; readonly step: string; readonly facts?: Json };

export interface StepRecord {
  readonly state: StepState;
  /** From the first start: how it was before us. */
  readonly facts: Json;
  /** It was started more than once. */
  readonly again: boolean;
}

export interface History {
  /** Undefined: nothing has begun. */
  readonly plan: PlanName | undefined;
  /** In the order in which they were first started. */
  readonly steps: ReadonlyMap<string, StepRecord>;
}

const STATES: readonly string[] = ['started', 'done', 'undoing', 'undone'] satisfies StepState[];
const PLANS: readonly string[] = ['init', 'join-control-plane', 'join-worker'] satisfies PlanName[];

/** @param time ISO 8601, for people. */
export function encodeEntry(entry: Entry, time: string): string {
  return `${JSON.stringify({ time, ...entry })}\n`;
}

/**
 * Lines that are not entries are passed over: only one that was torn by a power loss can be there, and what it would
 * have announced had not begun.
 */
export function decodeJournal(text: string): Entry[] {
  return text.split('\n').flatMap((line) => decodeEntry(line) ?? []);
}

function decodeEntry(line: string): Entry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined; // torn
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { event, plan, step, facts } = value as Readonly<Record<string, unknown>>;
  if (event === 'plan') return PLANS.includes(String(plan)) ? { event, plan: plan as PlanName } : undefined;
  if (!STATES.includes(String(event)) || typeof step !== 'string' || step === '') return undefined;
  return { event: event as StepState, step, ...(facts === undefined ? {} : { facts: facts as Json }) };
}

export function replay(entries: readonly Entry[]): History {
  let plan: PlanName | undefined;
  const steps = new Map<string, StepRecord>();
  for (const entry of entries) {
    if (entry.event === 'plan') plan = entry.plan;
    else {
      const before = steps.get(entry.step);
      steps.set(entry.step, {
        state: entry.event,
        facts: before?.facts ?? entry.facts ?? null,
        again: before !== undefined && (before.again || entry.event === 'started'),
      });
    }
  }
  return { plan, steps };
}

/** Steps that have left, or may have left, something behind. */
export function standing(history: History): string[] {
  return [...history.steps].flatMap(([id, { state }]) => (state === 'undone' ? [] : [id]));
}

/** The journal of one machine, with its history in memory. */
export class Journal {
  readonly #file: JournalFile;
  readonly #time: () => Date;
  #entries: Entry[] = [];

  private constructor(file: JournalFile, time: () => Date) {
    this.#file = file;
    this.#time = time;
  }

  static async open(file: JournalFile, time: () => Date): Promise<Journal> {
    const journal = new Journal(file, time);
    journal.#entries = decodeJournal(await file.load());
    return journal;
  }

  get path(): string {
    return this.#file.path;
  }

  history(): History {
    return replay(this.#entries);
  }

  /** Known for good when it returns. */
  async append(entry: Entry): Promise<void> {
    await this.#file.append(encodeEntry(entry, this.#time().toISOString()));
    this.#entries.push(entry);
  }

  /** @throws KubevipError OTHER_PLAN if this machine is already in the middle or at the end of another one. */
  async begin(plan: PlanName): Promise<void> {
    this.expect(plan);
    if (this.history().plan !== plan) await this.append({ event: 'plan', plan });
  }

  /** @throws KubevipError OTHER_PLAN as {@link begin} would. */
  expect(plan: PlanName): void {
    const history = this.history();
    if (history.plan === undefined || history.plan === plan || standing(history).length === 0) return;
    throw otherPlan(history.plan, plan, this.path);
  }

  async remove(): Promise<void> {
    await this.#file.remove();
    this.#entries = [];
  }
}

const WORDS: Readonly<Record<PlanName, string>> = {
  init: '`kubevip init` was run on this machine: it is the first control plane of a cluster',
  'join-control-plane': 'this machine has joined a cluster as control plane, or begun to',
  'join-worker': 'this machine has joined a cluster as worker, or begun to',
};

function otherPlan(earlier: PlanName, wanted: PlanName, path: string): KubevipError {
  const role = earlier === 'join-worker' ? ' --worker' : ' --control-plane';
  return new KubevipError(WORDS[earlier], {
    code: 'OTHER_PLAN',
    hints: [
      `To go on with that: ${earlier === 'init' ? 'kubevip init' : `kubevip join${role}`}`,
      `To take it back first, and then ${wanted === 'init' ? 'init' : 'join'}: kubevip reset`,
      `What was done so far is in ${path}`,
    ],
  });
}
