/** One small file that a program keeps for its next start: the old or the new, never half of one, and for its owner only. */
import { readFileSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface StateFile {
  /** Undefined when there is none, or it cannot be read. */
  read(): string | undefined;
  /**
   * Beside everything else: a memory card, or a disk with much to write, takes seconds for it. One at a time.
   * Rejects with an Error of the file system.
   */
  write(text: string): Promise<void>;
  remove(): Promise<void>;
}

/** @param folder made where it is not there, mode 0700. */
export function createStateFile(folder: string, name: string): StateFile {
  const path = join(folder, name);
  return {
    read: () => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return undefined;
      }
    },
    write: async (text) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const temporary = `${path}.new`;
      // One of an earlier crash may have other rights.
      await rm(temporary, { force: true });
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.chmod(0o600);
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    },
    remove: async () => rm(path, { force: true }),
  };
}
