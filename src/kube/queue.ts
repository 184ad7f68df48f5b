/**
 * Work by key, level-triggered: a key says that something about it may have changed, never what. Added
 * twice it is worked on once; added while being worked on it is worked on again afterwards; different keys
 * never wait for each other, up to `concurrency`.
 */
import type { Clock, Entropy, Milliseconds, Timer } from '../model/time.ts';

export interface Job {
  /** Aborted when the queue stops. */
  readonly stopped: AbortSignal;
  /** Aborted when the key was added again: what is being done is out of date. Aborted by a stop as well. */
  readonly superseded: AbortSignal;
}

export interface WorkQueueOptions<K> {
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Keys worked on at the same time. */
  readonly concurrency: number;
  /**
   * Does the work for one key. Returns when to come again by itself, or undefined. What it throws brings the
   * key back after a back-off.
   */
  readonly work: (key: K, job: Job) => Promise<Milliseconds | undefined>;
  /** Back-off of a failing key: doubles from the first to the second value. Default 100 ms to 30 s. */
  readonly backoff?: readonly [Milliseconds, Milliseconds];
  /** As long as it says so the keys of a burst, more than have a place, wait for something that cannot. */
  readonly holdUp?: () => boolean;
  /** For the log. `failures` counts the failures of this key in a row. */
  readonly onError?: (key: K, error: unknown, failures: number) => void;
}

/**
 * How long keys are worked on in one go. Then timers and sockets have their turn: a thousand Services that change at once
 * must not keep the agent from saying that it lives, nor from announcing what it has just taken.
 */
const SLICE: Milliseconds = 5;
const PAUSE: Milliseconds = 1;

interface Entry {
  state: 'waiting' | 'ready' | 'working';
  /** Added while being worked on. */
  again: boolean;
  failures: number;
  timer: Timer | undefined;
  /** When the timer is due. */
  due: Milliseconds;
  superseded: AbortController | undefined;
}

export class WorkQueue<K> {
  readonly #options: WorkQueueOptions<K>;
  readonly #backoff: readonly [Milliseconds, Milliseconds];
  readonly #entries = new Map<K, Entry>();
  readonly #ready: K[] = [];
  readonly #stop = new AbortController();
  readonly #idle = new Set<() => void>();
  #working = 0;
  #pumping = false;
  /** Of a slice: when it began, and what ends it. Undefined while nothing has to wait. */
  #slice: { readonly began: Milliseconds; readonly end: Timer } | undefined;

  constructor(options: WorkQueueOptions<K>) {
    this.#options = options;
    this.#backoff = options.backoff ?? [100, 30_000];
  }

  /** Keys ready or being worked on. */
  get busy(): number {
    return this.#ready.length + this.#working;
  }

  /** Keys the queue knows of, those that wait for their time included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Work on `key` as soon as a place is free, whatever delay it was waiting for. */
  add(key: K): void {
    if (this.#stop.signal.aborted) return;
    const entry = this.#entryOf(key);
    entry.timer?.cancel();
    entry.timer = undefined;
    if (entry.state === 'ready') return;
    if (entry.state === 'working') {
      entry.again = true;
      entry.superseded?.abort();
      return;
    }
    entry.state = 'ready';
    this.#ready.push(key);
    this.#schedule();
  }

  /** Work on `key` after `delay`; of several the earliest counts. */
  addAfter(key: K, delay: Milliseconds): void {
    if (this.#stop.signal.aborted) return;
    if (delay <= 0) {
      this.add(key);
      return;
    }
    const entry = this.#entryOf(key);
    if (entry.state === 'ready' || entry.again) return;
    const { clock } = this.#options;
    const due = clock.now() + delay;
    if (entry.timer && entry.due <= due) return;
    entry.timer?.cancel();
    entry.due = due;
    entry.timer = clock.after(delay, () => this.add(key));
  }

  /** Resolves when no key is ready or being worked on; keys that wait for their time do not count. */
  async drain(): Promise<void> {
    if (this.busy === 0) return;
    await new Promise<void>((resolve) => this.#idle.add(resolve));
  }

  /** Takes nothing more, aborts what is under way and waits for it to end. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const [key, entry] of this.#entries) {
      entry.timer?.cancel();
      entry.superseded?.abort();
      if (entry.state !== 'working') this.#entries.delete(key);
    }
    this.#ready.length = 0;
    this.#slice?.end.cancel();
    if (this.#working === 0) this.#tellIdle();
    await this.drain();
  }

  #entryOf(key: K): Entry {
    const known = this.#entries.get(key);
    if (known) return known;
    const entry: Entry = {
      state: 'waiting',
      again: false,
      failures: 0,
      timer: undefined,
      due: 0,
      superseded: undefined,
    };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Starts work in a later microtask, so that a burst of adds is folded and `add` never runs the work itself. */
  #schedule(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      while (this.#working < this.#options.concurrency && this.#hasTime()) {
        const key = this.#ready.shift();
        if (key === undefined) return;
        const entry = this.#entries.get(key);
        if (entry) void this.#run(key, entry);
      }
    });
  }

  /** Whether the slice goes on. One begins where more is ready than has a place; its end is a turn of the event loop. */
  #hasTime(): boolean {
    if (this.#ready.length <= this.#options.concurrency && !this.#slice) return true;
    const { clock, holdUp } = this.#options;
    const now = clock.now();
    this.#slice ??= {
      began: now,
      end: clock.after(PAUSE, () => {
        this.#slice = undefined;
        if (this.#ready.length > 0) this.#schedule();
      }),
    };
    return now - this.#slice.began < SLICE && holdUp?.() !== true;
  }

  async #run(key: K, entry: Entry): Promise<void> {
    const superseded = new AbortController();
    entry.state = 'working';
    entry.again = false;
    entry.superseded = superseded;
    this.#working++;
    let delay: Milliseconds | undefined;
    try {
      delay = await this.#options.work(key, { stopped: this.#stop.signal, superseded: superseded.signal });
      entry.failures = 0;
    } catch (error) {
      if (!superseded.signal.aborted) delay = this.#failed(key, entry, error);
    }
    this.#working--;
    entry.superseded = undefined;
    this.#finish(key, entry, delay);
  }

  #failed(key: K, entry: Entry, error: unknown): Milliseconds {
    const [first, longest] = this.#backoff;
    const bound = Math.min(longest, first * 2 ** Math.min(entry.failures, 30));
    entry.failures++;
    try {
      this.#options.onError?.(key, error, entry.failures);
    } catch {
      // a log that fails must not lose the key
    }
    return bound / 2 + (this.#options.entropy.fraction() * bound) / 2;
  }

  #finish(key: K, entry: Entry, delay: Milliseconds | undefined): void {
    entry.state = 'waiting';
    if (this.#stop.signal.aborted) {
      entry.timer?.cancel();
      this.#entries.delete(key);
    } else if (entry.again) {
      entry.again = false;
      this.add(key);
    } else if (delay !== undefined) {
      this.addAfter(key, delay);
    } else if (!entry.timer) {
      this.#entries.delete(key);
    }
    if (this.#ready.length > 0) this.#schedule();
    if (this.busy === 0) this.#tellIdle();
  }

  #tellIdle(): void {
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }
}
