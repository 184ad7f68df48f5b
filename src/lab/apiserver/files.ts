/** Small files that nobody else may read, and that are never half written. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Replaces a file at once, mode 0600. */
export function writePrivate(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, typeof content === 'string' ? Buffer.from(content) : content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

/** What is in the file; made first if it does not exist. */
export function readOrMake(path: string, make: () => Uint8Array): Uint8Array {
  if (existsSync(path)) return readFileSync(path);
  const content = make();
  writePrivate(path, content);
  return content;
}
