/**
 * Finds services on one link by DNS-SD (RFC 6763), without sockets or timers: asks for types, for their
 * instances, and for what each instance needs to be reached, for as long as it is run.
 */
import type { Ip } from '../../model/ip.ts';
import type { Entropy, Milliseconds } from '../../model/time.ts';
import { ContinuousQuery } from './continuous-query.ts';
import { MDNS_PORT, type Message, type Name, type Question, type RecordType, type ResourceRecord } from './message.ts';
import { endsWith, foldName, labelsOf, nameOf } from './name.ts';
import { paginateQuery } from './paginate.ts';
import { SERVICE_TYPES, typeNameOf } from './publication.ts';
import { RecordCache } from './record-cache.ts';
import { readTxt } from './txt.ts';

/** §5.2: before the first question, so that machines switched on together do not speak together. */
const FIRST_DELAY = { min: 20, max: 120 };
/** Answers come in bursts: what is still missing is looked at once for all of them. */
const PLAN_DELAY: Milliseconds = 10;
/** What is asked at once; a flood of invented types must not make us flood the LAN. */
const MAX_QUERIES = 1024;

export interface ServiceInstance {
  /** Label for people, unescaped. */
  readonly instance: string;
  /** `_http._tcp` */
  readonly type: string;
  /** Undefined until somebody says where the instance is. */
  readonly host?: Name;
  readonly port?: number;
  readonly addresses: readonly Ip[];
  readonly txt: Readonly<Record<string, string>>;
}

export class Browser {
  readonly #cache = new RecordCache();
  readonly #queries = new Map<string, ContinuousQuery>();
  readonly #roots: readonly Name[];
  readonly #startAt: Milliseconds;
  #planAt: Milliseconds | undefined;

  /** @param types service types (`_http._tcp`); none: every type that somebody has. */
  constructor(options: { readonly types?: readonly string[]; readonly entropy: Entropy }, now: Milliseconds) {
    this.#roots = options.types?.length ? options.types.map(typeNameOf) : [SERVICE_TYPES];
    this.#startAt = now + FIRST_DELAY.min + options.entropy.fraction() * (FIRST_DELAY.max - FIRST_DELAY.min);
    this.#plan(now);
  }

  /** @returns whether {@link instances} may say something else now. */
  receive(received: Message, from: { readonly port: number }, now: Milliseconds): boolean {
    // RFC 6762 §6: an answer from any other port is not one.
    if (received.kind !== 'response' || from.port !== MDNS_PORT) return false;
    let [changed, refreshed] = [false, false];
    for (const record of [...received.answers, ...received.additionals]) {
      if (!isUseful(record)) continue;
      if (this.#cache.add(record, now)) changed = true;
      refreshed = true;
    }
    if (refreshed) this.#planAt ??= now + PLAN_DELAY;
    return changed;
  }

  deadline(): Milliseconds | undefined {
    const times = [...this.#queries.values()].map((query) => query.deadline());
    const expiry = this.#cache.deadline();
    if (expiry !== undefined) times.push(expiry);
    if (this.#planAt !== undefined) times.push(this.#planAt);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** @returns what to multicast now, and whether {@link instances} may say something else. */
  advance(now: Milliseconds): { readonly send: readonly Message[]; readonly changed: boolean } {
    const expired = this.#cache.expire(now);
    if (expired || (this.#planAt !== undefined && this.#planAt <= now)) this.#plan(now);
    const due = [...this.#queries.values()].filter((query) => query.advance(now)).map(({ question }) => question);
    const known = due.flatMap(({ name, type }) => (type === 'ANY' ? [] : this.#cache.knownAnswers(name, type, now)));
    return { send: due.length === 0 ? [] : paginateQuery(due, known), changed: expired === 'ended' };
  }

  /** Every instance that somebody has, resolved as far as it is known. */
  instances(): ServiceInstance[] {
    return this.#types().flatMap((type) =>
      this.#instanceNames(type).map((name) => {
        const srv = this.#cache.get(name, 'SRV')[0]?.data;
        const txt = this.#cache.get(name, 'TXT')[0];
        return {
          instance: labelsOf(name)[0] ?? '',
          type: nameOf(labelsOf(type).slice(0, -1)),
          ...(srv ? { host: srv.target, port: srv.port } : {}),
          addresses: srv ? this.#addresses(srv.target) : [],
          txt: readTxt(txt?.data ?? []),
        };
      }),
    );
  }

  /** Whether nothing more is to be learned about an instance: it says where it is, or that it is nowhere. */
  isResolved(service: ServiceInstance): boolean {
    const { host } = service;
    if (host === undefined) return false;
    const name = nameOf([service.instance, ...labelsOf(typeNameOf(service.type))]);
    const families = (['A', 'AAAA'] as const).filter((type) => this.#isAnswered(host, type));
    return this.#cache.get(name, 'TXT').length > 0 && families.length === 2 && service.addresses.length > 0;
  }

  #types(): Name[] {
    if (this.#roots[0] !== SERVICE_TYPES) return [...this.#roots];
    return this.#cache
      .get(SERVICE_TYPES, 'PTR')
      .map(({ data }) => data)
      .filter(isTypeName);
  }

  #instanceNames(type: Name): Name[] {
    const inType = (name: Name): boolean => endsWith(name, type) && labelsOf(name).length === labelsOf(type).length + 1;
    return this.#cache
      .get(type, 'PTR')
      .map(({ data }) => data)
      .filter(inType);
  }

  #addresses(host: Name): Ip[] {
    return [...this.#cache.get(host, 'A'), ...this.#cache.get(host, 'AAAA')].map(({ data }) => data);
  }

  /** With a record, or with word that there is none (RFC 6762 §6.1). */
  #isAnswered(name: Name, type: 'A' | 'AAAA' | 'SRV' | 'TXT'): boolean {
    if (this.#cache.isFresh(name, type)) return true;
    return this.#cache.get(name, 'NSEC').some(({ data }) => !data.types.includes(type));
  }

  /** Brings the questions in line with what is wanted and what is known. */
  #plan(now: Milliseconds): void {
    this.#planAt = undefined;
    const wanted = new Map<string, Pick<Question, 'name' | 'type'>>();
    const want = (name: Name, type: RecordType): void => {
      if (wanted.size < MAX_QUERIES) wanted.set(`${foldName(name)} ${type}`, { name, type });
    };
    for (const root of this.#roots) want(root, 'PTR');
    for (const type of this.#types()) {
      want(type, 'PTR');
      for (const name of this.#instanceNames(type)) {
        for (const part of ['SRV', 'TXT'] as const) if (!this.#isAnswered(name, part)) want(name, part);
        const host = this.#cache.get(name, 'SRV')[0]?.data.target;
        if (host === undefined) continue;
        for (const family of ['A', 'AAAA'] as const) if (!this.#isAnswered(host, family)) want(host, family);
      }
    }
    for (const key of this.#queries.keys()) if (!wanted.has(key)) this.#queries.delete(key);
    const startAt = Math.max(now, this.#startAt);
    for (const [key, question] of wanted) {
      if (!this.#queries.has(key)) this.#queries.set(key, new ContinuousQuery(question, startAt));
    }
  }
}

/** Of the types we understand, and on this link: anything else cannot matter to us. */
function isUseful(record: ResourceRecord): boolean {
  return !record.type.startsWith('TYPE') && endsWith(record.name, 'local');
}

/** RFC 6763 §4.1.2, §7: `_service._tcp.local` or `_service._udp.local`. */
function isTypeName(name: Name): boolean {
  const [service = '', transport = '', domain, ...rest] = labelsOf(name);
  const isTransport = /^_(tcp|udp)$/i.test(transport);
  return (
    service.startsWith('_') && isTransport && domain !== undefined && endsWith(domain, 'local') && rest.length === 0
  );
}
