import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Every `.ts` file below a folder. */
export function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && entry.name.endsWith('.ts')) yield join(entry.parentPath, entry.name);
  }
}
