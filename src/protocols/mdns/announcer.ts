/** RFC 6762 §8.3: tells everybody what is new, more than once, since datagrams get lost. */
import type { Milliseconds } from '../../model/time.ts';

/** At least two, at least a second apart, the gap doubling. */
const SCHEDULE: readonly Milliseconds[] = [0, 1000, 3000];

export class Announcer {
  #start: Milliseconds = 0;
  #done = SCHEDULE.length;

  /** Something changed: the first announcement is due now. */
  restart(now: Milliseconds): void {
    this.#start = now;
    this.#done = 0;
  }

  stop(): void {
    this.#done = SCHEDULE.length;
  }

  deadline(): Milliseconds | undefined {
    const offset = SCHEDULE[this.#done];
    return offset === undefined ? undefined : this.#start + offset;
  }

  /** @returns whether everything is to be announced now. */
  advance(now: Milliseconds): boolean {
    const due = this.deadline();
    if (due === undefined || now < due) return false;
    this.#done++;
    return true;
  }
}
