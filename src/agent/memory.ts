/**
 * What an agent remembers on disk for a start without an API server: the key of the heartbeats, where the others were,
 * and which addresses were wanted. It is a copy: as soon as the API server answers, that counts alone.
 */
import * as z from 'zod';
import type { ClaimedAddress } from '../exposure/claims.ts';
import type { KeyMaterial } from '../exposure/ownership/port.ts';
import { parseIp, type Ip } from '../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../model/time.ts';

export interface Memory {
  readonly key?: KeyMaterial;
  readonly peers: readonly Ip[];
  readonly wanted: readonly ClaimedAddress[];
}

export interface MemoryOptions {
  readonly file: { read(): string | undefined; write(text: string): Promise<void>; remove(): Promise<void> };
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** Changes come in bursts, and one write tells of all. A node that loses its power a moment later has to know of them. */
const GATHER: Milliseconds = 1000;
/** Where changes do not end they are written less often, since disks of small machines wear out. */
const REST: Milliseconds = 10_000;
const SOON = { times: 30, within: 60_000 } as const;
/** What is older than this is not believed: the network may be another by now. */
const STALE_DAYS = 30;
const DAY: Milliseconds = 86_400_000;

const ip = z.string().transform((text, context): Ip => {
  const parsed = parseIp(text);
  if (parsed) return parsed;
  context.addIssue({ code: 'custom', message: 'no address' });
  return z.NEVER;
});
const bytes = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));
const schema = z.object({
  version: z.literal(1),
  savedAt: z.iso.datetime(),
  key: bytes.optional(),
  previous: bytes.optional(),
  peers: z.array(ip).max(1000),
  wanted: z
    .array(
      z.object({
        ip,
        nodes: z.array(z.string()).exactOptional(),
        link: z.string().exactOptional(),
        leader: ip.exactOptional(),
      }),
    )
    .max(10_000),
});

export class MemoryKeeper {
  readonly #options: MemoryOptions;
  #collect: () => Memory = () => ({ peers: [], wanted: [] });
  #timer: Timer | undefined;
  #written: string | undefined;
  /** The last ones, oldest first. */
  #writtenAt: Milliseconds[] = [];
  /** One after the other. Never rejects. */
  #working: Promise<void> = Promise.resolve();

  constructor(options: MemoryOptions) {
    this.#options = options;
  }

  /** What the last run left; undefined for none, or one that is too old or not readable. */
  recall(): Memory | undefined {
    const text = this.#options.file.read();
    if (text === undefined) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return undefined;
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success) return undefined;
    const { savedAt, key, previous, peers, wanted } = parsed.data;
    const age = this.#options.clock.wall().getTime() - Date.parse(savedAt);
    if (age > STALE_DAYS * DAY) return undefined;
    return { ...(key ? { key: { key, ...(previous ? { previous } : {}) } } : {}), peers, wanted };
  }

  /** @param collect gives what is to be remembered, when it is written. */
  keep(collect: () => Memory): void {
    this.#collect = collect;
    this.changed();
  }

  /** Something of it may have changed: it is written soon, if it has. */
  changed(): void {
    const { clock } = this.#options;
    const [first = Number.NEGATIVE_INFINITY] = this.#writtenAt.slice(-SOON.times);
    const isOften = this.#writtenAt.length >= SOON.times && clock.now() - first < SOON.within;
    const rest = isOften ? (this.#writtenAt.at(-1) ?? 0) + REST - clock.now() : 0;
    this.#timer ??= clock.after(Math.max(GATHER, rest), () => this.#write());
  }

  /** Writes what is still to be written, and no more from then on. Never rejects. */
  async stop(): Promise<void> {
    if (this.#timer) this.#write();
    this.#timer?.cancel();
    this.#collect = () => ({ peers: [], wanted: [] });
    await this.#working;
  }

  forget(): void {
    this.#timer?.cancel();
    this.#next(() => this.#options.file.remove());
  }

  #next(work: () => Promise<void>): void {
    this.#working = this.#working.then(work).catch((error: unknown) => {
      // Whatever comes next is to be written, and soon.
      this.#written = undefined;
      this.#writtenAt = [];
      this.#options.onError(error);
    });
  }

  #write(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { file, clock } = this.#options;
    const { key, peers, wanted } = this.#collect();
    const content = {
      ...(key ? { key: encoded(key.key), ...(key.previous ? { previous: encoded(key.previous) } : {}) } : {}),
      peers: [...peers].sort(),
      wanted: wanted.toSorted((a, b) => (a.ip < b.ip ? -1 : 1)),
    };
    const text = JSON.stringify(content);
    const isRecent = clock.now() - (this.#writtenAt.at(-1) ?? Number.NEGATIVE_INFINITY) < DAY;
    if (text === this.#written && isRecent) return;
    this.#written = text;
    this.#writtenAt = [...this.#writtenAt.slice(1 - SOON.times), clock.now()];
    this.#next(() =>
      file.write(`${JSON.stringify({ version: 1, savedAt: clock.wall().toISOString(), ...content })}\n`),
    );
  }
}

function encoded(key: Uint8Array): string {
  return Buffer.from(key).toString('base64');
}
