// Every command from its source file, for oclif's explicit strategy: it finds no `.ts` commands by itself without a
// transpiler of its own.
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src', 'commands');
const files = globSync('**/*.ts', { cwd: folder }).sort();

/** `lab up …` names its command: the others need not be loaded (a second, on a small machine). Help lists them all. */
function named(words) {
  if (words.some((word) => word === '--help' || word === '-h')) return undefined;
  return (
    files.find((file) => file === `${words.slice(0, 2).join('/')}.ts`) ??
    files.find((file) => file === `${words[0]}.ts`)
  );
}

async function load(file) {
  const id = file
    .replace(/\.ts$/, '')
    .replace(/(^|\/)index$/, '')
    .replaceAll('/', ':');
  const exported = await import(join(folder, file));
  // One command class per file, by name: the project has no default exports.
  return [id, Object.values(exported).find((value) => typeof value === 'function' && typeof value.run === 'function')];
}

const only = named(process.argv.slice(2));

/** Command id (`lab:up`) → class. */
export const COMMANDS = Object.fromEntries(await Promise.all((only === undefined ? files : [only]).map(load)));
