/** The latest changes of one resource, so that a watch can go on from an older version. */
import type { ApiObject } from '../object.ts';

/** An object as stored. Never changed; a change makes a new one. */
export interface Stored {
  readonly object: ApiObject;
  readonly revision: number;
  /** `object` as JSON, made once for the log, every list and every watch. */
  readonly json: string;
}

export interface StoreEvent {
  readonly revision: number;
  readonly resource: string;
  readonly key: string;
  readonly deleted: boolean;
  /** The new state; of a deleted object the last state, with the revision of the deletion. */
  readonly stored: Stored;
  /** The state before, absent for a creation. */
  readonly previous: Stored | undefined;
}

export class History {
  readonly #capacity: number;
  #events: StoreEvent[] = [];
  #oldest: number;

  /** @param oldest changes up to this revision are not known. */
  constructor(capacity: number, oldest: number) {
    this.#capacity = capacity;
    this.#oldest = oldest;
  }

  /** The oldest revision a watch can start from. */
  get oldest(): number {
    return this.#oldest;
  }

  push(event: StoreEvent): void {
    this.#events.push(event);
    // Trimmed in blocks: taking one off the front at every write would move the whole array each time.
    if (this.#events.length > this.#capacity * 2) this.#forget(this.#events.length - this.#capacity);
  }

  /** Forgets everything up to `revision`. */
  compact(revision: number): void {
    this.#forget(this.#indexAfter(revision));
    this.#oldest = Math.max(this.#oldest, revision);
  }

  /** Changes after `revision`, oldest first; undefined when some of them are forgotten. */
  since(revision: number): readonly StoreEvent[] | undefined {
    if (revision < this.#oldest) return undefined;
    return this.#events.slice(this.#indexAfter(revision));
  }

  #forget(count: number): void {
    const gone = this.#events.splice(0, count);
    this.#oldest = gone.at(-1)?.revision ?? this.#oldest;
  }

  #indexAfter(revision: number): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? Infinity) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
