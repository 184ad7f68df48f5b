/** Another node as it is heard, by itself and through others. */
import type { Milliseconds } from '../../../model/time.ts';
import { nodeHash } from '../../../protocols/heartbeat/message.ts';
import { PeerClaims } from './claims.ts';

/** A life that has not shown yet that it goes on now. */
export interface Newcomer {
  readonly epoch: bigint;
  sequence: number;
  heardAt: Milliseconds;
}

/** Beside the one in which it is known, so many lives of a node are listened to. */
const MAX_NEWCOMERS = 4;
const MAX_ENDED = 8;

export class Peer {
  readonly name: string;
  readonly hash: number;
  readonly claims = new PeerClaims();
  /** Of the life that was proven; undefined: none was. */
  epoch: bigint | undefined;
  sequence = 0;
  /** The least of our clock minus its own: what is much more than that was held back on its way. */
  offset: Milliseconds = 0;
  offsetAt: Milliseconds = 0;
  timeout: Milliseconds = 0;
  interval: Milliseconds = 0;
  ready = false;
  draining = false;
  live = false;
  /** When it was last heard, here and by others. */
  heardAt: Milliseconds = Number.NEGATIVE_INFINITY;
  indirectAt: Milliseconds = Number.NEGATIVE_INFINITY;
  /** It has its time from then on, for this process stood still. Nothing that others are told. */
  excusedAt: Milliseconds = Number.NEGATIVE_INFINITY;
  /** The low half of the epoch that the others hear. */
  indirectEpoch: number | undefined;
  diedAt: Milliseconds | undefined;
  /** It said that it leaves. */
  left = false;
  /** When those that it hears were last heard by it, by {@link nodeHash}. */
  readonly lists = new Map<number, Milliseconds>();
  /** It has not heard us since then though we hear it. */
  deafSince: Milliseconds | undefined;
  /** It says that it knows all our claims. */
  knowsOurs = false;
  readonly #newcomers = new Map<bigint, Newcomer>();
  #ended: bigint[] = [];

  constructor(name: string) {
    this.name = name;
    this.hash = nodeHash(name);
  }

  get lastHeard(): Milliseconds {
    return Math.max(this.heardAt, this.indirectAt);
  }

  /** When it is to be taken for dead. */
  get deadline(): Milliseconds {
    return Math.max(this.lastHeard, this.excusedAt) + this.timeout;
  }

  /** It may be given addresses. */
  get isCandidate(): boolean {
    return this.live && this.ready && !this.draining;
  }

  hearsDirectly(now: Milliseconds): boolean {
    return this.live && now - this.heardAt < this.timeout;
  }

  /** Whether it said of late that it hears the node of that hash. */
  listsAsHeard(hash: number, now: Milliseconds): boolean {
    return now - (this.lists.get(hash) ?? Number.NEGATIVE_INFINITY) < this.timeout;
  }

  newcomers(): IterableIterator<Newcomer> {
    return this.#newcomers.values();
  }

  hasEnded(epoch: bigint): boolean {
    return this.#ended.includes(epoch);
  }

  /** @returns whether that life was not heard before. Undefined: a repetition. */
  hearNewcomer(epoch: bigint, sequence: number, now: Milliseconds): boolean | undefined {
    const known = this.#newcomers.get(epoch);
    if (known && sequence <= known.sequence) return undefined;
    this.#newcomers.delete(epoch);
    this.#newcomers.set(epoch, { epoch, sequence, heardAt: now });
    const [oldest] = this.#newcomers.keys();
    if (this.#newcomers.size > MAX_NEWCOMERS && oldest !== undefined) this.#newcomers.delete(oldest);
    return known === undefined;
  }

  /** Another life begins, and the one before is over for good. */
  begin(epoch: bigint): void {
    if (this.epoch !== undefined) this.#ended = [...this.#ended, this.epoch].slice(-MAX_ENDED);
    this.#newcomers.delete(epoch);
    this.epoch = epoch;
    this.left = false;
    this.live = false;
    this.lists.clear();
    this.deafSince = undefined;
    this.knowsOurs = false;
    this.heardAt = Number.NEGATIVE_INFINITY;
    this.indirectAt = Number.NEGATIVE_INFINITY;
    this.excusedAt = Number.NEGATIVE_INFINITY;
  }
}
