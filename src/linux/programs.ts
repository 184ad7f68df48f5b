/** Programs of the system: found also by those whose PATH has no folder of the administrator, and heard in English. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where programs of the system are, though not every user's PATH has them. */
const ALSO = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

function folders(): string[] {
  return [...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), ...ALSO];
}

/** For `env` of a program whose words are read: they shall be English. */
export function programEnv(): { readonly PATH: string; readonly LC_ALL: string } {
  return { PATH: folders().join(delimiter), LC_ALL: 'C' };
}

/** Path of a program; undefined: it is not there, or not for us. */
export function findProgram(program: string): string | undefined {
  const places = program.includes('/') ? [program] : folders().map((folder) => join(folder, program));
  return places.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
