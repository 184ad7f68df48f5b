/** What a lab remembers on disk, and the lock that keeps two commands from changing it at once. */
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, KubevipError } from '../model/errors.ts';
import type { Milliseconds } from '../model/time.ts';
import { labPaths, type LabPaths } from './layout.ts';
import { labOptions, type LabOptions } from './options.ts';

export interface LabState {
  readonly options: LabOptions;
  /** TCP port of the API server on 127.0.0.1 of the root namespace. */
  readonly apiPort: number;
}

/** Undefined when there is no lab, or it was never finished. */
export function readState(paths: LabPaths): LabState | undefined {
  if (!existsSync(paths.state)) return undefined;
  try {
    const value = JSON.parse(readFileSync(paths.state, 'utf8')) as { options: LabOptions; apiPort: number };
    return { options: labOptions(value.options), apiPort: value.apiPort };
  } catch {
    // Written by another version: as good as none, `up` builds the lab anew.
    return undefined;
  }
}

/** As {@link readState}. @throws KubevipError LAB_DOWN when there is no lab. */
export function requireState(paths: LabPaths): LabState {
  const state = readState(paths);
  if (state !== undefined) return state;
  throw new KubevipError(`lab ${paths.id} is not up`, {
    code: 'LAB_DOWN',
    hints: [`bring it up with: kubevip lab up${paths.id === 'lab' ? '' : ` --id ${paths.id}`}`],
  });
}

export function writeState(paths: LabPaths, state: LabState): void {
  const temporary = `${paths.state}.new`;
  writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, paths.state);
}

/**
 * The lab's folder and those in it. @throws KubevipError LAB_DIR_FOREIGN when somebody else made the folder: it lies
 * where everybody may write.
 */
export function makeFolders(paths: LabPaths): void {
  mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
  const found = lstatSync(paths.dir);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new KubevipError(`${paths.dir} is there and not ours`, {
      code: 'LAB_DIR_FOREIGN',
      hints: ['take another lab id with --id'],
    });
  }
  chmodSync(paths.dir, 0o700);
  for (const dir of [paths.logs, paths.config, paths.apiData, paths.kubeconfigs, paths.disks, paths.power]) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }
}

export function removeFolders(paths: LabPaths): void {
  rmSync(paths.dir, { recursive: true, force: true });
}

export function isPoweredOff(paths: LabPaths, node: string): boolean {
  return existsSync(join(paths.power, node));
}

export function setPoweredOff(paths: LabPaths, node: string, off: boolean): void {
  if (off) writeFileSync(join(paths.power, node), '');
  else rmSync(join(paths.power, node), { force: true });
}

/**
 * Runs `work` while nobody else changes the lab. The lock is a socket in the abstract namespace: the kernel takes it
 * away with its holder, whatever ended that.
 * @throws KubevipError LAB_BUSY after `waitMs` (default 60 s).
 */
export async function withLabLock<T>(id: string, work: () => Promise<T>, waitMs: Milliseconds = 60_000): Promise<T> {
  const name = `\0kubevip-lab-${labPaths(id).id}`;
  const deadline = performance.now() + waitMs;
  let held = await tryLock(name);
  while (held === undefined) {
    if (performance.now() > deadline) {
      throw new KubevipError(`another command has been changing lab ${id} for too long`, {
        code: 'LAB_BUSY',
        exit: EXIT.timeout,
        hints: ['look for a `kubevip lab` process that hangs'],
      });
    }
    await delay(20);
    held = await tryLock(name);
  }
  try {
    return await work();
  } finally {
    held.close();
  }
}

async function tryLock(name: string): Promise<Server | undefined> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ path: name }, () => resolve(server));
  });
}
