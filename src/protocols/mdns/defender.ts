/** RFC 6762 §9: notices that somebody else uses a name of ours, and paces what follows. */
import type { Milliseconds } from '../../model/time.ts';
import type { ResourceRecord } from './message.ts';
import { sameRecord, setKey } from './records.ts';

/** §8.1: after so many conflicts in ten seconds, five seconds between attempts. */
const MAX_CONFLICTS = 15;
const CONFLICT_WINDOW: Milliseconds = 10_000;
const CONFLICT_PAUSE: Milliseconds = 5000;

/**
 * Whether `heard` contradicts `own`, the unique records of a name: the same set with data that is not ours. The
 * very records of an earlier owner of the address are no conflict, they say the same.
 */
export function contradicts(heard: ResourceRecord, own: readonly ResourceRecord[]): boolean {
  if (heard.ttl === 0 || heard.type === 'NSEC') return false;
  const set = own.filter((record) => setKey(record) === setKey(heard));
  return set.length > 0 && !set.some((record) => sameRecord(record, heard));
}

export class ConflictPace {
  #recent: Milliseconds[] = [];

  /** Counts a conflict. @returns how long to wait before the next attempt, on top of the usual delay. */
  conflict(now: Milliseconds): Milliseconds {
    this.#recent = this.#recent.filter((at) => now - at < CONFLICT_WINDOW);
    this.#recent.push(now);
    return this.#recent.length >= MAX_CONFLICTS ? CONFLICT_PAUSE : 0;
  }
}
