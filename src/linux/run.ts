/** Runs a command to its end. Never through a shell. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { CommandOutcome } from '../cluster/ports/commands.ts';
import { KubevipError } from '../model/errors.ts';
import type { Milliseconds } from '../model/time.ts';
import { withNetns } from './netns.ts';

export interface RunOptions {
  /** Written to standard input, which is then closed. */
  readonly input?: string;
  /** Open file to read from instead, from its beginning by way of /dev/stdin. */
  readonly stdin?: number;
  /** Killed after this. Default 10 s. */
  readonly timeoutMs?: Milliseconds;
  readonly signal?: AbortSignal;
  /** Network namespace to run in; this process's own when absent. */
  readonly netns?: string;
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Each line as it comes, of either stream. */
  readonly onLine?: (line: string) => void;
  /** Output beyond this many bytes (each stream) is cut off. Default 1 MiB. */
  readonly maxBytes?: number;
}

/**
 * @returns whatever the exit code is.
 * @throws KubevipError RUN_NOT_FOUND (no such program), RUN_TIMEOUT, RUN_ABORTED, RUN_KILLED (by a signal).
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<CommandOutcome> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const limit = options.maxBytes ?? 1024 * 1024;
  if (options.signal?.aborted === true) throw aborted(command);
  const child = withNetns(
    options.netns,
    () =>
      spawn(command, args, {
        stdio: [options.stdin ?? 'pipe', 'pipe', 'pipe'],
        ...(options.env && { env: { ...process.env, ...options.env } }),
      }) as ChildProcessByStdio<Writable | null, Readable, Readable>,
  );
  const stdout = collect(child.stdout, limit);
  const stderr = collect(child.stderr, limit);
  if (options.onLine !== undefined) for (const stream of [child.stdout, child.stderr]) eachLine(stream, options.onLine);
  // A program may end without reading its input; its exit code tells.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input ?? '');

  return await new Promise<CommandOutcome>((resolve, reject) => {
    let failure: KubevipError | undefined;
    const end = (error: KubevipError): void => {
      failure ??= error;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => {
      end(new KubevipError(`${command} did not end within ${timeoutMs} ms`, { code: 'RUN_TIMEOUT' }));
    }, timeoutMs);
    const onAbort = (): void => end(aborted(command));
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const settled = (): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    };
    child.on('error', (cause: NodeJS.ErrnoException) => {
      settled();
      reject(cause.code === 'ENOENT' ? notFound(command, cause) : notStarted(command, cause));
    });
    child.on('close', (code, signal) => {
      settled();
      if (failure) reject(failure);
      else if (code === null) reject(new KubevipError(`${command} was ended by ${signal}`, { code: 'RUN_KILLED' }));
      else resolve({ code, stdout: stdout(), stderr: stderr() });
    });
  });
}

function collect(stream: NodeJS.ReadableStream, limit: number): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size >= limit) return;
    chunks.push(chunk.subarray(0, limit - size));
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}

function aborted(command: string): KubevipError {
  return new KubevipError(`${command} was called off`, { code: 'RUN_ABORTED' });
}

function notFound(command: string, cause: unknown): KubevipError {
  return new KubevipError(`the program ${command} is not installed`, {
    code: 'RUN_NOT_FOUND',
    hints: [`install ${command}, or check the PATH`],
    cause,
  });
}

function notStarted(command: string, cause: Error): KubevipError {
  return new KubevipError(`${command} could not be started: ${cause.message}`, { code: 'RUN_FAILED', cause });
}
