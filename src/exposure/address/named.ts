/**
 * Addresses that Services ask for by DNS names. Names are resolved again and again while somebody asks for them, by the
 * agent that gives out addresses alone. What a name was stays what it is while no name server answers.
 */
import { pending, ready, type Decision } from '../../model/decision.ts';
import { messageOf } from '../../model/errors.ts';
import { familyOf, type Family, type Ip } from '../../model/ip.ts';
import type { ServiceKey } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import type { LookUp } from './port.ts';

/** As often as kube-vip. */
const AGAIN: Milliseconds = 3000;
/** Longer than it takes until every Service has been looked at again. */
const FORGET: Milliseconds = 120_000;
/** A family that answers lack so often in a row is gone: a name server that fails for one family looks the same. */
const LACKING = 20;
/** Questions at once: each takes a thread of the process while no name server answers. */
const AT_ONCE = 2;

export interface NamedAddressesOptions {
  readonly lookUp: LookUp;
  readonly clock: Clock;
  /** What the names of these Services lead to has changed. */
  readonly changed: (services: readonly ServiceKey[]) => void;
}

export interface NameWish {
  readonly service: ServiceKey;
  readonly names: readonly string[];
  /** Of each the first address counts. */
  readonly families: readonly Family[];
  readonly needsEveryFamily: boolean;
}

interface Entry {
  /** Undefined: no answer yet that had an address. */
  answer: readonly Ip[] | undefined;
  /** How often in a row answers lacked a family that they had before. */
  readonly lacking: Map<Family, number>;
  problem: string | undefined;
  askedAt: Milliseconds;
  readonly services: Set<ServiceKey>;
}

export class NamedAddresses {
  readonly #options: NamedAddressesOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: NamedAddressesOptions) {
    this.#options = options;
  }

  /** @param before what the Service has: kept as long as it is among the answers, which name servers turn round. */
  of(wish: NameWish, before: readonly Ip[] = []): Decision<readonly Ip[]> {
    const { names, families, needsEveryFamily } = wish;
    const entries = names.map((name) => [name, this.#entry(name, wish.service)] as const);
    const missing = entries.find(([, { answer }]) => answer === undefined);
    if (missing) {
      const [name, { problem }] = missing;
      const why = problem === undefined ? 'has not been resolved yet' : `cannot be resolved: ${problem}`;
      return pending('NameNotResolved', `${name} ${why}; asked again every ${AGAIN / 1000} s`);
    }
    const answers = entries.flatMap(([, { answer = [] }]) => answer);
    const chosen = families.flatMap((family) => {
      const candidates = answers.filter((ip) => familyOf(ip) === family);
      return [...before.filter((ip) => candidates.includes(ip)), ...candidates].slice(0, 1);
    });
    const lacking = families.filter((family) => !chosen.some((ip) => familyOf(ip) === family));
    if (chosen.length === 0 || (needsEveryFamily && lacking.length > 0)) {
      const lacks = lacking.map((family) => `IPv${family}`).join(' and no ');
      return pending('NameNotResolved', `${names.join(', ')} has no ${lacks} address: it is ${answers.join(', ')}`);
    }
    return ready(chosen, 'NameResolved', `${names.join(', ')} is ${chosen.join(', ')}`);
  }

  #entry(name: string, service: ServiceKey): Entry {
    const { clock } = this.#options;
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      const nothing = { answer: undefined, problem: undefined, lacking: new Map<Family, number>() };
      entry = { ...nothing, askedAt: clock.now(), services: new Set() };
      this.#entries.set(name, entry);
      void this.#round(name, entry);
    }
    entry.askedAt = clock.now();
    entry.services.add(service);
    return entry;
  }

  async #round(name: string, entry: Entry): Promise<void> {
    const { clock, changed } = this.#options;
    let answer: readonly Ip[] = [];
    let problem = 'it has no address';
    try {
      answer = await this.#ask(name);
    } catch (error) {
      problem = messageOf(error);
    }
    if (clock.now() - entry.askedAt > FORGET) {
      this.#entries.delete(name);
      return;
    }
    const before = JSON.stringify([entry.answer?.toSorted(), entry.problem]);
    // What was true is the best guess while the name server is silent: that must not cost the address.
    if (answer.length > 0) entry.answer = withLacking(entry, answer);
    entry.problem = answer.length > 0 ? undefined : problem;
    clock.after(AGAIN, () => void this.#round(name, entry));
    if (JSON.stringify([entry.answer?.toSorted(), entry.problem]) === before) return;
    // Whoever still asks for it says so again.
    const services = [...entry.services];
    entry.services.clear();
    changed(services);
  }

  async #ask(name: string): Promise<readonly Ip[]> {
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      return await this.#options.lookUp(name);
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}

/** The answer, and what was there of a family that it lacks, for a while. */
function withLacking({ answer: before = [], lacking }: Entry, answer: readonly Ip[]): readonly Ip[] {
  const kept = ([4, 6] as const).flatMap((family) => {
    const had = before.filter((ip) => familyOf(ip) === family);
    const lacks = had.length > 0 && !answer.some((ip) => familyOf(ip) === family);
    const times = lacks ? (lacking.get(family) ?? 0) + 1 : 0;
    lacking.set(family, times);
    return times > 0 && times < LACKING ? had : [];
  });
  return [...answer, ...kept];
}
