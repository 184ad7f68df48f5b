/**
 * The daemons of a lab. There are no pid files: each daemon carries the lab's id and its own name in its environment,
 * so the kernel itself knows who runs, also when whoever started it was killed before writing anything down.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KubevipError } from '../model/errors.ts';
import type { Milliseconds } from '../model/time.ts';
import { netnsOf, type LabPaths } from './layout.ts';
import { isAlive, processId, spawnDaemon, stopProcess, type ProcessId } from './process.ts';

const LAB_VARIABLE = 'KUBEVIP_LAB_ID';
const NAME_VARIABLE = 'KUBEVIP_LAB_DAEMON';
/** Digest of how it was started, so that a daemon with other settings is told from one that is as it shall be. */
const SPEC_VARIABLE = 'KUBEVIP_LAB_SPEC';

export interface DaemonSpec {
  /** Unique in the lab: `router-dnsmasq`, `n1-agent`. Names the log file. */
  readonly name: string;
  /** Host whose namespace it runs in; absent: the root namespace. */
  readonly host?: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files to write before it starts: path → content. */
  readonly files?: Readonly<Record<string, string>>;
  /** Removed before it starts: pid files and the like, by which it would take a killed predecessor for a running one. */
  readonly stale?: readonly string[];
  /** Says from its log of this run, or otherwise, whether it serves. Absent: it does once it is started. */
  readonly ready?: (log: string, id: ProcessId) => boolean;
  /** How long it may take to be ready. Default 10 s. */
  readonly readyWithinMs?: Milliseconds;
  /** How long it may take to end before another form of it is started. Default 1 s. */
  readonly graceMs?: Milliseconds;
}

export interface RunningDaemon extends ProcessId {
  readonly specDigest: string;
}

export function logFile(paths: LabPaths, name: string): string {
  return join(paths.logs, `${name}.log`);
}

/** Every daemon of the lab that runs, by name. */
export function runningDaemons(paths: LabPaths): Map<string, RunningDaemon> {
  const found = new Map<string, RunningDaemon>();
  for (const { pid, name, specDigest } of markedProcesses(paths.id)) {
    // Children inherit the mark; the daemon is the one that leads its session.
    const id = name !== '' && sessionOf(pid) === pid ? processId(pid) : undefined;
    if (id !== undefined) found.set(name, { ...id, specDigest });
  }
  return found;
}

/** Every process that carries the lab's mark, children included. */
export function labProcesses(id: string): ProcessId[] {
  return [...markedProcesses(id)].flatMap(({ pid }) => processId(pid) ?? []);
}

/**
 * Makes sure that the daemon runs, started exactly as `spec` says, and is ready.
 * @returns whether it had to be started.
 * @throws KubevipError DAEMON_FAILED with the last lines of its log when it ends or does not get ready.
 */
export async function ensureDaemon(paths: LabPaths, spec: DaemonSpec): Promise<boolean> {
  const running = runningDaemons(paths).get(spec.name);
  if (running?.specDigest === digestOf(spec)) return false;
  if (running !== undefined) await stopProcess(running, spec.graceMs === undefined ? {} : { graceMs: spec.graceMs });
  await startDaemon(paths, spec);
  return true;
}

/** Stops a daemon if it runs. @returns whether it did. */
export async function stopDaemon(
  paths: LabPaths,
  name: string,
  options: { readonly graceMs?: Milliseconds } = {},
): Promise<boolean> {
  const id = runningDaemons(paths).get(name);
  if (id !== undefined) await stopProcess(id, options);
  return id !== undefined;
}

async function startDaemon(paths: LabPaths, spec: DaemonSpec): Promise<void> {
  for (const [path, content] of Object.entries(spec.files ?? {})) writeFileSync(path, content, { mode: 0o600 });
  for (const path of spec.stale ?? []) rmSync(path, { force: true });
  const log = logFile(paths, spec.name);
  const before = existsSync(log) ? statSync(log).size : 0;
  const id = spawnDaemon({
    ...(spec.host === undefined ? {} : { netns: netnsOf(paths, spec.host) }),
    argv: spec.argv,
    logFile: log,
    env: {
      ...spec.env,
      [LAB_VARIABLE]: paths.id,
      [NAME_VARIABLE]: spec.name,
      [SPEC_VARIABLE]: digestOf(spec),
    },
    cwd: paths.dir,
  });
  const thisRun = (): string => readFileSync(log).subarray(before).toString('utf8');
  const deadline = performance.now() + (spec.readyWithinMs ?? 10_000);
  while (performance.now() < deadline) {
    if (spec.ready === undefined || spec.ready(thisRun(), id)) return;
    if (!isAlive(id)) throw failed(spec, 'ended', thisRun(), log);
    await delay(5);
  }
  await stopProcess(id, { graceMs: 0 });
  throw failed(spec, 'did not get ready', thisRun(), log);
}

function failed(spec: DaemonSpec, what: string, log: string, file: string): KubevipError {
  const lines = log.trim().split('\n');
  // Of a stack trace, the line with the error; of other programs, their last words.
  const said = lines.findLast((line) => /^\w*Error\b/.test(line)) ?? lines.slice(-3).join(' / ');
  return new KubevipError(`${spec.name} ${what}: ${said === '' ? 'it said nothing' : said}`, {
    code: 'DAEMON_FAILED',
    hints: [`its log is ${file}`],
  });
}

function digestOf({ argv, env, files }: DaemonSpec): string {
  return createHash('sha256')
    .update(JSON.stringify([argv, env, files]))
    .digest('hex')
    .slice(0, 16);
}

function* markedProcesses(id: string): Generator<{ pid: number; name: string; specDigest: string }> {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const environment = environmentOf(Number(entry));
    const value = (variable: string): string =>
      environment.find((line) => line.startsWith(`${variable}=`))?.slice(variable.length + 1) ?? '';
    if (value(LAB_VARIABLE) !== id) continue;
    yield { pid: Number(entry), name: value(NAME_VARIABLE), specDigest: value(SPEC_VARIABLE) };
  }
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

function sessionOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
  } catch {
    return undefined;
  }
}
