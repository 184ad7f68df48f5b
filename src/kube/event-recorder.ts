/** Kubernetes Events about objects, Services most of all: told once, counted when repeated, never in the way of anything. */
import type { EventRecorder, EventType } from '../exposure/status/port.ts';
import type { KubeEvent, KubeObject } from '../model/kubernetes.ts';
import { microTime } from '../model/lease.ts';
import type { Clock, Entropy, Milliseconds } from '../model/time.ts';
import { isApiError } from './errors.ts';
import { WorkQueue } from './queue.ts';
import type { Resource } from './resource.ts';

export interface EventRecorderOptions {
  readonly events: Pick<Resource<KubeEvent>, 'create' | 'patch'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Name of this node or pod: `reportingInstance`. */
  readonly instance: string;
  /** What is done when these Events happen, in a word. Default: `Expose`. */
  readonly action?: string;
  /** For the log: an Event that could not be written. */
  readonly onError?: (error: unknown) => void;
}

export interface StoppableRecorder extends EventRecorder {
  /** Writes what is still waiting, for at most the time given, and takes nothing more. */
  stop(patience: Milliseconds): Promise<void>;
}

const CONTROLLER = 'kubevip-agent';
/** What the agent is doing when an Event of a Service happens; a required field with no better use. */
const ACTION = 'Expose';
/** Repeats within this time after the last one belong to the same series. */
const SERIES_WINDOW: Milliseconds = 6 * 60_000;
/** A growing series is written no more often. */
const SERIES_PERIOD: Milliseconds = 30_000;
/** Per object: so many Events at once, then one each {@link REFILL}. */
const BURST = 20;
const REFILL: Milliseconds = 30_000;
const MAX_ATTEMPTS = 5;
/** Series remembered; beyond that the oldest is forgotten, and a repeat makes a new Event. */
const MAX_SERIES = 1000;
/** Limit of the API for `note`. */
const MAX_NOTE_BYTES = 1024;

interface Series {
  readonly event: KubeEvent;
  count: number;
  /** Count in the API; 0 before the Event is there. */
  written: number;
  writtenAt: Milliseconds;
  seenAt: Milliseconds;
  seenWall: Date;
  attempts: number;
}

interface Bucket {
  tokens: number;
  at: Milliseconds;
}

/** Events of events.k8s.io/v1 from `kubevip-agent`. */
export function createEventRecorder(options: EventRecorderOptions): StoppableRecorder {
  return new Recorder(options);
}

class Recorder implements StoppableRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, Bucket>();
  readonly #queue: WorkQueue<string>;

  constructor(options: EventRecorderOptions) {
    const { clock, entropy } = options;
    this.#options = options;
    this.#queue = new WorkQueue({
      clock,
      entropy,
      concurrency: 2,
      backoff: [1000, 30_000],
      work: async (key) => this.#write(key),
    });
  }

  record(object: KubeObject, type: EventType, reason: string, note: string): void {
    const now = this.#options.clock.now();
    const key = [object.metadata.uid ?? object.metadata.name, type, reason, note].join('\n');
    const known = this.#series.get(key);
    if (known && now - known.seenAt < SERIES_WINDOW) {
      known.count++;
      known.seenAt = now;
      known.seenWall = this.#options.clock.wall();
      const due = known.written < 2 ? 0 : known.writtenAt + SERIES_PERIOD - now;
      this.#queue.addAfter(key, due);
      return;
    }
    if (!this.#take(object.metadata.uid ?? object.metadata.name, now)) return;
    this.#series.delete(key);
    this.#series.set(key, {
      event: this.#eventOf(object, type, reason, note),
      count: 1,
      written: 0,
      writtenAt: now,
      seenAt: now,
      seenWall: this.#options.clock.wall(),
      attempts: 0,
    });
    trim(this.#series, MAX_SERIES);
    this.#queue.add(key);
  }

  async stop(patience: Milliseconds): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = this.#options.clock.after(patience, () => resolve(undefined));
    await Promise.race([this.#queue.drain(), promise]);
    timer.cancel();
    await this.#queue.stop();
  }

  async #write(key: string): Promise<undefined> {
    const series = this.#series.get(key);
    if (!series || series.count === series.written) return;
    const { count, event } = series;
    try {
      if (series.written === 0) await this.#options.events.create(this.#withSeries(series), { timeoutMs: 5000 });
      else {
        await this.#options.events.patch(
          event.metadata,
          { series: seriesOf(series) },
          { type: 'merge', timeoutMs: 5000 },
        );
      }
      series.written = count;
      series.attempts = 0;
      series.writtenAt = this.#options.clock.now();
    } catch (error) {
      this.#failed(key, series, error);
    }
    return undefined;
  }

  /** Tries again what may help; forgets the rest, for an Event is never worth more trouble. */
  #failed(key: string, series: Series, error: unknown): void {
    // The answer of an earlier attempt was lost, but not the Event.
    if (isApiError(error, 'ALREADY_EXISTS')) {
      series.written = 1;
      return;
    }
    const worthwhile = isApiError(error, 'API_UNREACHABLE', 'API_TIMEOUT', 'TOO_MANY_REQUESTS', 'API_ERROR');
    if (worthwhile && ++series.attempts < MAX_ATTEMPTS) throw error;
    this.#series.delete(key);
    this.#options.onError?.(error);
  }

  #take(object: string, now: Milliseconds): boolean {
    const bucket = this.#buckets.get(object) ?? { tokens: BURST, at: now };
    const tokens = Math.min(BURST, bucket.tokens + (now - bucket.at) / REFILL);
    this.#buckets.delete(object);
    this.#buckets.set(object, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    trim(this.#buckets, MAX_SERIES);
    return tokens >= 1;
  }

  #withSeries(series: Series): KubeEvent {
    return series.count < 2 ? series.event : { ...series.event, series: seriesOf(series) };
  }

  #eventOf(object: KubeObject, type: EventType, reason: string, note: string): KubeEvent {
    const { name, namespace = 'default', uid, resourceVersion } = object.metadata;
    const suffix = Buffer.from(this.#options.entropy.bytes(8)).toString('hex');
    return {
      metadata: { name: `${name}.${suffix}`, namespace },
      eventTime: microTime(this.#options.clock.wall()),
      type,
      reason,
      note: cut(note),
      action: this.#options.action ?? ACTION,
      regarding: {
        apiVersion: object.apiVersion ?? 'v1',
        kind: object.kind ?? 'Service',
        namespace,
        name,
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
      reportingController: CONTROLLER,
      reportingInstance: this.#options.instance.slice(0, 128),
    };
  }
}

function seriesOf({ count, seenWall }: Series): { count: number; lastObservedTime: string } {
  return { count, lastObservedTime: microTime(seenWall) };
}

function trim(map: Map<string, unknown>, size: number): void {
  for (const key of map.keys()) {
    if (map.size <= size) return;
    map.delete(key);
  }
}

/** At most {@link MAX_NOTE_BYTES} of UTF-8, whole characters only. */
function cut(note: string): string {
  if (Buffer.byteLength(note) <= MAX_NOTE_BYTES) return note;
  const bytes = new TextEncoder().encodeInto(note, new Uint8Array(MAX_NOTE_BYTES - 3));
  return `${note.slice(0, bytes.read)}…`;
}
