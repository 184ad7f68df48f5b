/** Daemons of the lab: started detached with their own log file, and stopped by pid, whoever started them. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { KubevipError } from '../model/errors.ts';
import type { Milliseconds } from '../model/time.ts';
import { inNetns } from './exec.ts';

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot at which it started (field 22 of /proc/PID/stat). */
  readonly startTicks: number;
}

export interface DaemonOptions {
  readonly netns?: string;
  readonly argv: readonly string[];
  /** Standard output and error are appended here. */
  readonly logFile: string;
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/**
 * Starts a daemon that outlives this process, as leader of its own session and process group.
 * `pid` is the daemon's own. @throws KubevipError DAEMON_NOT_STARTED if it could not be started at all.
 */
export function spawnDaemon(options: DaemonOptions): ProcessId {
  const [program = '', ...args] = inNetns(options.netns, options.argv);
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    child.on('error', () => {
      // Reported below: without a pid there is no process.
    });
    child.unref();
    const started = child.pid === undefined ? undefined : processId(child.pid);
    if (started === undefined) {
      throw new KubevipError(`\`${options.argv.join(' ')}\` could not be started, see ${options.logFile}`, {
        code: 'DAEMON_NOT_STARTED',
      });
    }
    return started;
  } finally {
    closeSync(log);
  }
}

/** The identity of a running process, or undefined when there is none (a zombie counts as none). */
export function processId(pid: number): ProcessId | undefined {
  const stat = readStat(pid);
  return stat === undefined || stat.state === 'Z' || stat.state === 'X'
    ? undefined
    : { pid, startTicks: stat.startTicks };
}

export function isAlive(id: ProcessId): boolean {
  return processId(id.pid)?.startTicks === id.startTicks;
}

/**
 * SIGTERM, then SIGKILL after `graceMs` (default 1 s; 0: SIGKILL at once), both to its whole process group.
 * Returns when it is gone. A process that is gone already is not an error.
 */
export async function stopProcess(id: ProcessId, options: { readonly graceMs?: Milliseconds } = {}): Promise<void> {
  const grace = options.graceMs ?? 1000;
  if (grace > 0 && signalGroup(id, 'SIGTERM') && (await gone(id, grace))) return;
  killHard(id);
  if (!(await gone(id, 5000))) {
    throw new KubevipError(`process ${id.pid} does not end`, { code: 'PROCESS_STUCK' });
  }
}

/** Sends a signal to this process alone, if it is still the same. @returns whether it was there. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  return isAlive(id) && send(id.pid, signal);
}

/** A process that leads no group has none of its own: then only it gets the signal. */
function signalGroup(id: ProcessId, signal: NodeJS.Signals): boolean {
  return isAlive(id) && (send(-id.pid, signal) || send(id.pid, signal));
}

/** SIGKILL with everything it started in its process group, at once and without waiting. */
export function killHard(id: ProcessId): void {
  signalGroup(id, 'SIGKILL');
}

async function gone(id: ProcessId, within: Milliseconds): Promise<boolean> {
  const deadline = performance.now() + within;
  for (let pause = 1; performance.now() < deadline; pause = Math.min(pause * 2, 20)) {
    if (!isAlive(id)) return true;
    await delay(pause);
  }
  return !isAlive(id);
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function readStat(pid: number): { state: string; startTicks: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command name in parentheses may hold anything, so count from behind the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTicks: Number(fields[19]) };
}
