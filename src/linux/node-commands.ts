/** Programs that do not outlive us: one that goes on alone would change a machine that nobody watches any more. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Commands } from '../cluster/ports/commands.ts';
import { run } from './run.ts';

export function createNodeCommands(): Commands {
  const setpriv = onPath('setpriv');
  return {
    run: async ({ program, args, ...options }) => {
      // What is not there shall be said in our words and not in those of setpriv.
      const file = onPath(program);
      if (file === undefined || setpriv === undefined) return await run(program, args, options);
      // PR_SET_PDEATHSIG: the kernel kills it when we are gone, whatever has killed us.
      return await run(setpriv, ['--pdeathsig', 'KILL', '--', file, ...args], options);
    },
  };
}

function onPath(program: string): string | undefined {
  const folders = program.includes('/') ? [''] : (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not for us
  }
}
