/** What others have said, for as long as it holds (RFC 6762 §10). */
import type { Milliseconds } from '../../model/time.ts';
import type { Name, RecordType, ResourceRecord } from './message.ts';
import { recordKey, setKey } from './records.ts';

/** §10.1, §10.2: what is ended or replaced is kept for this time, in case another host still has it. */
const GRACE: Milliseconds = 1000;
/** §5.2: when so much of its life is over, a record that is still of interest is asked for again. */
const STALE_AFTER = 0.8;
/** A LAN has hundreds of records; a flood of invented ones must not fill the memory. */
const MAX_RECORDS = 4096;

interface Cached {
  readonly record: ResourceRecord;
  readonly receivedAt: Milliseconds;
  readonly staleAt: Milliseconds;
  stale: boolean;
  expiresAt: Milliseconds;
}

export class RecordCache {
  readonly #bySet = new Map<string, Map<string, Cached>>();
  #size = 0;

  /** @returns whether there is something to be seen now that was not there before. */
  add(record: ResourceRecord, now: Milliseconds): boolean {
    const set = this.#bySet.get(setKey(record)) ?? new Map<string, Cached>();
    const key = recordKey(record);
    const known = set.get(key);
    if (record.flush && record.ttl > 0) {
      // §10.2: a set that arrives in several records is not to end itself, so what is younger than a second stays.
      for (const [other, cached] of set) {
        if (other !== key && now - cached.receivedAt > GRACE)
          cached.expiresAt = Math.min(cached.expiresAt, now + GRACE);
      }
    }
    if (record.ttl === 0) {
      if (known) known.expiresAt = Math.min(known.expiresAt, now + GRACE);
      return false;
    }
    if (!known && this.#size >= MAX_RECORDS) return false;
    if (!known) this.#size++;
    const life = record.ttl * 1000;
    set.set(key, { record, receivedAt: now, staleAt: now + life * STALE_AFTER, stale: false, expiresAt: now + life });
    this.#bySet.set(setKey(record), set);
    return !known;
  }

  get<Type extends RecordType>(name: Name, type: Type): (ResourceRecord & { readonly type: Type })[] {
    const set = this.#bySet.get(setKey({ name, type }));
    return [...(set?.values() ?? [])].map(({ record }) => record as ResourceRecord & { readonly type: Type });
  }

  /** Whether a set is known and need not be asked for again yet. */
  isFresh(name: Name, type: RecordType): boolean {
    return [...(this.#bySet.get(setKey({ name, type }))?.values() ?? [])].some(({ stale }) => !stale);
  }

  /** The records of a set that an asker need not be told again (§7.1), with the life they have left. */
  knownAnswers(name: Name, type: RecordType, now: Milliseconds): ResourceRecord[] {
    return [...(this.#bySet.get(setKey({ name, type }))?.values() ?? [])].flatMap(({ record, expiresAt }) => {
      const left = Math.floor((expiresAt - now) / 1000);
      // The cache-flush bit must not be set in known answers (§10.2).
      return left * 2 > record.ttl ? [{ ...record, ttl: left, flush: false }] : [];
    });
  }

  /** When the next record ends or grows stale. */
  deadline(): Milliseconds | undefined {
    let first: Milliseconds | undefined;
    for (const set of this.#bySet.values()) {
      for (const { expiresAt, staleAt, stale } of set.values()) {
        const next = stale ? expiresAt : Math.min(staleAt, expiresAt);
        if (first === undefined || next < first) first = next;
      }
    }
    return first;
  }

  /** Forgets what has run out. @returns what happened to any record: ended, or only stale now. */
  expire(now: Milliseconds): 'ended' | 'stale' | undefined {
    let result: 'ended' | 'stale' | undefined;
    for (const [name, set] of this.#bySet) {
      for (const [key, cached] of set) {
        if (cached.expiresAt <= now) {
          set.delete(key);
          this.#size--;
          result = 'ended';
        } else if (!cached.stale && cached.staleAt <= now) {
          cached.stale = true;
          result ??= 'stale';
        }
      }
      if (set.size === 0) this.#bySet.delete(name);
    }
    return result;
  }
}
