/** What preflight found: facts, why they matter, and the command that mends them. */
import type { Change } from './change.ts';

export type Level = 'error' | 'warn' | 'ok';

export interface Fine {
  /** Stable, for scripts and `--ignore`. */
  readonly id: string;
  readonly level: 'ok';
  /** One line: what was found. */
  readonly what: string;
}

export interface Problem {
  readonly id: string;
  /** `error`: `init` and `join` would fail, or leave something broken. `warn`: it works, and somebody should know. */
  readonly level: 'error' | 'warn';
  readonly what: string;
  /** One sentence: what goes wrong otherwise. */
  readonly why: string;
  /** The command to type, as root; where hands are needed, what to do and the command that shows it. */
  readonly remedy: string;
  /** Only where doing it loses nothing and can be undone. */
  readonly fix?: Fix;
}

export type Finding = Fine | Problem;

/** Data, not code: a plan can show it, a journal can keep it, `reset` can undo it. */
export interface Fix {
  readonly changes: readonly Change[];
}

export function fine(id: string, what: string): Fine {
  return { id, level: 'ok', what };
}

export type ProblemText = Omit<Problem, 'id' | 'level'>;

export function error(id: string, text: ProblemText): Problem {
  return { id, level: 'error', ...text };
}

export function warn(id: string, text: ProblemText): Problem {
  return { id, level: 'warn', ...text };
}
