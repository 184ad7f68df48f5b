/** Real time. */
import type { Clock } from '../model/time.ts';
import { CLOCK_BOOTTIME } from './constants.ts';
import { loadLibc } from './libc.ts';

/** Node's timers hold 31 bits of milliseconds and fire at once beyond. */
const LONGEST = 2 ** 31 - 1;

/**
 * Counts the time a machine sleeps (CLOCK_BOOTTIME), so that a lease is known to have run out on waking up.
 * Timers do not keep the process alive.
 */
export function createSystemClock(): Clock {
  const libc = loadLibc();
  const time = new Uint8Array(16);
  const view = new DataView(time.buffer);
  const now = (): number => {
    libc.clock_gettime(CLOCK_BOOTTIME, time);
    return Number(view.getBigInt64(0, true)) * 1000 + Number(view.getBigInt64(8, true)) / 1e6;
  };
  return {
    now,
    wall: () => new Date(),
    after(delay, callback) {
      let cancelled = false;
      let timer: NodeJS.Timeout | undefined;
      const due = now() + Math.max(0, delay);
      const arm = (): void => {
        // Rounded up: Node cuts fractions off and would call back too early.
        const rest = Math.ceil(due - now());
        timer = setTimeout(
          () => {
            if (cancelled) return;
            if (now() < due) arm();
            else callback();
          },
          Math.min(Math.max(rest, 0), LONGEST),
        );
        timer.unref();
      };
      arm();
      return {
        cancel: () => {
          cancelled = true;
          clearTimeout(timer);
        },
      };
    },
  };
}
