/**
 * Whether others may count this node as gone, since it stood still or its link was down. It answers nothing then, until
 * they have had time to say what they took.
 */
import type { Milliseconds } from '../../../model/time.ts';

export class Certainty {
  readonly #timeout: Milliseconds;
  #doubtUntil: Milliseconds | undefined;
  #cutOff = false;

  /** @param timeout after which the others take what a silent node had */
  constructor(timeout: Milliseconds) {
    this.#timeout = timeout;
  }

  get isSure(): boolean {
    return !this.#cutOff && this.#doubtUntil === undefined;
  }

  get isCutOff(): boolean {
    return this.#cutOff;
  }

  /** From now on it counts what the others say, for as long as they need. */
  doubt(now: Milliseconds): void {
    this.#doubtUntil = now + this.#timeout;
  }

  /** What there was is given up: nothing is in doubt any more. */
  forget(): void {
    this.#doubtUntil = undefined;
  }

  cutOff(cutOff: boolean, now: Milliseconds): void {
    this.#cutOff = cutOff;
    if (!cutOff) this.doubt(now);
  }

  /** @returns whether the doubt ends with this call */
  settle(now: Milliseconds): boolean {
    if (this.#doubtUntil === undefined || now < this.#doubtUntil) return false;
    this.#doubtUntil = undefined;
    return true;
  }

  /** When to settle. */
  deadline(): Milliseconds {
    return this.#doubtUntil ?? Number.POSITIVE_INFINITY;
  }
}
