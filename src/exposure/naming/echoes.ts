/** What we multicast comes back to us. Other programs on this node send from the same address. */
import type { Clock, Milliseconds } from '../../model/time.ts';

/** For so long, and for so many datagrams, we know our own again. */
const TIME: Milliseconds = 2000;
const COUNT = 512;

export class Echoes {
  readonly #clock: Clock;
  #expected: { readonly bytes: Uint8Array; readonly until: Milliseconds; count: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param count how often it will come back: once a family. */
  put(bytes: Uint8Array, count: number): void {
    const now = this.#clock.now();
    this.#expected = this.#expected.filter(({ until }) => until > now).slice(1 - COUNT);
    this.#expected.push({ bytes, until: now + TIME, count });
  }

  /** @returns whether these bytes are ours; each sending accounts for one return a family. */
  take(bytes: Uint8Array): boolean {
    const found = this.#expected.find((sent) => sent.count > 0 && Buffer.compare(sent.bytes, bytes) === 0);
    if (found) found.count--;
    return found !== undefined;
  }
}
