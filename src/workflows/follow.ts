/**
 * Follows one object through its life, level-triggered: what counts is the newest state, not each change. A watch
 * that ends or a server that goes away is gone back to, until the caller stops.
 */
import { isApiError, type ApiError } from '../kube/errors.ts';
import type { Resource } from '../kube/resource.ts';
import type { KubeObject } from '../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../model/time.ts';

export interface Follower<T> {
  /** The newest state; undefined when the object is not there. */
  readonly current: T | undefined;
  /**
   * Until something changes, or `within` has passed, or the caller's signal is aborted: true if there is news.
   * @throws ApiError for answers that will not get better by asking again (FORBIDDEN, UNAUTHORIZED).
   */
  news(within: Milliseconds): Promise<boolean>;
  close(): void;
}

const RETRY: Milliseconds = 300;
const LAST_RETRY: Milliseconds = 3000;
/** Servers end watches by themselves after some minutes; ours does not live that long. */
const WATCH_SECONDS = 600;

/** @throws ApiError if the object cannot be read at first. */
export async function follow<T extends KubeObject>(
  resource: Resource<T>,
  ref: { readonly namespace: string; readonly name: string },
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<Follower<T>> {
  const follower = new ObjectFollower<T>(resource, ref, clock, signal);
  await follower.start();
  return follower;
}

class ObjectFollower<T extends KubeObject> implements Follower<T> {
  current: T | undefined;
  readonly #resource: Resource<T>;
  readonly #ref: { readonly namespace: string; readonly name: string };
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  #close: () => void = () => undefined;
  #closed = false;
  #news = false;
  #fatal: ApiError | undefined;
  #wake: () => void = () => undefined;
  #retryIn = RETRY;

  constructor(
    resource: Resource<T>,
    ref: { readonly namespace: string; readonly name: string },
    clock: Clock,
    signal: AbortSignal | undefined,
  ) {
    this.#resource = resource;
    this.#ref = ref;
    this.#clock = clock;
    this.#signal = signal;
  }

  async start(): Promise<void> {
    await this.#list();
    this.#news = false;
  }

  async news(within: Milliseconds): Promise<boolean> {
    if (!this.#news && this.#fatal === undefined && this.#signal?.aborted !== true && within > 0)
      await this.#wait(within);
    if (this.#fatal) throw this.#fatal;
    const news = this.#news;
    this.#news = false;
    return news;
  }

  close(): void {
    this.#closed = true;
    this.#close();
  }

  #wait(within: Milliseconds): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        timer.cancel();
        this.#signal?.removeEventListener('abort', finish);
        this.#wake = () => undefined;
        resolve();
      };
      const timer = this.#clock.after(within, finish);
      this.#signal?.addEventListener('abort', finish, { once: true });
      this.#wake = finish;
    });
  }

  #set(object: T | undefined): void {
    if (object?.metadata.resourceVersion === this.current?.metadata.resourceVersion && !!object === !!this.current)
      return;
    this.current = object;
    this.#news = true;
    this.#wake();
  }

  async #list(): Promise<void> {
    const { namespace, name } = this.#ref;
    const fieldSelector = `metadata.name=${name}`;
    const { items, resourceVersion } = await this.#resource.list(
      { namespace, fieldSelector },
      { signal: this.#signal },
    );
    if (this.#closed) return;
    this.#set(items.find((item) => item.metadata.name === name));
    const stream = this.#resource.watch(
      { namespace, fieldSelector, resourceVersion, timeoutSeconds: WATCH_SECONDS },
      {
        onOpen: () => (this.#retryIn = RETRY),
        onEvent: ({ type, object }) => {
          const seen = object as T;
          if (type === 'BOOKMARK' || seen.metadata.name !== name) return;
          this.#set(type === 'DELETED' ? undefined : seen);
        },
        onEnd: () => this.#again(),
      },
    );
    this.#close = () => stream.close();
  }

  #again(): void {
    if (this.#closed) return;
    const timer = this.#clock.after(this.#retryIn, () => {
      this.#retryIn = Math.min(this.#retryIn * 2, LAST_RETRY);
      this.#list().catch((error: unknown) => {
        if (!isApiError(error, 'FORBIDDEN', 'UNAUTHORIZED')) return this.#again();
        this.#fatal = error;
        this.#wake();
      });
    });
    this.#close = () => timer.cancel();
  }
}
