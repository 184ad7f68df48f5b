/** Who has which address: what the cluster says, and what was decided moments ago and has not arrived there yet. */
import type { Ready } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { Service, ServiceKey } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { addressesInUse, type Use } from './in-use.ts';
import type { AssignedAddress } from './port.ts';

/** A decision that has not arrived on its Service by then was never written. */
const RESERVED_FOR: Milliseconds = 30_000;

interface Reservation {
  readonly given: Ready<AssignedAddress>;
  readonly use: Use;
  readonly until: Milliseconds;
}

/** The users of addresses, seen by one Service, which does not count itself. */
export interface Uses {
  has(ip: Ip): boolean;
  of(ip: Ip): readonly Use[];
  /** Every address with a user. */
  addresses(): Iterable<Ip>;
}

export class Ledger {
  readonly #clock: Clock;
  readonly #services: () => readonly Service[];
  readonly #reserved = new Map<ServiceKey, Reservation>();
  readonly #reservedAt = new Map<Ip, Set<ServiceKey>>();
  #read: { readonly services: readonly Service[]; readonly uses: ReadonlyMap<Ip, readonly Use[]> } | undefined;

  /** @param services every Service of the cluster: the same array as long as none has changed. */
  constructor(clock: Clock, services: () => readonly Service[]) {
    this.#clock = clock;
    this.#services = services;
  }

  reserve(use: Use, given: Ready<AssignedAddress>): void {
    this.settled(use.service);
    this.#reserved.set(use.service, { given, use, until: this.#clock.now() + RESERVED_FOR });
    for (const ip of given.value.ips)
      this.#reservedAt.set(ip, (this.#reservedAt.get(ip) ?? new Set()).add(use.service));
  }

  /** What was decided for the Service and has not arrived there yet. */
  given(service: ServiceKey): Ready<AssignedAddress> | undefined {
    return this.#reservation(service)?.given;
  }

  /** The Service is gone or carries its address. */
  settled(service: ServiceKey): void {
    const entry = this.#reserved.get(service);
    this.#reserved.delete(service);
    for (const ip of entry?.given.value.ips ?? []) {
      const holders = this.#reservedAt.get(ip);
      holders?.delete(service);
      if (holders?.size === 0) this.#reservedAt.delete(ip);
    }
  }

  /** @param except whose own use does not count. */
  uses(except?: ServiceKey): Uses {
    const inCluster = this.inCluster();
    const of = (ip: Ip): readonly Use[] => {
      const known = inCluster.get(ip) ?? [];
      const coming = [...(this.#reservedAt.get(ip) ?? [])].flatMap((service) => this.#reservation(service)?.use ?? []);
      return coming.length === 0 && known.every(({ service }) => service !== except)
        ? known
        : [...known, ...coming].filter(({ service }) => service !== except);
    };
    return {
      of,
      // Asked for every address of a pool: nothing is put together for that.
      has: (ip) =>
        inCluster.get(ip)?.some(({ service }) => service !== except) === true || this.#isReserved(ip, except),
      addresses: () =>
        [...new Set([...inCluster.keys(), ...this.#reservedAt.keys()])].filter((ip) => of(ip).length > 0),
    };
  }

  /** What the Services themselves say. */
  inCluster(): ReadonlyMap<Ip, readonly Use[]> {
    const services = this.#services();
    if (this.#read?.services !== services) this.#read = { services, uses: addressesInUse(services) };
    return this.#read.uses;
  }

  #isReserved(ip: Ip, except: ServiceKey | undefined): boolean {
    for (const service of this.#reservedAt.get(ip) ?? [])
      if (service !== except && this.#reservation(service)) return true;
    return false;
  }

  #reservation(service: ServiceKey): Reservation | undefined {
    const entry = this.#reserved.get(service);
    if (!entry || entry.until > this.#clock.now()) return entry;
    this.settled(service);
    return undefined;
  }
}
