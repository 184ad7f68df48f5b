/** The JSON that scripts read: one shape for every command, with a version that changes when the shape does. */
import type { ShownError } from './errors.ts';

/** Raised when a field is taken away or changes its meaning; new fields do not raise it. */
export const ENVELOPE_VERSION = 1;

export interface SuccessEnvelope {
  readonly version: number;
  readonly ok: true;
  readonly result: unknown;
  readonly warnings: readonly string[];
}

export interface ErrorEnvelope {
  readonly version: number;
  readonly ok: false;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly exit: number;
    readonly hints: readonly string[];
    /** What was reached before it failed, in the command's own shape. */
    readonly result?: unknown;
  };
}

export function successEnvelope(result: unknown, warnings: readonly string[]): SuccessEnvelope {
  return { version: ENVELOPE_VERSION, ok: true, result, warnings };
}

export function errorEnvelope(error: ShownError): ErrorEnvelope {
  const { code, message, exit, hints, result } = error;
  return {
    version: ENVELOPE_VERSION,
    ok: false,
    error: { code, message, exit, hints, ...(result === undefined ? {} : { result }) },
  };
}

/** Whether `--json` is among the flags (and not after `--`). */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json');
}
