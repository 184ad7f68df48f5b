/** Brings something beside the pipeline up to date whenever it may have changed, and looks after it while it stands. */
import { messageOf } from '../model/errors.ts';
import type { Clock, Milliseconds, Timer } from '../model/time.ts';

/** Changes come in bursts. */
const TOGETHER: Milliseconds = 5;
const RETRY: Milliseconds = 1000;

/** What stands beside the pipeline on every node: told that something changed, it sees for itself what. */
export interface Onlooker {
  /** Takes away what an earlier run left, or goes on with it. */
  start(): void;
  /** A Service, an EndpointSlice or an owner has changed. Cheap. */
  changed(): void;
  /** Leaves nothing on the node. Never rejects. */
  stop(): Promise<void>;
}

export interface UpkeepOptions {
  readonly clock: Clock;
  /** How long after a change, so that those which follow are dealt with together. Default 5 ms. */
  readonly together?: Milliseconds;
  /** Makes what is what shall be. @returns when to look again without being told; undefined: not at all. */
  readonly work: () => Promise<Milliseconds | undefined>;
  /** Takes everything back. */
  readonly clear: () => Promise<void>;
  /** Either did not work. Tried again and again, told once for each message. */
  readonly onError?: (error: unknown) => void;
}

export class Upkeep implements Onlooker {
  readonly #options: UpkeepOptions;
  #problem: string | undefined;
  #timer: Timer | undefined;
  /** When the timer is due. */
  #due: Milliseconds = Number.POSITIVE_INFINITY;
  #working: Promise<void> | undefined;
  #stopped = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#by(0);
  }

  changed(): void {
    this.#by(this.#options.together ?? TOGETHER);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#working;
    await this.#options.clear().catch((error: unknown) => this.#failed(error));
  }

  #by(delay: Milliseconds): void {
    const due = this.#options.clock.now() + delay;
    if (this.#stopped || due >= this.#due) return;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = this.#options.clock.after(delay, () => {
      this.#due = Number.POSITIVE_INFINITY;
      if (this.#working) return this.#by(TOGETHER);
      this.#working = this.#work().finally(() => (this.#working = undefined));
    });
  }

  async #work(): Promise<void> {
    try {
      const again = await this.#options.work();
      this.#problem = undefined;
      if (again !== undefined) this.#by(again);
    } catch (error) {
      this.#failed(error);
      this.#by(RETRY);
    }
  }

  #failed(error: unknown): void {
    if (messageOf(error) !== this.#problem) this.#options.onError?.(error);
    this.#problem = messageOf(error);
  }
}
