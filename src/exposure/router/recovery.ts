/** Looks for a router that is away until it is there again. */
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';

/** Between searches: quick at first, since a restart is short; never given up. */
const PAUSES: readonly Milliseconds[] = [300, 500, 500, 1000, 1000, 2000, 5000, 10_000, 30_000];
/** A search that has just begun has not missed anything. */
const FRESH: Milliseconds = 200;

export interface RecoveryParts {
  readonly clock: Clock;
  /** One search for the router. Called again, it drops the one under way. */
  readonly search: () => Promise<boolean>;
  readonly found: () => void;
}

export class Recovery {
  readonly #parts: RecoveryParts;
  /** Undefined while nothing is missing. */
  #attempt: { readonly number: number; readonly searchingSince?: Milliseconds } | undefined;
  #timer: Timer | undefined;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  get active(): boolean {
    return this.#attempt !== undefined;
  }

  /** The router is away. Does nothing if that is known. */
  start(): void {
    if (!this.#attempt) this.#wait(0);
  }

  /** The router gave a sign of life: now is the time to look. */
  hurry(): void {
    const current = this.#attempt;
    if (!current) return;
    const since = current.searchingSince;
    if (since !== undefined && this.#parts.clock.now() - since < FRESH) return;
    this.#timer?.cancel();
    void this.#look(0);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#attempt = undefined;
  }

  #wait(number: number): void {
    const pause = PAUSES[Math.min(number, PAUSES.length - 1)] ?? 0;
    this.#attempt = { number };
    this.#timer = this.#parts.clock.after(pause, () => void this.#look(number));
  }

  async #look(number: number): Promise<void> {
    const attempt = { number, searchingSince: this.#parts.clock.now() };
    this.#attempt = attempt;
    const found = await this.#parts.search();
    // Stopped, or overtaken by a later search.
    if (this.#attempt !== attempt) return;
    if (!found) {
      this.#wait(number + 1);
      return;
    }
    this.#attempt = undefined;
    this.#parts.found();
  }
}
