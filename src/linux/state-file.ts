/** One small file that a program keeps for its next start: the old or the new, never half of one, and for its owner only. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

export interface StateFile {
  /** Undefined when there is none, or it cannot be read. */
  read(): string | undefined;
  /** @throws Error of the file system */
  write(text: string): void;
  remove(): void;
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
    write: (text) => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const temporary = `${path}.new`;
      // One of an earlier crash may have other rights.
      rmSync(temporary, { force: true });
      const fd = openSync(temporary, 'wx', 0o600);
      try {
        writeSync(fd, text);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      chmodSync(temporary, 0o600);
      renameSync(temporary, path);
    },
    remove: () => rmSync(path, { force: true }),
  };
}
