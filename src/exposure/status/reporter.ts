/**
 * Writes what the pipeline decided onto Services. One write per Service under way, the newest decision wins,
 * no Service waits for another, and a write is dropped when its Service goes.
 */
import { CONDITION, KEY } from '../../model/annotations.ts';
import { messageOf } from '../../model/errors.ts';
import { keyOf, type Condition, type Service, type ServiceKey } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import { difference } from './difference.ts';
import type { EventRecorder, ServicePatch, ServiceWriter } from './port.ts';

const FIRST_RETRY: Milliseconds = 200;
const LAST_RETRY: Milliseconds = 30_000;
/** It works, but something is wrong that will end that. */
const WORRYING = new Set(['RenewalUnanswered', 'AnnouncedUnfenced', 'AnnouncedUnanswered', 'OwnedUnconfirmed']);

interface Work {
  service: Service;
  next: ServicePatch | undefined;
  /** What was written on which version: not written again until the watch has shown it. */
  written?: { readonly version: string | undefined; readonly text: string; readonly address: boolean };
  running?: AbortController;
  /** Ends the pause after a write that failed. */
  resume?: () => void;
  /** `next` has time until then. */
  waiting?: Timer;
  /** Condition type → status and reason last told as an Event: the Service seen may be older than that. */
  readonly told: Map<string, string>;
  retryIn: Milliseconds;
}

export interface ReporterParts {
  readonly writer: ServiceWriter;
  readonly events: EventRecorder;
  readonly clock: Clock;
  /** A write failed and will be tried again. */
  readonly onError: (service: ServiceKey, message: string) => void;
  /** A condition was written with another status or reason than before. */
  readonly onChange?: (service: ServiceKey, condition: Condition) => void;
}

export class Reporter {
  readonly #parts: ReporterParts;
  readonly #work = new Map<ServiceKey, Work>();

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  /**
   * Returns at once. `service` is the newest version seen.
   * @param patience what is likely to be outdated soon is not written before that.
   */
  report(service: Service, patch: ServicePatch, patience: Milliseconds = 0): void {
    const key = keyOf(service);
    const work = this.#work.get(key) ?? {
      service,
      next: undefined,
      told: new Map<string, string>(),
      retryIn: FIRST_RETRY,
    };
    if (work.service.metadata.uid !== service.metadata.uid) work.running?.abort();
    this.#work.set(key, work);
    work.service = service;
    const changes = difference(service, patch);
    work.next = changes && isOutdated(work, service, changes) ? undefined : changes;
    if (work.next && patience > 0) {
      work.waiting ??= this.#parts.clock.after(patience, () => {
        delete work.waiting;
        this.#start(key, work);
      });
      return;
    }
    work.waiting?.cancel();
    delete work.waiting;
    this.#start(key, work);
  }

  /** Another agent writes from now on: what is still to be said here is older than what it says. */
  cede(key: ServiceKey): void {
    const work = this.#work.get(key);
    if (!work) return;
    work.waiting?.cancel();
    delete work.waiting;
    work.next = undefined;
    work.running?.abort();
  }

  /** The API server answers again: what could not be written while it did not waits no longer. */
  recovered(): void {
    for (const work of this.#work.values()) {
      work.retryIn = FIRST_RETRY;
      work.resume?.();
    }
  }

  /** The Service is gone. */
  forget(key: ServiceKey): void {
    this.cede(key);
    this.#work.delete(key);
  }

  #start(key: ServiceKey, work: Work): void {
    if (work.next && !work.running) void this.#run(key, work);
  }

  async #run(key: ServiceKey, work: Work): Promise<void> {
    const abort = new AbortController();
    work.running = abort;
    const dropped = (): boolean => abort.signal.aborted;
    for (let next = take(work); next && !dropped(); next = take(work)) {
      const { service } = work;
      // Noted before the answer: a decision made meanwhile from the same version is this very write again.
      const address = next.annotations !== undefined && KEY.assigned in next.annotations;
      work.written = { version: service.metadata.resourceVersion, text: JSON.stringify(next), address };
      try {
        await this.#parts.writer.patch(service, next, abort.signal);
        work.retryIn = FIRST_RETRY;
        this.#tell(work, service, next);
      } catch (error) {
        // Dropped or failed, it has to be written should it be decided again.
        delete work.written;
        if (abort.signal.aborted) break;
        this.#parts.onError(key, messageOf(error));
        restore(work, next);
        await this.#pause(work, abort.signal);
      }
    }
    delete work.running;
    // What came in for a Service of the same name while the old one's write was being dropped.
    if (this.#work.get(key) === work && !work.waiting) this.#start(key, work);
  }

  /** One Event per condition that changed: `Warning` where a stage failed. */
  #tell(work: Work, service: Service, patch: ServicePatch): void {
    for (const condition of patch.conditions ?? []) {
      const before = service.status?.conditions?.find(({ type }) => type === condition.type);
      const news = `${condition.status} ${condition.reason}`;
      if ((work.told.get(condition.type) ?? (before && `${before.status} ${before.reason}`)) === news) continue;
      work.told.set(condition.type, news);
      this.#parts.onChange?.(keyOf(service), condition);
      if (condition.status === 'Unknown' || condition.type === CONDITION.ready) continue;
      this.#parts.events.record(
        service,
        condition.status === 'True' && !WORRYING.has(condition.reason) ? 'Normal' : 'Warning',
        condition.reason,
        condition.message,
      );
    }
  }

  #pause(work: Work, signal: AbortSignal): Promise<void> {
    const delay = work.retryIn;
    work.retryIn = Math.min(work.retryIn * 2, LAST_RETRY);
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        delete work.resume;
        resolve();
      };
      const timer = this.#parts.clock.after(delay, end);
      work.resume = end;
      signal.addEventListener('abort', end);
    });
  }
}

/**
 * Written already, and not seen yet. As long as the record of the address has not been seen either, nothing else is to
 * be said: the address may have an owner by now who says more.
 */
function isOutdated({ written }: Work, service: Service, changes: ServicePatch): boolean {
  if (written?.version !== service.metadata.resourceVersion) return false;
  return written?.address === true || written?.text === JSON.stringify(changes);
}

function take(work: Work): ServicePatch | undefined {
  if (work.waiting) return undefined;
  const { next } = work;
  work.next = undefined;
  return next;
}

/** The failed write is tried again unless a newer decision has come in meanwhile. */
function restore(work: Work, patch: ServicePatch): void {
  work.next ??= patch;
}
