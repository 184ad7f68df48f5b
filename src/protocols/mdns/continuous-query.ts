/** RFC 6762 §5.2: one question asked again and again, ever more rarely. */
import type { Milliseconds } from '../../model/time.ts';
import type { Question } from './message.ts';

const FIRST_INTERVAL: Milliseconds = 1000;
const MAX_INTERVAL: Milliseconds = 3_600_000;

export class ContinuousQuery {
  readonly question: Question;
  #interval: Milliseconds = FIRST_INTERVAL;
  #next: Milliseconds;

  /** @param startAt time of the first question. */
  constructor(question: Pick<Question, 'name' | 'type'>, startAt: Milliseconds) {
    // Not QU: the port is shared with other programs, and a unicast answer reaches only one of them (§15.1).
    this.question = { ...question, unicast: false };
    this.#next = startAt;
  }

  deadline(): Milliseconds {
    return this.#next;
  }

  /** @returns whether the question is to be asked now. */
  advance(now: Milliseconds): boolean {
    if (now < this.#next) return false;
    this.#next = now + this.#interval;
    this.#interval = Math.min(this.#interval * 2, MAX_INTERVAL);
    return true;
  }
}
