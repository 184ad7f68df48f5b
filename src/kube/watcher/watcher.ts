/** Carries out what the reflector machine decides: keeps a store equal to the API server's collection. */
import type { KubeObject } from '../../model/kubernetes.ts';
import { messageOf } from '../../model/errors.ts';
import type { Clock, Entropy, Milliseconds, Timer } from '../../model/time.ts';
import { isApiError } from '../errors.ts';
import type { Resource, Selection } from '../resource.ts';
import type { Stream, WatchEvent } from '../transport.ts';
import {
  REFLECTOR_TIMES,
  ReflectorMachine,
  type FailureCause,
  type ReflectorInput,
  type ReflectorOutput,
  type ReflectorState,
  type ReflectorTimes,
} from './machine.ts';
import { Store, storeKey, type Change, type ReadonlyStore } from './store.ts';

/** Called for every difference, in order. What it throws is reported to `onError` and changes nothing else. */
export type ChangeHandler<T extends KubeObject> = (key: string, object: T | undefined, previous: T | undefined) => void;

export interface WatcherOptions<T extends KubeObject> {
  readonly resource: Pick<Resource<T>, 'kind' | 'list' | 'watch'>;
  readonly selection?: Selection;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly times?: ReflectorTimes;
  /** Failures of the connection (retried by themselves) and of handlers. For the log. */
  readonly onError?: (error: unknown) => void;
}

export interface WatcherStats {
  readonly state: ReflectorState;
  /** Watches opened after the first. */
  readonly restarts: number;
  /** Lists fetched after the first. */
  readonly relists: number;
  /** Lists and watches that failed. */
  readonly failures: number;
  /** Why the last one failed; undefined once contact is there again. */
  readonly lastError: string | undefined;
  /** Monotonic time of the last sign of life of the server. */
  readonly lastContact: Milliseconds | undefined;
}

export interface Watcher<T extends KubeObject> {
  readonly store: ReadonlyStore<T>;
  /** True once the first list is in the store and was told to all handlers; false when stopped before. Never rejects. */
  readonly synced: Promise<boolean>;
  readonly isSynced: boolean;
  readonly stats: WatcherStats;
  /** From now on; what is in the store already is told first, as additions. Returns the way to stop. */
  onChange(handler: ChangeHandler<T>): () => void;
  /** The server answers again after a list or a watch had failed: what waits for it need not wait any longer. */
  onRecovered(handler: () => void): () => void;
  start(): void;
  stop(): void;
  /** The connection is doubted: opens a new one, missing nothing. */
  nudge(): void;
}

export function createWatcher<T extends KubeObject>(options: WatcherOptions<T>): Watcher<T> {
  return new WatchDriver(options);
}

class WatchDriver<T extends KubeObject> implements Watcher<T> {
  readonly store = new Store<T>();
  readonly synced: Promise<boolean>;
  isSynced = false;
  readonly #options: WatcherOptions<T>;
  readonly #machine: ReflectorMachine;
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #recovered = new Set<() => void>();
  readonly #onSynced: (synced: boolean) => void;
  #cancel: () => void = () => undefined;
  #timer: (Timer & { readonly at: Milliseconds }) | undefined;
  #watches = 0;
  #lists = 0;
  #failures = 0;
  #lastError: string | undefined;
  #lastContact: Milliseconds | undefined;

  constructor(options: WatcherOptions<T>) {
    this.#options = options;
    this.#machine = new ReflectorMachine(options.entropy, options.times ?? REFLECTOR_TIMES);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.synced = promise;
    this.#onSynced = resolve;
  }

  get stats(): WatcherStats {
    return {
      state: this.#machine.state,
      restarts: Math.max(0, this.#watches - 1),
      relists: Math.max(0, this.#lists - 1),
      failures: this.#failures,
      lastError: this.#lastError,
      lastContact: this.#lastContact,
    };
  }

  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.store.list()) this.#tell(handler, { key: storeKey(object), object, previous: undefined });
    return () => void this.#handlers.delete(handler);
  }

  onRecovered(handler: () => void): () => void {
    this.#recovered.add(handler);
    return () => void this.#recovered.delete(handler);
  }

  start(): void {
    this.#input({ type: 'start' });
  }

  stop(): void {
    this.#input({ type: 'stop' });
    this.#onSynced(false);
  }

  nudge(): void {
    this.#input({ type: 'nudge' });
  }

  #input(input: ReflectorInput): void {
    for (const output of this.#machine.handle(input, this.#options.clock.now())) this.#carryOut(output);
    this.#arm();
  }

  /** A timer that is early is left alone: most inputs only push the deadline away. */
  #arm(): void {
    const { clock } = this.#options;
    const deadline = this.#machine.deadline();
    if (deadline !== undefined && this.#timer !== undefined && this.#timer.at <= deadline) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (deadline === undefined) return;
    const onTimer = (): void => {
      this.#timer = undefined;
      this.#input({ type: 'tick' });
    };
    this.#timer = { ...clock.after(Math.max(0, deadline - clock.now()), onTimer), at: deadline };
  }

  #carryOut(output: ReflectorOutput): void {
    this.#cancel();
    this.#cancel = () => undefined;
    if (output.type === 'list') this.#list(output.attempt);
    if (output.type === 'watch') this.#watch(output.attempt, output.resourceVersion, output.timeoutSeconds);
  }

  #list(attempt: number): void {
    const { resource, selection } = this.#options;
    const controller = new AbortController();
    this.#cancel = () => controller.abort();
    this.#lists++;
    resource.list(selection, { signal: controller.signal }).then(
      ({ items, resourceVersion }) => {
        if (controller.signal.aborted) return;
        this.#contact();
        for (const change of this.store.replace(items)) this.#tellAll(change);
        this.isSynced = true;
        this.#onSynced(true);
        this.#input({ type: 'listed', attempt, resourceVersion });
      },
      (error: unknown) => {
        if (!controller.signal.aborted) this.#failed(attempt, error);
      },
    );
  }

  #watch(attempt: number, resourceVersion: string, timeoutSeconds: number): void {
    const { resource, selection } = this.#options;
    this.#watches++;
    const stream: Stream = resource.watch(
      { ...selection, resourceVersion, timeoutSeconds },
      {
        onOpen: () => {
          this.#contact();
          this.#input({ type: 'contact', attempt });
        },
        onEvent: (event) => this.#event(attempt, event),
        onEnd: (error) => {
          if (error) this.#failed(attempt, error);
          else this.#input({ type: 'ended', attempt });
        },
      },
    );
    this.#cancel = () => stream.close();
  }

  #event(attempt: number, { type, object }: WatchEvent): void {
    const item = object as T;
    this.#contact();
    if (type !== 'BOOKMARK') {
      const change = type === 'DELETED' ? this.store.delete(item) : this.store.set(item);
      if (change) this.#tellAll(change);
    }
    this.#input({ type: 'contact', attempt, resourceVersion: item.metadata.resourceVersion });
  }

  #failed(attempt: number, error: unknown): void {
    this.#failures++;
    this.#lastError = messageOf(error);
    this.#report(error);
    const retryAfter = isApiError(error) ? error.retryAfterMs : undefined;
    this.#input({ type: 'failed', attempt, cause: causeOf(error), retryAfter });
  }

  #contact(): void {
    const isBack = this.#lastError !== undefined;
    this.#lastContact = this.#options.clock.now();
    this.#lastError = undefined;
    if (isBack) for (const handler of [...this.#recovered]) handler();
  }

  #tellAll(change: Change<T>): void {
    for (const handler of [...this.#handlers]) this.#tell(handler, change);
  }

  #tell(handler: ChangeHandler<T>, { key, object, previous }: Change<T>): void {
    try {
      handler(key, object, previous);
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    try {
      this.#options.onError?.(error);
    } catch {
      // a log that fails must not stop the watch
    }
  }
}

function causeOf(error: unknown): FailureCause {
  if (isApiError(error, 'GONE')) return 'gone';
  return isApiError(error, 'UNAUTHORIZED', 'FORBIDDEN') ? 'denied' : 'other';
}
