/** RFC 6762 §8.1 and §8.2: asks three times whether anybody has a name, before it is used. */
import type { Milliseconds } from '../../model/time.ts';
import type { Name, Question, ResourceRecord } from './message.ts';
import { sameName } from './name.ts';
import { sameRecord } from './records.ts';
import { tieBreak } from './tie-break.ts';

export const PROBE_COUNT = 3;
/** Between probes, after the last one, and the most that is waited at random before the first. */
export const PROBE_INTERVAL: Milliseconds = 250;
/** §8.2: the loser of a tie looks again after this time whether the winner really took the name. */
export const DEFERRAL: Milliseconds = 1000;

/** A question and the records that would answer it, in the authority section. */
export interface Probe {
  readonly question: Question;
  readonly proposed: readonly ResourceRecord[];
}

export class Prober {
  readonly #name: Name;
  readonly #records: () => readonly ResourceRecord[];
  readonly #heldBack: boolean;
  #sent = 0;
  #next: Milliseconds;

  /**
   * @param records what is proposed for the name; asked anew each time, since it may change meanwhile.
   * @param startAt time of the first probe.
   * @param heldBack after too many conflicts (§8.1): until the first probe nobody is listened to, or a flood of
   * objections would go through thousands of names in no time. Whoever has the name will answer the probe.
   */
  constructor(name: Name, records: () => readonly ResourceRecord[], startAt: Milliseconds, heldBack = false) {
    this.#name = name;
    this.#records = records;
    this.#next = startAt;
    this.#heldBack = heldBack;
  }

  /** Waits because there were too many conflicts. */
  isHeldBack(): boolean {
    return this.#heldBack && this.#sent === 0;
  }

  deadline(): Milliseconds {
    return this.#next;
  }

  /** @returns a probe to send, `won` when nobody objected, undefined when it is not time yet. */
  advance(now: Milliseconds): Probe | 'won' | undefined {
    if (now < this.#next) return undefined;
    if (this.#sent === PROBE_COUNT) return 'won';
    this.#sent++;
    this.#next = now + PROBE_INTERVAL;
    return {
      // Not QU: the port is shared with other programs, and a unicast answer reaches only one of them (§15.1).
      question: { name: this.#name, type: 'ANY', unicast: false },
      proposed: this.#records().map((record) => ({ ...record, flush: false })),
    };
  }

  /**
   * A record of somebody's answer. @returns whether another host has the name: any record of it that is not
   * one of ours says so. Goodbyes do not, nor do negative answers, which come along with what they are about.
   */
  objects(record: ResourceRecord): boolean {
    if (this.isHeldBack() || record.ttl === 0 || record.type === 'NSEC') return false;
    if (!sameName(record.name, this.#name)) return false;
    return !this.#records().some((own) => sameRecord(own, record));
  }

  /** Somebody's probe. The loser of the tie starts over after a pause. @returns whether we lost. */
  contend(question: Question, authorities: readonly ResourceRecord[], now: Milliseconds): boolean {
    if (this.isHeldBack() || !sameName(question.name, this.#name)) return false;
    const theirs = authorities.filter((record) => sameName(record.name, this.#name));
    if (theirs.length === 0 || tieBreak(this.#records(), theirs) !== 'theirs') return false;
    this.#sent = 0;
    this.#next = now + DEFERRAL;
    return true;
  }
}
