/** One thing a plan does to the machine or the cluster, and how to take it back. */

/** What is written to the journal has to be plain. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * `not`: certainly not there, or not whole. `unknown`: it cannot be told now, as when the API server does not answer:
 * what was recorded as done is believed then, and what was only started is not.
 */
export type Verdict = 'done' | 'not' | 'unknown';

export interface StepContext {
  /** One line for people about what goes on. Never a secret. */
  readonly progress: (message: string) => void;
  readonly signal: AbortSignal;
  /** An earlier try was recorded, and undone. */
  readonly again: boolean;
}

export interface Step {
  /** Stable: it is in journals. */
  readonly id: string;
  /** In the imperative: `create the control plane`. */
  readonly title: string;
  /** One or two sentences for `--dry-run`: what is written where, and why. */
  readonly explain: string;
  /** How things are before the first start. Kept in the journal, for `run` and `undo`. */
  observe?(): Promise<Json>;
  /** Cheap: it is asked at every re-run. */
  verify(facts: Json): Promise<Verdict>;
  run(context: StepContext, facts: Json): Promise<void>;
  /** Must be able to be called again, and after a `run` that got to any point. */
  undo(context: StepContext, facts: Json): Promise<void>;
}
