/** Programs that do not outlive us: one that goes on alone would change a machine that nobody watches any more. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Commands } from '../cluster/ports/commands.ts';
import { run } from './run.ts';

/** Where programs of the system are, though not every user's PATH has them. */
const ALSO = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

export function createNodeCommands(): Commands {
  // Their words are read: they shall be English.
  const env = { PATH: searched().join(delimiter), LC_ALL: 'C' };
  const setpriv = onPath('setpriv');
  return {
    run: async ({ program, args, ...options }) => {
      // What is not there shall be said in our words and not in those of setpriv.
      const file = onPath(program);
      if (file === undefined || setpriv === undefined) return await run(program, args, { ...options, env });
      // PR_SET_PDEATHSIG: the kernel kills it when we are gone, whatever has killed us.
      return await run(setpriv, ['--pdeathsig', 'KILL', '--', file, ...args], { ...options, env });
    },
  };
}

function onPath(program: string): string | undefined {
  const folders = program.includes('/') ? [''] : searched();
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function searched(): string[] {
  return [...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), ...ALSO];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not for us
  }
}
