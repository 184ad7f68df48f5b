/** Commands in network namespaces as `ip netns exec` runs them: with the `/sys` of that namespace. */
import type { CommandOutcome as RunResult } from '../cluster/ports/commands.ts';
import { run as runProgram, type RunOptions as ProgramOptions } from '../linux/run.ts';
import { KubevipError } from '../model/errors.ts';

export type { RunResult };

export interface RunOptions extends Omit<ProgramOptions, 'netns'> {
  /** Network namespace by name; absent: the one of this process. */
  readonly netns?: string;
}

/** Puts `ip netns exec` in front: it replaces itself by the command, so its pid is the command's. */
export function inNetns(netns: string | undefined, argv: readonly string[]): string[] {
  return netns === undefined ? [...argv] : ['ip', 'netns', 'exec', netns, ...argv];
}

/**
 * Runs `argv` (no shell) and waits for it, 30 s unless told otherwise. Never throws for an exit code.
 * @throws KubevipError RUN_NOT_FOUND, RUN_TIMEOUT, RUN_ABORTED, RUN_KILLED
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { netns, ...rest } = options;
  const [program = '', ...args] = inNetns(netns, argv);
  return await runProgram(program, args, { timeoutMs: 30_000, ...rest });
}

/**
 * Like {@link run}, for commands that have to work.
 * @returns its standard output.
 * @throws KubevipError COMMAND_FAILED with the command line and its last words.
 */
export async function runOrThrow(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.code !== 0) {
    const where = options.netns === undefined ? '' : ` (in ${options.netns})`;
    const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-3).join(' / ');
    throw new KubevipError(`\`${argv.join(' ')}\`${where} ended with ${result.code}: ${said}`, {
      code: 'COMMAND_FAILED',
    });
  }
  return result.stdout;
}
