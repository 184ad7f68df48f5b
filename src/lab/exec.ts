/** Runs commands to their end, in the root namespace or in a network namespace, and collects what they say. */
import { spawn } from 'node:child_process';
import { KubevipError } from '../model/errors.ts';
import type { Milliseconds } from '../model/time.ts';

export interface RunOptions {
  /** Network namespace by name; absent: the one of this process. */
  readonly netns?: string;
  /** Written to the command's standard input, which is then closed. Absent: no input. */
  readonly input?: string;
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The command is killed after this time and `code` is 124, as timeout(1) has it. Default 30 s. */
  readonly timeoutMs?: Milliseconds;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  /** Exit code; 124 after the time-out, 128 + n when killed by signal n is not told apart and given as 128. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Puts `ip netns exec` in front: it replaces itself by the command, so its pid is the command's. */
export function inNetns(netns: string | undefined, argv: readonly string[]): string[] {
  return netns === undefined ? [...argv] : ['ip', 'netns', 'exec', netns, ...argv];
}

/**
 * Runs `argv` (no shell) and waits for it. Never throws for an exit code.
 * @throws KubevipError COMMAND_NOT_FOUND when the program does not exist.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program = '', ...args] = inNetns(options.netns, argv);
  return await new Promise<RunResult>((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      killSignal: 'SIGKILL',
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? 30_000);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => {
      // The command may end without reading its input; its exit code tells.
    });
    child.stdin.end(options.input ?? '');
    child.on('error', (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(cause.code === 'ENOENT' ? notFound(program) : cause);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({
        code: timedOut ? 124 : (code ?? 128),
        stdout: Buffer.concat(out).toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
      });
    });
  });
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

function notFound(program: string): KubevipError {
  return new KubevipError(`the program \`${program}\` is not installed`, {
    code: 'COMMAND_NOT_FOUND',
    hints: ['`npm run setup` installs what the lab needs on Debian'],
  });
}
