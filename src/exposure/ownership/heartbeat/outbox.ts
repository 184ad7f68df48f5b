/** What this node has to tell, made into beats: news at once, and everything in turn for those who do not know it yet. */
import { familyOf, type Ip } from '../../../model/ip.ts';
import { claimSize, roomFor } from '../../../protocols/heartbeat/codec.ts';
import type {
  AddressClaim,
  AddressOffer,
  Heartbeat,
  HeardPeer,
  RelayedClaim,
} from '../../../protocols/heartbeat/message.ts';

/** What is the same in all datagrams of a beat. */
export type BeatHead = Omit<Heartbeat, 'sequence' | 'complete' | 'heard' | 'claims' | 'dropped' | 'offers' | 'relayed'>;

export interface BeatBody {
  readonly heard: readonly HeardPeer[];
  readonly dropped: readonly Ip[];
  readonly offers: readonly AddressOffer[];
  readonly claims: readonly AddressClaim[];
  readonly relayed: readonly RelayedClaim[];
}

/** Entries of a list in one datagram. */
const MAX_LIST = 255;
/** The hash of a node. */
const HASH_SIZE = 4;

interface Draft {
  room: number;
  readonly dropped: Ip[];
  readonly offers: AddressOffer[];
  readonly claims: AddressClaim[];
  readonly relayed: RelayedClaim[];
}

/** As many datagrams as it takes, at least one; the first one tells who is heard. @param next gives the numbers */
export function packBeats(head: BeatHead, body: BeatBody, next: () => number): Heartbeat[] {
  const drafts = [draft(roomFor(head.node, body.heard.length))];
  const put = <T>(items: readonly T[], listOf: (draft: Draft) => T[], sizeOf: (item: T) => number): void => {
    for (const item of items) {
      let last = drafts.at(-1);
      const size = sizeOf(item);
      if (!last || last.room < size || listOf(last).length >= MAX_LIST) {
        last = draft(roomFor(head.node, 0));
        drafts.push(last);
      }
      last.room -= size;
      listOf(last).push(item);
    }
  };
  put(
    body.dropped,
    ({ dropped }) => dropped,
    (address) => (familyOf(address) === 4 ? 5 : 17),
  );
  put(
    body.offers,
    ({ offers }) => offers,
    ({ address }) => claimSize(address) + HASH_SIZE,
  );
  put(
    body.claims,
    ({ claims }) => claims,
    ({ address }) => claimSize(address),
  );
  put(
    body.relayed,
    ({ relayed }) => relayed,
    ({ address }) => claimSize(address) + HASH_SIZE,
  );
  return drafts.map(({ dropped, offers, claims, relayed }, i) => ({
    ...head,
    sequence: next(),
    complete: i === 0,
    heard: i === 0 ? body.heard : [],
    dropped,
    offers,
    claims,
    relayed,
  }));
}

function draft(room: number): Draft {
  return { room, dropped: [], offers: [], claims: [], relayed: [] };
}

/** Goes round a set that changes meanwhile: each one in turn, then from the beginning. */
export class Turn<T> {
  readonly #all: () => Iterable<T>;
  #left: T[] = [];

  constructor(all: () => Iterable<T>) {
    this.#all = all;
  }

  /** The next ones, each at most once. */
  take(count: number): T[] {
    if (this.#left.length === 0) this.#left = [...this.#all()].reverse();
    const taken: T[] = [];
    while (taken.length < count) {
      const one = this.#left.pop();
      if (one === undefined) break;
      taken.push(one);
    }
    return taken;
  }
}
