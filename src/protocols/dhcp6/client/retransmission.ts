/** When to say it again (RFC 8415 §15), with the times of §7.6. */
import type { Entropy, Milliseconds } from '../../../model/time.ts';

const SECOND = 1000;

/** IRT, MRT and MRC of the RFC; MRD is the state's own affair. */
export interface Pace {
  readonly first: Milliseconds;
  readonly longest: Milliseconds;
  /** Transmissions in all; undefined: no limit. */
  readonly count?: number;
}

export const PACE = {
  /** Up to two minutes (RFC 3315); the hour of RFC 8415 is for networks of thousands that have no server, and here one is waited for. */
  solicit: { first: SECOND, longest: 120 * SECOND },
  request: { first: SECOND, longest: 30 * SECOND, count: 10 },
  /** Also for RENEW of a lease that moved: the question is asked for the same reason, whether it is good where we are now. */
  confirm: { first: SECOND, longest: 4 * SECOND },
  renew: { first: 10 * SECOND, longest: 600 * SECOND },
  rebind: { first: 10 * SECOND, longest: 600 * SECOND },
  decline: { first: SECOND, longest: 8 * SECOND, count: 4 },
} as const satisfies Record<string, Pace>;

export class Retransmission {
  readonly #pace: Pace;
  readonly #entropy: Entropy;
  #timeout: Milliseconds | undefined;
  #sent = 0;
  /** When the next transmission, or the end of waiting for an answer to the last one, is due. */
  due: Milliseconds;

  constructor(pace: Pace, entropy: Entropy, now: Milliseconds) {
    this.#pace = pace;
    this.#entropy = entropy;
    this.due = now;
  }

  /** After the last transmission nothing comes any more. */
  get isOver(): boolean {
    return this.#pace.count !== undefined && this.#sent >= this.#pace.count;
  }

  /** One has just been sent. */
  sent(now: Milliseconds): void {
    this.#sent++;
    const { first, longest } = this.#pace;
    // RT = 2 * RTprev + RAND * RTprev, and MRT + RAND * MRT where that is more than MRT.
    const next =
      this.#timeout === undefined ? this.#jittered(first, first) : this.#jittered(2 * this.#timeout, this.#timeout);
    this.#timeout = next > longest ? this.#jittered(longest, longest) : next;
    this.due = now + this.#timeout;
  }

  #jittered(base: Milliseconds, by: Milliseconds): Milliseconds {
    return base + by * 0.2 * (this.#entropy.fraction() - 0.5);
  }
}
