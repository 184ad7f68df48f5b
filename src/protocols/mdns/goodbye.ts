/** RFC 6762 §10.1: records that are no more are sent with TTL 0, so that nobody goes on using them. */
import type { Milliseconds } from '../../model/time.ts';
import type { ResourceRecord } from './message.ts';
import { distinct, recordKey } from './records.ts';

/** Said twice: a lost goodbye leaves a ghost for up to 75 minutes. */
const REPEAT: Milliseconds = 1000;

interface Pending {
  readonly record: ResourceRecord;
  readonly at: Milliseconds;
}

export class Goodbyes {
  #pending: Pending[] = [];

  add(records: readonly ResourceRecord[], now: Milliseconds): void {
    for (const record of distinct(records)) {
      const goodbye = { ...record, ttl: 0 };
      this.#pending.push({ record: goodbye, at: now }, { record: goodbye, at: now + REPEAT });
    }
  }

  /** These records are in use (again). */
  cancel(records: readonly ResourceRecord[]): void {
    if (this.#pending.length === 0) return;
    const keys = new Set(records.map(recordKey));
    this.#pending = this.#pending.filter(({ record }) => !keys.has(recordKey(record)));
  }

  deadline(): Milliseconds | undefined {
    return this.#pending.length === 0 ? undefined : Math.min(...this.#pending.map(({ at }) => at));
  }

  /** @returns the records to send now. */
  advance(now: Milliseconds): ResourceRecord[] {
    const due = this.#pending.filter(({ at }) => at <= now);
    this.#pending = this.#pending.filter(({ at }) => at > now);
    return due.map(({ record }) => record);
  }
}
