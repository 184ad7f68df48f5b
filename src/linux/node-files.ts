/** Files of the machine: those that are kept, those that live for moments, and the journal. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Files, JournalFile, PrivateFile } from '../cluster/ports/files.ts';
import { errnoOf, isMissing, notWritten, unreadable } from './file-error.ts';
import { mkdirDurably, syncFolder, writeWhole } from './whole-file.ts';

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
  // Also where they were killed between making the folder and the file.
  await rmdir(privateFolder).catch(() => undefined);
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

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
