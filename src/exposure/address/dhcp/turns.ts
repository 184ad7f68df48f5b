/**
 * Acquisitions on one interface begin one after the other. A server that pings an address before it offers it handles
 * nothing else meanwhile (dnsmasq: 3 s), so of many DISCOVERs at once none would end before all had been pinged; and
 * servers offer the same address to several who ask at once, to refuse it to all but one. The next one begins as soon
 * as the one before has its offer: its REQUEST is on the way by then, and is served first.
 */
import type { Clock, Milliseconds, Timer } from '../../../model/time.ts';

/** A little longer than the slowest offer that is known. Who has none by then holds up nobody any more. */
const LONGEST_TURN: Milliseconds = 3500;

interface Turn<T> {
  readonly of: T;
  readonly timer: Timer;
}

interface Queue<T> {
  current: Turn<T> | undefined;
  readonly waiting: Map<T, () => void>;
}

export class Turns<T> {
  readonly #clock: Clock;
  readonly #queues = new Map<string, Queue<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `begin`, now or when the turn comes. */
  take(link: string, who: T, begin: () => void): void {
    const queue = this.#queues.get(link) ?? { current: undefined, waiting: new Map<T, () => void>() };
    this.#queues.set(link, queue);
    if (queue.current === undefined) this.#begin(link, queue, who, begin);
    else if (queue.current.of !== who) queue.waiting.set(who, begin);
  }

  /** `who` has what it asked for, or does not want it any more. */
  done(link: string, who: T): void {
    const queue = this.#queues.get(link);
    if (queue === undefined) return;
    queue.waiting.delete(who);
    if (queue.current?.of !== who) return;
    queue.current.timer.cancel();
    queue.current = undefined;
    const [next] = queue.waiting;
    if (next === undefined) this.#queues.delete(link);
    else {
      queue.waiting.delete(next[0]);
      this.#begin(link, queue, ...next);
    }
  }

  #begin(link: string, queue: Queue<T>, who: T, begin: () => void): void {
    const timer = this.#clock.after(LONGEST_TURN, () => {
      this.#queues.delete(link);
      for (const other of queue.waiting.values()) other();
    });
    queue.current = { of: who, timer };
    begin();
  }
}
