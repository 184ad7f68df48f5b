/** One timer that always stands at the earliest of the moments asked for. */
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';

export interface Alarm {
  /** Ring at `at` at the latest. */
  by(at: Milliseconds): void;
  cancel(): void;
}

export function createAlarm(clock: Clock, ring: () => void): Alarm {
  let timer: Timer | undefined;
  let due = Number.POSITIVE_INFINITY;
  const cancel = (): void => {
    timer?.cancel();
    timer = undefined;
    due = Number.POSITIVE_INFINITY;
  };
  return {
    by: (at) => {
      if (at >= due) return;
      cancel();
      due = at;
      timer = clock.after(Math.max(0, at - clock.now()), () => {
        cancel();
        ring();
      });
    },
    cancel,
  };
}
