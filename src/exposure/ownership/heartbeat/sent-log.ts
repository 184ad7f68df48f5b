/** When we sent what: a sender that names one of our datagrams of the last moments is no recording. */
import type { Milliseconds } from '../../../model/time.ts';

export class SentLog {
  readonly #maxAge: Milliseconds;
  /** Ascending. */
  readonly #sent: { readonly sequence: number; readonly at: Milliseconds }[] = [];
  #first = 0;

  /** @param maxAge how old a datagram of ours may be that proves something */
  constructor(maxAge: Milliseconds) {
    this.#maxAge = maxAge;
  }

  note(sequence: number, at: Milliseconds): void {
    this.#sent.push({ sequence, at });
    while (this.#first < this.#sent.length - 1 && (this.#sent[this.#first]?.at ?? 0) < at - this.#maxAge) this.#first++;
    // Cut off now and then: taking away the first one each time would move all others.
    if (this.#first < 256) return;
    this.#sent.splice(0, this.#first);
    this.#first = 0;
  }

  /** Whether this is one of ours, sent of late. */
  isRecent(sequence: number, now: Milliseconds): boolean {
    const last = this.#sent.at(-1);
    if (!last || sequence > last.sequence) return false;
    let i = this.#first;
    while (i < this.#sent.length - 1 && (this.#sent[i]?.at ?? 0) < now - this.#maxAge) i++;
    const oldest = this.#sent[i];
    return oldest !== undefined && oldest.at >= now - this.#maxAge && sequence >= oldest.sequence;
  }
}
