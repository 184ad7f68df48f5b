// Every command from its source file, for oclif's explicit strategy: it finds no `.ts` commands by itself without a
// transpiler of its own.
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src', 'commands');
const files = globSync('**/*.ts', { cwd: folder }).sort();

/** Command id (`lab:up`) → class. */
export const COMMANDS = Object.fromEntries(
  await Promise.all(
    files.map(async (file) => {
      const id = file
        .replace(/\.ts$/, '')
        .replace(/(^|\/)index$/, '')
        .replaceAll('/', ':');
      const exported = await import(join(folder, file));
      // One command class per file, by name: the project has no default exports.
      const command = Object.values(exported).find(
        (value) => typeof value === 'function' && typeof value.run === 'function',
      );
      return [id, command];
    }),
  ),
);
