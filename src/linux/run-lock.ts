/** One at a time on a machine. The kernel gives the lock up when its holder ends, however that happens. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import koffi from 'koffi';
import { KubevipError } from '../model/errors.ts';

const LOCK_EX_NB = 2 | 4;
const PATH = '/run/lock/kubevip';

/** Returns how to give it up. @throws KubevipError BUSY */
export function takeRunLock(path: string = PATH): () => void {
  mkdirSync(dirname(path), { recursive: true });
  const fd = openSync(path, 'a', 0o600);
  const flock = koffi.load(null).func('int flock(int, int)') as (fd: number, operation: number) => number;
  if (flock(fd, LOCK_EX_NB) !== 0) {
    closeSync(fd);
    throw new KubevipError('another kubevip is at work on this machine', {
      code: 'BUSY',
      hints: ['Wait until it is done: `pgrep -a kubevip` shows it.'],
    });
  }
  return () => closeSync(fd);
}
