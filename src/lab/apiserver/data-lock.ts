/** One server at a time for a data directory: two would overwrite each other's log. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { KubevipError } from '../../model/errors.ts';
import { isAlive, processId, type ProcessId } from '../process.ts';
import { writePrivate } from './files.ts';

/** Returns how to give it up. A lock whose process is dead is taken over. @throws KubevipError DATA_IN_USE */
export function lockData(directory: string): () => void {
  const file = join(directory, 'lock');
  const holder = readHolder(file);
  if (holder !== undefined && isAlive(holder)) {
    throw new KubevipError(`the data in ${directory} is in use by process ${holder.pid}`, {
      code: 'DATA_IN_USE',
      hints: [`stop that API server, or choose another directory`],
    });
  }
  const own = processId(process.pid);
  writePrivate(file, JSON.stringify(own));
  return () => rmSync(file, { force: true });
}

function readHolder(file: string): ProcessId | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessId;
  } catch {
    // Written at once, so this is not ours; and nobody can be asked.
    return undefined;
  }
}
