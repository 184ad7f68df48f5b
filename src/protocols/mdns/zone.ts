/** The records that are ours to answer with, found by name, and what goes along with them. */
import type { KnownType, Name, Question, ResourceRecord } from './message.ts';
import { HOST_TTL } from './message.ts';
import { foldName } from './name.ts';
import { distinct, recordKey } from './records.ts';

const NAMED_IN_NSEC: readonly KnownType[] = ['A', 'PTR', 'TXT', 'AAAA', 'SRV'];

export class Zone {
  readonly #byName = new Map<Name, ResourceRecord[]>();
  readonly #keys = new Map<string, ResourceRecord>();
  readonly #negatives = new Map<Name, ResourceRecord>();

  constructor(records: readonly ResourceRecord[]) {
    for (const record of distinct(records)) {
      const name = foldName(record.name);
      this.#byName.set(name, [...(this.#byName.get(name) ?? []), record]);
      this.#keys.set(recordKey(record), record);
    }
    for (const [name, here] of this.#byName) {
      const negative = negativeRecord(here);
      if (!negative) continue;
      this.#negatives.set(name, negative);
      this.#keys.set(recordKey(negative), negative);
    }
  }

  at(name: Name): readonly ResourceRecord[] {
    return this.#byName.get(foldName(name)) ?? [];
  }

  /** The very record, with our TTL, if it is ours. */
  find(record: ResourceRecord): ResourceRecord | undefined {
    return this.#keys.get(recordKey(record));
  }

  /** RFC 6762 §6: what we know, or for a name of ours that the type does not exist (§6.1). */
  answers(question: Question): ResourceRecord[] {
    const here = this.at(question.name);
    const matching = here.filter(({ type }) => question.type === 'ANY' || question.type === type);
    if (matching.length > 0) return matching;
    const none = this.#nothingElse(question.name);
    return none ? [none] : [];
  }

  /** RFC 6763 §12 and RFC 6762 §6.2: what whoever asked for `answers` will ask for next. */
  additionals(answers: readonly ResourceRecord[]): ResourceRecord[] {
    const found: ResourceRecord[] = [];
    const follow = (records: readonly ResourceRecord[]): void => {
      for (const record of records) {
        const next = this.#following(record).filter((other) => !found.includes(other) && !answers.includes(other));
        found.push(...next);
        follow(next);
      }
    };
    follow(answers);
    const given = new Set(answers.map(recordKey));
    return distinct(found).filter((record) => !given.has(recordKey(record)));
  }

  #following(record: ResourceRecord): ResourceRecord[] {
    if (record.type === 'PTR') return this.at(record.data).filter(({ type }) => type === 'SRV' || type === 'TXT');
    if (record.type === 'SRV') return this.#addresses(record.data.target);
    if (record.type === 'A' || record.type === 'AAAA') return this.#addresses(record.name);
    return [];
  }

  #addresses(host: Name): ResourceRecord[] {
    const addresses = this.at(host).filter(({ type }) => type === 'A' || type === 'AAAA');
    const bothFamilies = new Set(addresses.map(({ type }) => type)).size === 2;
    const none = bothFamilies || addresses.length === 0 ? undefined : this.#nothingElse(host);
    return none ? [...addresses, none] : addresses;
  }

  #nothingElse(name: Name): ResourceRecord | undefined {
    return this.#negatives.get(foldName(name));
  }
}

/** RFC 6762 §6.1: says which types a name has, and so that all others do not exist. Only the owner of a name can. */
function negativeRecord(here: readonly ResourceRecord[]): ResourceRecord | undefined {
  const [first] = here.filter(({ flush }) => flush);
  if (!first) return undefined;
  const types = NAMED_IN_NSEC.filter((type) => here.some((record) => record.type === type));
  const ttl = Math.min(HOST_TTL, first.ttl);
  return { name: first.name, type: 'NSEC', ttl, flush: true, data: { next: first.name, types } };
}

/** RFC 6762 §7.1: tells which records an asker has with at least half of their life left. */
export function knownTo(knownAnswers: readonly ResourceRecord[]): (record: ResourceRecord) => boolean {
  const ttls = new Map<string, number>();
  for (const known of knownAnswers) {
    const key = recordKey(known);
    ttls.set(key, Math.max(known.ttl, ttls.get(key) ?? 0));
  }
  return (record) => (ttls.get(recordKey(record)) ?? 0) * 2 >= record.ttl;
}
