/**
 * A Multicast DNS responder for one link (RFC 6762), without sockets or timers: give it what arrives and
 * the time, send what it returns, and come back at its deadline.
 */
import type { Entropy, Milliseconds } from '../../model/time.ts';
import { Announcer } from './announcer.ts';
import { Answerer } from './answerer.ts';
import { Claims, type Claim } from './claims.ts';
import { ConflictPace, contradicts } from './defender.ts';
import { Goodbyes } from './goodbye.ts';
import { MDNS_PORT, message, type Message, type Name, type ResourceRecord } from './message.ts';
import { paginateProbes, paginateResponse } from './paginate.ts';
import { PROBE_INTERVAL, type Probe } from './prober.ts';
import type { Publication } from './publication.ts';
import { foldName } from './name.ts';
import { distinct, recordKey, sameRecord, setKey } from './records.ts';
import type { Source, Transmission } from './source.ts';
import { Zone } from './zone.ts';

export type ResponderOutput =
  | ({ readonly kind: 'send' } & Transmission)
  /** `status` of the publication says something else now. */
  | { readonly kind: 'changed'; readonly key: string };

export interface PublicationStatus {
  /** Every name is ours and has been announced; one that is being defended counts until it is lost. */
  readonly established: boolean;
  /** So many conflicts that the next attempt has to wait (RFC 6762 §8.1). */
  readonly contested: boolean;
  /** Names now in use or being probed for, in the order asked for. */
  readonly hosts: readonly Name[];
  readonly instances: readonly Name[];
}

interface Entry {
  readonly key: string;
  readonly claims: Claims;
  readonly announcer: Announcer;
  /** Under which names the index has it. */
  names: readonly Name[];
}

export class Responder {
  readonly #entropy: Entropy;
  readonly #entries = new Map<string, Entry>();
  readonly #byName = new Map<Name, { readonly entry: Entry; readonly claim: Claim }>();
  /** Entries that have something to do at some time: thousands of others cost nothing. */
  readonly #busy = new Set<Entry>();
  readonly #answerer: Answerer;
  readonly #goodbyes = new Goodbyes();
  readonly #pace = new ConflictPace();
  #zone: Zone | undefined;

  constructor(options: { readonly entropy: Entropy }) {
    this.#entropy = options.entropy;
    this.#answerer = new Answerer(() => this.#records(), options.entropy);
  }

  /**
   * Publishes, or changes what is published under `key`; what has not changed is left in peace. What is to be
   * sent is due at once, with that of other calls before the next {@link advance}.
   */
  publish(key: string, publication: Publication, now: Milliseconds): void {
    const entry = this.#entries.get(key) ?? this.#newEntry(key, publication);
    const before = entry.claims.established();
    entry.claims.update(publication, now + this.#delay());
    const after = entry.claims.established();
    const known = new Set(before.map(recordKey));
    if (after.some((record) => !known.has(recordKey(record)))) entry.announcer.restart(now);
    this.#goodbyes.cancel(after);
    this.#goodbyes.add(without(before, after), now);
    this.#changed(entry);
  }

  /** Tells everybody that the names are no more, as soon as {@link advance} is called. */
  withdraw(key: string, now: Milliseconds): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#goodbyes.add(entry.claims.established(), now);
    this.forget(key);
  }

  /** Falls silent about the names: another node has them now. */
  forget(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#changed(entry);
  }

  status(key: string): PublicationStatus | undefined {
    const claims = this.#entries.get(key)?.claims;
    if (!claims) return undefined;
    const [established, contested] = [claims.stands(), claims.isHeldBack()];
    return { established, contested, hosts: claims.hosts(), instances: claims.instances() };
  }

  /** The publication that has a name now, or is probing for it. */
  holder(name: Name): string | undefined {
    return this.#byName.get(foldName(name))?.entry.key;
  }

  receive(received: Message, from: Source, now: Milliseconds): ResponderOutput[] {
    if (received.kind === 'query') this.#query(received, from, now);
    const contested = received.kind === 'response' ? this.#response(received, from, now) : [];
    return [...contested.map(({ key }): ResponderOutput => ({ kind: 'changed', key })), ...this.advance(now)];
  }

  /** The link was away: names are probed for anew, as at the start (RFC 6762 §8.3). */
  restart(now: Milliseconds): ResponderOutput[] {
    const startAt = now + this.#delay();
    for (const entry of this.#entries.values()) {
      entry.announcer.stop();
      for (const claim of entry.claims.all()) {
        claim.doubted = false;
        entry.claims.probe(claim, startAt);
      }
      this.#changed(entry);
    }
    return [...this.#entries.keys()].map((key) => ({ kind: 'changed', key }));
  }

  /** Somebody may be listening who has heard nothing so far: says everything again, without asking. */
  announce(now: Milliseconds): void {
    for (const entry of this.#entries.values()) {
      entry.announcer.restart(now);
      this.#changed(entry);
    }
  }

  deadline(): Milliseconds | undefined {
    const busy = [...this.#busy];
    const times = [
      this.#answerer.deadline(),
      this.#goodbyes.deadline(),
      ...busy.map(({ announcer }) => announcer.deadline()),
      ...busy.flatMap(({ claims }) => claims.all().map(({ prober }) => prober?.deadline())),
    ].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  advance(now: Milliseconds): ResponderOutput[] {
    const { probes, changed } = this.#probe(now);
    const due = [...this.#busy].filter(({ announcer }) => announcer.advance(now));
    const announced = addressesFirst(due.flatMap(({ claims }) => claims.established()));
    for (const entry of this.#busy) if (isIdle(entry)) this.#busy.delete(entry);
    this.#answerer.sent(announced, now);
    const unasked = message('response', { answers: distinct([...this.#dueGoodbyes(now), ...announced]) });
    const transmissions: Transmission[] = [
      ...paginateProbes(probes).map((page) => ({ message: page })),
      ...(unasked.answers.length > 0 ? paginateResponse(unasked) : []).map((page) => ({ message: page })),
      ...this.#answerer
        .advance(now)
        .flatMap((answer) => paginateResponse(answer.message).map((page) => ({ ...answer, message: page }))),
    ];
    return [
      ...transmissions.map((transmission): ResponderOutput => ({ kind: 'send', ...transmission })),
      ...changed.map((key): ResponderOutput => ({ kind: 'changed', key })),
    ];
  }

  #newEntry(key: string, publication: Publication): Entry {
    const taken = (name: Name): boolean => (this.holder(name) ?? key) !== key;
    const entry = { key, claims: new Claims(publication, taken), announcer: new Announcer(), names: [] };
    this.#entries.set(key, entry);
    return entry;
  }

  #probe(now: Milliseconds): { probes: Probe[]; changed: string[] } {
    const probes: Probe[] = [];
    const changed: string[] = [];
    for (const entry of this.#busy) {
      let won = false;
      for (const claim of entry.claims.all()) {
        const result = claim.prober?.advance(now);
        if (result === 'won') {
          delete claim.prober;
          won = true;
        } else if (result) probes.push(result);
      }
      if (won && entry.claims.isEstablished()) {
        entry.announcer.restart(now);
        changed.push(entry.key);
      }
      if (won) this.#changed(entry);
    }
    return { probes, changed };
  }

  /** Another publication may still use a shared record, and a record set that lives on is replaced, not ended. */
  #dueGoodbyes(now: Milliseconds): ResourceRecord[] {
    return this.#goodbyes.advance(now).filter((gone) => {
      const here = this.#records().at(gone.name);
      return !here.some((record) => sameRecord(record, gone) || (record.flush && setKey(record) === setKey(gone)));
    });
  }

  #query(query: Message, from: Source, now: Milliseconds): void {
    if (query.authorities.length > 0) {
      for (const question of query.questions) {
        this.#byName.get(foldName(question.name))?.claim.prober?.contend(question, query.authorities, now);
      }
    }
    this.#answerer.query(query, from, now);
  }

  /** @returns the entries whose names were contested. */
  #response(response: Message, from: Source, now: Milliseconds): Entry[] {
    // RFC 6762 §6: an answer from any other port is not one.
    if (from.port !== MDNS_PORT) return [];
    const contested = new Set<Entry>();
    for (const record of [...response.answers, ...response.additionals]) {
      const ours = this.#byName.get(foldName(record.name));
      if (ours && this.#contest(ours.entry, ours.claim, record, now)) contested.add(ours.entry);
      else this.#answerer.heard(record, now);
    }
    return [...contested];
  }

  /** @returns whether the record took a name from us, or put it in doubt. */
  #contest(entry: Entry, claim: Claim, record: ResourceRecord, now: Milliseconds): boolean {
    const { claims } = entry;
    if (claim.prober ? !claim.prober.objects(record) : !contradicts(record, claims.uniqueRecords(claim))) return false;
    claim.doubted = claim.prober === undefined;
    if (claim.prober) claims.rename(claim);
    const pause = this.#pace.conflict(now);
    claims.probe(claim, now + pause + this.#delay(), pause > 0);
    this.#changed(entry);
    return true;
  }

  /** RFC 6762 §8.1: so that machines switched on together do not speak together. */
  #delay(): Milliseconds {
    return this.#entropy.fraction() * PROBE_INTERVAL;
  }

  #records(): Zone {
    this.#zone ??= new Zone([...this.#entries.values()].flatMap(({ claims }) => claims.established()));
    return this.#zone;
  }

  /** Names or records of the entry changed. */
  #changed(entry: Entry): void {
    this.#zone = undefined;
    for (const name of entry.names) this.#byName.delete(name);
    const stands = this.#entries.get(entry.key) === entry;
    entry.names = stands ? entry.claims.all().map(({ name }) => foldName(name)) : [];
    for (const claim of stands ? entry.claims.all() : []) this.#byName.set(foldName(claim.name), { entry, claim });
    if (stands && !isIdle(entry)) this.#busy.add(entry);
    else this.#busy.delete(entry);
  }
}

/** Of a thousand names at once: what leads to an instance still holds in all caches, but where the host is has changed. */
function addressesFirst(records: readonly ResourceRecord[]): ResourceRecord[] {
  const isAddress = ({ type }: ResourceRecord): boolean => type === 'A' || type === 'AAAA';
  return [...records.filter(isAddress), ...records.filter((record) => !isAddress(record))];
}

function isIdle({ claims, announcer }: Entry): boolean {
  return claims.isEstablished() && announcer.deadline() === undefined;
}

function without(records: readonly ResourceRecord[], others: readonly ResourceRecord[]): ResourceRecord[] {
  const keys = new Set(others.map(recordKey));
  return records.filter((record) => !keys.has(recordKey(record)));
}
