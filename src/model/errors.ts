/**
 * The errors that leave a room. Everything a user can meet is a `KubevipError` with a stable code;
 * anything else that reaches the top is our bug (exit code 70).
 */

/** Process exit codes, documented in docs/reference/exit-codes.md. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  preflight: 3,
  unreachable: 4,
  timeout: 5,
  partial: 6,
  bug: 70,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface ErrorDetails {
  /** Stable, UPPER_SNAKE, for scripts. */
  readonly code: string;
  readonly exit?: ExitCode;
  /** What to do now, one line each. */
  readonly hints?: readonly string[];
  readonly cause?: unknown;
}

export class KubevipError extends Error {
  override readonly name = 'KubevipError';
  readonly code: string;
  readonly exit: ExitCode;
  readonly hints: readonly string[];

  /** @param message one line: what went wrong, and where. */
  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.exit = details.exit ?? EXIT.failed;
    this.hints = details.hints ?? [];
  }
}

/** Bytes or text from the wire that a decoder refuses. The only thing a decoder may throw. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** Text of anything thrown, for messages and conditions. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
