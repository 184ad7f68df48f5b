/** Anything thrown, as what a person is shown: what went wrong, a stable code, what to do now, and the exit code. */
import { EXIT, KubevipError, messageOf } from '../model/errors.ts';
import { paint } from './paint.ts';

export interface ShownError {
  readonly message: string;
  readonly code: string;
  readonly exit: number;
  readonly hints: readonly string[];
  readonly result?: unknown;
  /** Only for bugs of ours. */
  readonly stack?: string;
}

/** Undefined: nothing to show, only an exit (oclif's way of ending early). */
export function shownError(error: unknown): ShownError | undefined {
  if (error instanceof KubevipError) {
    const result = 'result' in error ? error.result : undefined;
    return {
      message: error.message,
      code: error.code,
      exit: error.exit,
      hints: error.hints,
      ...(result ? { result } : {}),
    };
  }
  const oclif = oclifExit(error);
  if (oclif !== undefined) {
    if (isExit(error)) return undefined;
    return { ...usageText(messageOf(error)), code: 'USAGE', exit: oclif };
  }
  if (isPromptGivenUp(error)) return { message: 'interrupted', code: 'INTERRUPTED', exit: EXIT.interrupted, hints: [] };
  return {
    message: `unexpected: ${messageOf(error)}`,
    code: 'BUG',
    exit: EXIT.bug,
    hints: ['This is a bug in kubevip. Please report it with the command you ran and the lines above.'],
    ...(error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}),
  };
}

/** Exit code of an {@link ShownError}, or of an early end. */
export function exitOf(error: unknown): number {
  return shownError(error)?.exit ?? oclifExit(error) ?? EXIT.failed;
}

/** The lines for stderr, without a last line break. */
export function renderError(error: ShownError, color: boolean): string {
  const lines = [`${paint('red', 'Error:', color)} ${error.message}`, `Code: ${error.code}`];
  if (error.stack !== undefined) lines.unshift(paint('dim', error.stack, color));
  if (error.hints.length > 0) lines.push('Try this:', ...error.hints.map((hint) => `  * ${hint}`));
  return lines.join('\n');
}

function oclifExit(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('oclif' in error)) return undefined;
  const { oclif } = error;
  if (typeof oclif !== 'object' || oclif === null) return undefined;
  // What it throws otherwise is about the command line, whatever number it has for that.
  if (!isExit(error)) return EXIT.usage;
  return 'exit' in oclif && typeof oclif.exit === 'number' ? oclif.exit : EXIT.failed;
}

function isExit(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIT';
}

/** Ctrl-C in a prompt of inquirer. */
function isPromptGivenUp(error: unknown): boolean {
  return error instanceof Error && error.name === 'ExitPromptError';
}

/** oclif ends its messages with an invitation to look at the help: that is a hint. */
function usageText(text: string): { message: string; hints: string[] } {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const rest = lines.filter((line) => line !== 'See more help with --help');
  return { message: rest.join('\n'), hints: rest.length < lines.length ? ['Add --help to see every flag.'] : [] };
}
