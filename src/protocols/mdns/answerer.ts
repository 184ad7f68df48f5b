/** RFC 6762 §6: answers questions, not too soon, not too often, and not what the asker knows. */
import type { Entropy, Milliseconds } from '../../model/time.ts';
import { message, type Message, type Question, type ResourceRecord } from './message.ts';
import { distinct, recordKey } from './records.ts';
import { isLegacy, sourceKey, type Source, type Transmission } from './source.ts';
import { knownTo, type Zone } from './zone.ts';

/** §6: records that others may have too are answered after a random delay. */
const SHARED_DELAY = { min: 20, max: 120 };
/** §7.2: how long to wait for the rest of a list of known answers. */
const CONTINUATION_DELAY = { min: 400, max: 500 };
/** §6: a record is not multicast again sooner; to defend it against a probe, this much sooner. */
const REPEAT_GAP: Milliseconds = 1000;
const DEFENCE_GAP: Milliseconds = 250;
/** §6.7: resolvers that know nothing of cache coherence shall not keep a record for long. */
const LEGACY_TTL = 10;
/** A flood of truncated questions or of askers must not fill the memory. */
const MAX_WAITING = 256;
const MAX_CONTINUED = 2000;

interface Continued {
  readonly from: Source;
  readonly id: number;
  readonly questions: Question[];
  readonly known: ResourceRecord[];
  at: Milliseconds;
}
interface Unicast {
  readonly at: Milliseconds;
  readonly to: Source;
  readonly id: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
}

export class Answerer {
  readonly #zone: () => Zone;
  readonly #entropy: Entropy;
  readonly #multicasts = new Map<string, { readonly record: ResourceRecord; readonly at: Milliseconds }>();
  readonly #lastSent = new Map<string, Milliseconds>();
  readonly #continued = new Map<string, Continued>();
  #unicasts: Unicast[] = [];

  constructor(zone: () => Zone, entropy: Entropy) {
    this.#zone = zone;
    this.#entropy = entropy;
  }

  query(query: Message, from: Source, now: Milliseconds): void {
    const waiting = this.#continued.get(sourceKey(from));
    if (waiting) {
      if (waiting.known.length + waiting.questions.length > MAX_CONTINUED) return;
      waiting.questions.push(...query.questions);
      waiting.known.push(...query.answers);
      if (query.truncated) waiting.at = now + this.#random(CONTINUATION_DELAY);
    } else if (query.truncated && query.questions.length > 0 && this.#continued.size < MAX_WAITING) {
      const at = now + this.#random(CONTINUATION_DELAY);
      const { id } = query;
      this.#continued.set(sourceKey(from), {
        from,
        id,
        questions: [...query.questions],
        known: [...query.answers],
        at,
      });
    } else {
      this.#plan(query, from, query.authorities.length > 0, now);
    }
  }

  /** Somebody else multicast this record. */
  heard(record: ResourceRecord, now: Milliseconds): void {
    const own = this.#zone().find(record);
    if (!own || own.type === 'NSEC') return;
    const key = recordKey(own);
    if (record.ttl * 2 < own.ttl) {
      // §6.6: it would soon be forgotten, or is just being said goodbye to, and it still holds here.
      if (!this.#multicasts.has(key))
        this.#multicasts.set(key, { record: own, at: this.#notBefore(key, now, REPEAT_GAP) });
    } else if (record.ttl >= own.ttl && !own.flush) {
      // §7.4: everybody has the answer already.
      this.#multicasts.delete(key);
    }
  }

  /** These were multicast just now, for whatever reason. */
  sent(records: readonly ResourceRecord[], now: Milliseconds): void {
    for (const record of records) {
      this.#lastSent.set(recordKey(record), now);
      this.#multicasts.delete(recordKey(record));
    }
    // Entries older than any TTL of ours mean the same as none.
    if (this.#lastSent.size > 10_000) this.#lastSent.clear();
  }

  deadline(): Milliseconds | undefined {
    const times = [...this.#multicasts.values(), ...this.#continued.values(), ...this.#unicasts].map(({ at }) => at);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  advance(now: Milliseconds): Transmission[] {
    for (const [key, { at, from, id, questions, known }] of this.#continued) {
      if (at > now) continue;
      this.#continued.delete(key);
      this.#plan(message('query', { id, questions, answers: known }), from, false, now);
    }
    return [...this.#dueUnicasts(now), ...this.#dueMulticasts(now)];
  }

  #plan(query: Message, from: Source, probe: boolean, now: Milliseconds): void {
    const zone = this.#zone();
    const isKnown = knownTo(isLegacy(from) ? [] : query.answers);
    const wanted = query.questions.map((question) => ({
      question,
      answers: zone.answers(question).filter((record) => !isKnown(record)),
    }));
    const answered = wanted.filter(({ answers }) => answers.length > 0);
    if (answered.length === 0) return;
    // Nobody else answers for unique records, so there is nobody to collide with.
    const alone = answered.every(({ answers }) => answers.every(({ flush }) => flush));
    const at = now + (alone ? 0 : this.#random(SHARED_DELAY));

    const unicast: ResourceRecord[] = [];
    for (const { question, answers } of answered) {
      for (const record of answers) {
        if (isLegacy(from) || (question.unicast && this.#recentlySent(record, now))) unicast.push(record);
        else this.#multicast(record, at, now, probe ? DEFENCE_GAP : REPEAT_GAP);
      }
    }
    if (unicast.length === 0 || this.#unicasts.length >= MAX_WAITING) return;
    const questions = answered.map(({ question }) => ({ ...question, unicast: false }));
    this.#unicasts.push({ at, to: from, id: query.id, questions, answers: distinct(unicast) });
  }

  #multicast(record: ResourceRecord, at: Milliseconds, now: Milliseconds, gap: Milliseconds): void {
    const key = recordKey(record);
    const when = Math.max(at, this.#notBefore(key, now, gap));
    const planned = this.#multicasts.get(key);
    if (!planned || planned.at > when) this.#multicasts.set(key, { record, at: when });
  }

  #notBefore(key: string, now: Milliseconds, gap: Milliseconds): Milliseconds {
    const last = this.#lastSent.get(key);
    return last === undefined ? now : Math.max(now, last + gap);
  }

  /** §5.4: within a quarter of its TTL everybody else's cache is fresh, and the asker alone needs the answer. */
  #recentlySent(record: ResourceRecord, now: Milliseconds): boolean {
    const last = this.#lastSent.get(recordKey(record));
    return last !== undefined && now - last < (record.ttl * 1000) / 4;
  }

  #dueMulticasts(now: Milliseconds): Transmission[] {
    const zone = this.#zone();
    const answers: ResourceRecord[] = [];
    for (const [key, { record, at }] of this.#multicasts) {
      if (at > now) continue;
      this.#multicasts.delete(key);
      // It may have gone or changed since it was planned.
      const current = zone.find(record);
      if (current) answers.push(current);
    }
    if (answers.length === 0) return [];
    const additionals = zone
      .additionals(answers)
      .filter((record) => this.#notBefore(recordKey(record), now, REPEAT_GAP) <= now);
    this.sent([...answers, ...additionals], now);
    return [{ message: message('response', { answers, additionals }) }];
  }

  #dueUnicasts(now: Milliseconds): Transmission[] {
    const due = this.#unicasts.filter(({ at }) => at <= now);
    this.#unicasts = this.#unicasts.filter(({ at }) => at > now);
    return due.map(({ to, id, questions, answers }) => {
      const additionals = this.#zone().additionals(answers);
      if (!isLegacy(to)) return { to, message: message('response', { answers, additionals }) };
      const plain = (record: ResourceRecord) => ({ ...record, flush: false, ttl: Math.min(record.ttl, LEGACY_TTL) });
      return {
        to,
        message: message('response', {
          id,
          questions,
          answers: answers.map(plain),
          additionals: additionals.map(plain),
        }),
      };
    });
  }

  #random({ min, max }: { min: number; max: number }): Milliseconds {
    return min + this.#entropy.fraction() * (max - min);
  }
}
