/** Runs the CLI as a process of its own, as a script or a person would. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Path of the program; bin/dev.js (from the sources) by default. */
  readonly program?: string;
  readonly node?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called with the process and everything it has written to stderr, whenever it writes there. */
  readonly onStderr?: (text: string, child: ChildProcess) => void;
}

/** Without a terminal, and without whatever the environment of the tests says about clusters and colours. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const unset = { KUBECONFIG: undefined, KUBEVIP_NETNS: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined };
  const child = spawn(options.node ?? process.execPath, [options.program ?? join(ROOT, 'bin', 'dev.js'), ...args], {
    env: { ...process.env, ...unset, HOME: '/nonexistent', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    options.onStderr?.(stderr, child);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
