/** Files of the machine, written so that a power loss leaves the old or the new, and never half of one. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  chown,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Files, JournalFile, PrivateFile, WriteOptions } from '../cluster/ports/files.ts';
import { KubevipError } from '../model/errors.ts';

/** In memory on every distribution: what is here does not outlive a boot. */
const PRIVATE_FOLDER = '/run/kubevip';

/** @param privateFolder where files with secrets are kept for moments. */
export function createNodeFiles(privateFolder: string = PRIVATE_FOLDER): Files {
  return {
    read: readOptional,
    write: writeWhole,
    overwrite: async (path, text) => {
      try {
        await writeFile(path, text);
      } catch (cause) {
        throw notWritten(path, cause);
      }
    },
    remove: async (path) => {
      try {
        await unlink(path);
        await syncFolder(dirname(path));
      } catch (cause) {
        if (!isMissing(cause)) throw notWritten(path, cause);
      }
    },
    exists: async (path) =>
      access(path, constants.F_OK).then(
        () => true,
        () => false,
      ),
    list: async (path) => {
      try {
        return await readdir(path);
      } catch (cause) {
        if (isMissing(cause)) return undefined;
        throw unreadable(path, cause);
      }
    },
    removeTree: async (path) => {
      try {
        await rm(path, { recursive: true, force: true });
      } catch (cause) {
        throw notWritten(path, cause);
      }
    },
    removeEmptyDirectory: async (path) => {
      try {
        await rmdir(path);
        return true;
      } catch (cause) {
        if (isMissing(cause)) return true;
        // In use, or not ours to remove: it stays.
        if (['ENOTEMPTY', 'EEXIST', 'EBUSY', 'ENOTDIR'].includes(errnoOf(cause))) return false;
        throw notWritten(path, cause);
      }
    },
    privateFile: async (name, text) => privateFile(privateFolder, name, text),
  };
}

/** Files of processes that were killed are in the way of nobody, but hold secrets. */
export async function sweepPrivateFiles(privateFolder: string = PRIVATE_FOLDER): Promise<void> {
  for (const name of await readdir(privateFolder).catch(() => [])) {
    const pid = Number(name.split('-', 1)[0]);
    if (!Number.isInteger(pid) || pid === process.pid || isRunning(pid)) continue;
    await rm(join(privateFolder, name), { force: true });
  }
}

export function createJournalFile(path: string): JournalFile {
  return {
    path,
    load: async () => (await readOptional(path)) ?? '',
    append: async (line) => {
      try {
        const isNew = await mkdirDurably(dirname(path), 0o700);
        const existed = await access(path).then(
          () => true,
          () => false,
        );
        const file = await open(path, 'a+', 0o600);
        try {
          // A line that was torn by a power loss is ended first, so that it spoils no other.
          const { size } = await file.stat();
          const last = Buffer.alloc(1);
          if (size > 0) await file.read(last, 0, 1, size - 1);
          await file.appendFile(size > 0 && last.toString() !== '\n' ? `\n${line}` : line);
          await file.sync();
        } finally {
          await file.close();
        }
        if (!existed || isNew) await syncFolder(dirname(path));
      } catch (cause) {
        throw notWritten(path, cause);
      }
    },
    remove: async () => {
      try {
        await rm(path, { force: true });
        await syncFolder(dirname(path));
      } catch (cause) {
        if (!isMissing(cause)) throw notWritten(path, cause);
      }
    },
  };
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw unreadable(path, cause);
  }
}

async function writeWhole(path: string, text: string, options: WriteOptions = {}): Promise<void> {
  try {
    // Through a symbolic link, as every editor does.
    const target = await realpath(path).catch(() => path);
    await mkdirDurably(dirname(target), options.directoryMode ?? 0o700, options.owner);
    const before = await stat(target).catch(() => undefined);
    const mode = options.mode ?? (before === undefined ? 0o600 : before.mode & 0o7777);
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
      throw cause;
    }
    await syncFolder(dirname(target));
  } catch (cause) {
    throw notWritten(path, cause);
  }
}

async function privateFile(folder: string, name: string, text: string): Promise<PrivateFile> {
  const path = join(folder, `${process.pid}-${randomBytes(6).toString('hex')}-${name}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(path, text, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    throw notWritten(path, cause);
  }
  return {
    path,
    remove: async () => {
      await rm(path, { force: true });
      // The folder goes with its last file.
      await rmdir(folder).catch(() => undefined);
    },
  };
}

/** @returns whether it was made. */
async function mkdirDurably(path: string, mode: number, owner?: WriteOptions['owner']): Promise<boolean> {
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
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errnoOf(error));
}

const HINTS: Readonly<Record<string, readonly string[]>> = {
  EACCES: ['Run it as root: sudo kubevip …'],
  EPERM: ['Run it as root: sudo kubevip …'],
  EROFS: ['The file system is mounted read-only: `findmnt --target` shows which; dmesg, why.'],
  ENOSPC: ['The disk is full: `df -h` shows which.'],
  EDQUOT: ['The quota is used up.'],
};

function notWritten(path: string, cause: unknown): KubevipError {
  const errno = errnoOf(cause);
  return new KubevipError(`cannot write ${path}: ${wordsFor(errno, cause)}`, {
    code: 'FILE_NOT_WRITTEN',
    hints: HINTS[errno] ?? [],
    cause,
  });
}

function unreadable(path: string, cause: unknown): KubevipError {
  const errno = errnoOf(cause);
  return new KubevipError(`cannot read ${path}: ${wordsFor(errno, cause)}`, {
    code: 'FILE_UNREADABLE',
    hints: HINTS[errno] ?? [],
    cause,
  });
}

function wordsFor(errno: string, cause: unknown): string {
  const words: Readonly<Record<string, string>> = {
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EROFS: 'the file system is read-only',
    ENOSPC: 'no space left on the disk',
    EDQUOT: 'the quota is used up',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of the path is no folder',
  };
  return words[errno] ?? (cause instanceof Error ? cause.message : String(cause));
}
