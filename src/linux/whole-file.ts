/** Writes a file so that a power loss leaves the old one or the new one, and never half of one. */
import { randomBytes } from 'node:crypto';
import { chown, mkdir, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { WriteOptions } from '../cluster/ports/files.ts';
import { errnoOf, notWritten } from './file-error.ts';

/** As {@link Files.write}. @throws KubevipError FILE_NOT_WRITTEN */
export async function writeWhole(path: string, text: string, options: WriteOptions = {}): Promise<void> {
  try {
    // Through a symbolic link, as every editor does.
    const target = await realpath(path).catch(() => path);
    await mkdirDurably(dirname(target), options.directoryMode ?? 0o700, options.owner);
    const before = await stat(target).catch(() => undefined);
    const mode = options.mode ?? (before === undefined ? (options.newMode ?? 0o600) : before.mode & 0o7777);
    const owner = options.owner ?? before;
    // The dot keeps kubelet from looking at it.
    const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}`);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(text);
        if (owner !== undefined) await file.chown(owner.uid, owner.gid);
        // Afterwards: a change of owner takes bits away.
        await file.chmod(mode);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
    } catch (cause) {
      await rm(temporary, { force: true });
      // A file that is mounted by itself, as /etc/hosts in a container, can only be written to.
      if (errnoOf(cause) !== 'EBUSY') throw cause;
      await writeFile(target, text, { flush: true });
    }
    await syncFolder(dirname(target));
  } catch (cause) {
    throw notWritten(path, cause);
  }
}

/** @returns whether it was made. */
export async function mkdirDurably(path: string, mode: number, owner?: WriteOptions['owner']): Promise<boolean> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first === undefined) return false;
  for (let folder = path; folder.length >= first.length; folder = dirname(folder)) {
    if (owner !== undefined) {
      await chown(folder, owner.uid, owner.gid);
    }
    await syncFolder(dirname(folder));
  }
  return true;
}

/** A new name is on the disk only when its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
