/**
 * The reflector as a state machine: list once, watch from there, and keep doing so whatever happens. No
 * socket and no timer inside: the driver carries out the outputs and reports back.
 *
 * Semantics: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import type { Entropy, Milliseconds } from '../../model/time.ts';

export type ReflectorState = 'idle' | 'listing' | 'watching' | 'backing-off' | 'stopped';

/** Why a list or a watch ended. `gone`: the version is too old; `denied`: 401 or 403. */
export type FailureCause = 'gone' | 'denied' | 'other';

/** `attempt` is the one of the output that is answered; answers to earlier attempts are ignored. */
export type ReflectorInput =
  | { readonly type: 'start' | 'stop' | 'tick' }
  /** The connection is doubted: open a new watch from where we are. */
  | { readonly type: 'nudge' }
  | { readonly type: 'listed'; readonly attempt: number; readonly resourceVersion: string }
  /** The watch was accepted, or brought an event or a bookmark. */
  | { readonly type: 'contact'; readonly attempt: number; readonly resourceVersion?: string | undefined }
  /** The server ended the watch in good order. */
  | { readonly type: 'ended'; readonly attempt: number }
  | {
      readonly type: 'failed';
      readonly attempt: number;
      readonly cause: FailureCause;
      readonly retryAfter?: Milliseconds | undefined;
    };

export type ReflectorOutput =
  /** Drop what is under way. */
  | { readonly type: 'cancel' }
  | { readonly type: 'list'; readonly attempt: number }
  | {
      readonly type: 'watch';
      readonly attempt: number;
      readonly resourceVersion: string;
      readonly timeoutSeconds: number;
    };

export interface ReflectorTimes {
  /** The server is asked to end each watch after a random time between these, so that a crowd of watchers spreads. */
  readonly watchSeconds: readonly [number, number];
  /** Bookmarks come about every minute; a watch silent for longer is dead. */
  readonly inactivity: Milliseconds;
  /** Back-off: full jitter below a bound that doubles from the first to the second value. */
  readonly backoff: readonly [Milliseconds, Milliseconds];
  /** While permission is missing, no faster than this: it takes a person to change it. */
  readonly denied: Milliseconds;
  /** A watch this old resets the back-off. */
  readonly healthy: Milliseconds;
  /** A new list now and then, in case an event was lost. */
  readonly relist: Milliseconds;
}

export const REFLECTOR_TIMES: ReflectorTimes = {
  watchSeconds: [270, 330],
  inactivity: 90_000,
  // A change made right after the API server is back waits no longer than this: a cluster of a home has few watchers.
  backoff: [800, 5000],
  denied: 10_000,
  healthy: 60_000,
  relist: 600_000,
};

/** A watch that ends in good order before this is a server in trouble, not a time-out. */
const SHORTEST_WATCH: Milliseconds = 1000;

export class ReflectorMachine {
  readonly #entropy: Entropy;
  readonly #times: ReflectorTimes;
  #state: ReflectorState = 'idle';
  #attempt = 0;
  #resourceVersion: string | undefined;
  #failures = 0;
  #listedAt = Number.NEGATIVE_INFINITY;
  #openedAt = 0;
  #contactAt = 0;
  #retryAt = 0;

  constructor(entropy: Entropy, times: ReflectorTimes = REFLECTOR_TIMES) {
    this.#entropy = entropy;
    this.#times = times;
  }

  get state(): ReflectorState {
    return this.#state;
  }

  /** When `tick` is due. */
  deadline(): Milliseconds | undefined {
    if (this.#state === 'backing-off') return this.#retryAt;
    if (this.#state !== 'watching') return undefined;
    return Math.min(this.#contactAt + this.#times.inactivity, this.#listedAt + this.#times.relist);
  }

  handle(input: ReflectorInput, now: Milliseconds): readonly ReflectorOutput[] {
    if (this.#state === 'stopped' || ('attempt' in input && input.attempt !== this.#attempt)) return [];
    if ((input.type === 'ended' || input.type === 'failed') && this.#isHealthy(now)) this.#failures = 0;
    switch (input.type) {
      case 'start':
        return this.#state === 'idle' ? this.#list() : [];
      case 'stop':
        return this.#stop();
      case 'nudge':
        return this.#nudge(now);
      case 'tick':
        return this.#tick(now);
      case 'listed':
        this.#listedAt = now;
        this.#resourceVersion = input.resourceVersion;
        return this.#watch(now);
      case 'contact':
        this.#contactAt = now;
        if (input.resourceVersion !== undefined) this.#resourceVersion = input.resourceVersion;
        return [];
      case 'ended':
        return now - this.#openedAt < SHORTEST_WATCH ? this.#backOff(now, 'other') : this.#again(now);
      case 'failed':
        return this.#failed(input.cause, input.retryAfter, now);
    }
  }

  #isHealthy(now: Milliseconds): boolean {
    return this.#state === 'watching' && now - this.#openedAt >= this.#times.healthy;
  }

  #failed(cause: FailureCause, retryAfter: Milliseconds | undefined, now: Milliseconds): readonly ReflectorOutput[] {
    if (cause !== 'gone') return this.#backOff(now, cause, retryAfter);
    this.#resourceVersion = undefined;
    // A version too old right after the list would otherwise be a loop without pause.
    return now - this.#listedAt < SHORTEST_WATCH ? this.#backOff(now, 'other') : this.#list();
  }

  #tick(now: Milliseconds): readonly ReflectorOutput[] {
    const deadline = this.deadline();
    if (deadline === undefined || now < deadline) return [];
    if (this.#state === 'backing-off') return this.#again(now);
    if (this.#isHealthy(now)) this.#failures = 0;
    if (now >= this.#contactAt + this.#times.inactivity) return [{ type: 'cancel' }, ...this.#backOff(now, 'other')];
    return [{ type: 'cancel' }, ...this.#list()];
  }

  #nudge(now: Milliseconds): readonly ReflectorOutput[] {
    if (this.#state === 'backing-off') return this.#again(now);
    return this.#state === 'watching' ? [{ type: 'cancel' }, ...this.#again(now)] : [];
  }

  #stop(): readonly ReflectorOutput[] {
    const busy = this.#state === 'listing' || this.#state === 'watching';
    this.#state = 'stopped';
    return busy ? [{ type: 'cancel' }] : [];
  }

  #again(now: Milliseconds): readonly ReflectorOutput[] {
    return this.#resourceVersion === undefined ? this.#list() : this.#watch(now);
  }

  #list(): readonly ReflectorOutput[] {
    this.#state = 'listing';
    return [{ type: 'list', attempt: ++this.#attempt }];
  }

  #watch(now: Milliseconds): readonly ReflectorOutput[] {
    const [shortest, longest] = this.#times.watchSeconds;
    this.#state = 'watching';
    this.#openedAt = now;
    this.#contactAt = now;
    return [
      {
        type: 'watch',
        attempt: ++this.#attempt,
        resourceVersion: this.#resourceVersion ?? '',
        timeoutSeconds: Math.round(shortest + this.#entropy.fraction() * (longest - shortest)),
      },
    ];
  }

  #backOff(now: Milliseconds, cause: FailureCause, retryAfter: Milliseconds = 0): readonly ReflectorOutput[] {
    const [first, longest] = this.#times.backoff;
    const bound = Math.min(longest, first * 2 ** Math.min(this.#failures, 30));
    const atLeast = Math.max(retryAfter, cause === 'denied' ? this.#times.denied : 0);
    this.#failures++;
    this.#state = 'backing-off';
    this.#attempt++; // whatever the failed attempt still reports is of no interest
    this.#retryAt = now + Math.max(this.#entropy.fraction() * bound, atLeast);
    return [];
  }
}
