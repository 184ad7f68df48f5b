/** The addresses of the VIP: given, or those of a DNS name, which is resolved again and again. */
import { pending, ready, type Decision } from '../../model/decision.ts';
import type { DnsMode } from '../../model/dns-mode.ts';
import { messageOf } from '../../model/errors.ts';
import { familyOf, type Family, type Ip } from '../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import type { LookUp } from './port.ts';

/** Addresses, one of a family at most; or a name to be resolved, again and again; or one to ask a DHCP server by. */
export type VipRequest =
  | { readonly addresses: readonly Ip[] }
  | { readonly name: string; readonly mode: DnsMode }
  | { readonly name: string; readonly hostname: string; readonly families: readonly Family[] };

export interface VipAddresses {
  readonly current: Decision<readonly Ip[]>;
  /** What the name was until lately: clients that have not asked again still come there. */
  readonly former: readonly Ip[];
  start(): void;
  stop(): void;
  /** What the node that has the VIP says of it, on its Lease. */
  told?(addresses: readonly Ip[]): void;
}

export interface VipAddressesOptions {
  readonly request: Exclude<VipRequest, { readonly hostname: string }>;
  readonly lookUp: LookUp;
  readonly clock: Clock;
  readonly onChange: () => void;
}

/** As often as kube-vip. */
const AGAIN: Milliseconds = 3000;
/** How long an address is held after its name has gone elsewhere. */
const FAREWELL: Milliseconds = 60_000;

export function createVipAddresses(options: VipAddressesOptions): VipAddresses {
  const { request } = options;
  if ('name' in request) return new ByName(options, request.name, request.mode);
  const { addresses } = request;
  return {
    current: ready(addresses, 'AddressesGiven', `the VIP is ${addresses.join(', ')}`),
    former: [],
    start: () => undefined,
    stop: () => undefined,
  };
}

class ByName implements VipAddresses {
  readonly #options: VipAddressesOptions;
  readonly #name: string;
  readonly #mode: DnsMode;
  readonly #former = new Map<Ip, Milliseconds>();
  #current: Decision<readonly Ip[]>;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: VipAddressesOptions, name: string, mode: DnsMode) {
    this.#options = options;
    this.#name = name;
    this.#mode = mode;
    this.#current = pending('NameNotResolved', `${name} has not been resolved yet`);
  }

  get current(): Decision<readonly Ip[]> {
    return this.#current;
  }

  get former(): readonly Ip[] {
    return [...this.#former.keys()];
  }

  start(): void {
    void this.#round();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #round(): Promise<void> {
    const { lookUp, clock, onChange } = this.#options;
    let answer: readonly Ip[] = [];
    let why = 'it has no address';
    try {
      answer = await lookUp(this.#name);
    } catch (error) {
      why = messageOf(error);
    }
    if (this.#stopped) return;
    this.#timer = clock.after(AGAIN, () => void this.#round());
    if (this.#take(answer, why)) onChange();
  }

  /** @returns whether anything changed */
  #take(answer: readonly Ip[], why: string): boolean {
    const now = this.#options.clock.now();
    const before = this.#current.state === 'ready' ? this.#current.value : [];
    const chosen = chooseAddresses(answer, this.#mode, before);
    // What was true is the best guess while the name server is silent: that must not cost the VIP.
    if (chosen.length === 0 && before.length > 0) return this.#forget(now);
    for (const ip of before) if (!chosen.includes(ip)) this.#former.set(ip, now + FAREWELL);
    for (const ip of chosen) this.#former.delete(ip);
    const told = this.#current.message;
    this.#current =
      chosen.length === 0
        ? pending('NameNotResolved', `${this.#name} cannot be resolved (dns_mode=${this.#mode}): ${why}`)
        : ready(chosen, 'NameResolved', `${this.#name} is ${chosen.join(', ')}`);
    return this.#forget(now) || told !== this.#current.message;
  }

  #forget(now: Milliseconds): boolean {
    const over = [...this.#former].filter(([, until]) => until <= now);
    for (const [ip] of over) this.#former.delete(ip);
    return over.length > 0;
  }
}

/** Name servers turn their answers round: what is in use stays in use as long as it is among them. */
export function chooseAddresses(answer: readonly Ip[], mode: DnsMode, before: readonly Ip[]): readonly Ip[] {
  const pick = (candidates: readonly Ip[]): Ip[] =>
    [...before.filter((ip) => candidates.includes(ip)), ...candidates].slice(0, 1);
  const of = (family: Family): Ip[] => pick(answer.filter((ip) => familyOf(ip) === family));
  switch (mode) {
    case 'first':
      return pick(answer);
    case 'ipv4':
      return of(4);
    case 'ipv6':
      return of(6);
    case 'dual':
      return [...of(4), ...of(6)];
  }
}
