/** One at a time on a machine. The kernel gives the lock up when its holder ends, however that happens. */
import { closeSync, fstatSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import koffi from 'koffi';
import { KubevipError } from '../model/errors.ts';

const LOCK_EX_NB = 2 | 4;
const PATH = '/run/lock/kubevip';

/** Returns how to give it up; nothing is left of it then. @throws KubevipError BUSY */
export function takeRunLock(path: string = PATH): () => void {
  mkdirSync(dirname(path), { recursive: true });
  const flock = koffi.load(null).func('int flock(int, int)') as (fd: number, operation: number) => number;
  for (;;) {
    const fd = openSync(path, 'a', 0o600);
    if (flock(fd, LOCK_EX_NB) !== 0) {
      closeSync(fd);
      throw new KubevipError('another kubevip is at work on this machine', {
        code: 'BUSY',
        hints: ["Wait until it is done: `pgrep -af 'kubevip (init|join|reset)'` shows it."],
      });
    }
    // Somebody may have taken the file away between opening and locking: that lock would keep nobody out.
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) {
      return () => {
        rmSync(path, { force: true });
        closeSync(fd);
      };
    }
    closeSync(fd);
  }
}
