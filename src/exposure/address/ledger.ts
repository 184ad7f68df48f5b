/** Who has which address: what the cluster says, and what was decided moments ago and has not arrived there yet. */
import type { Ready } from '../../model/decision.ts';
import type { Ip } from '../../model/ip.ts';
import type { Service, ServiceKey } from '../../model/kubernetes.ts';
import type { Clock, Milliseconds } from '../../model/time.ts';
import { addressesInUse, type Use } from './in-use.ts';
import type { AssignedAddress } from './port.ts';

/** A decision that has not arrived on its Service by then was never written. */
const RESERVED_FOR: Milliseconds = 30_000;

export class Ledger {
  readonly #clock: Clock;
  readonly #services: () => Iterable<Service>;
  readonly #reserved = new Map<
    ServiceKey,
    { readonly given: Ready<AssignedAddress>; readonly use: Use; readonly until: number }
  >();

  /** @param services every Service of the cluster. */
  constructor(clock: Clock, services: () => Iterable<Service>) {
    this.#clock = clock;
    this.#services = services;
  }

  reserve(use: Use, given: Ready<AssignedAddress>): void {
    this.#reserved.set(use.service, { given, use, until: this.#clock.now() + RESERVED_FOR });
  }

  /** What was decided for the Service and has not arrived there yet. */
  given(service: ServiceKey): Ready<AssignedAddress> | undefined {
    const entry = this.#reserved.get(service);
    return entry && entry.until > this.#clock.now() ? entry.given : undefined;
  }

  /** The Service is gone or carries its address. */
  settled(service: ServiceKey): void {
    this.#reserved.delete(service);
  }

  /** @param except whose own use does not count. */
  uses(except?: ServiceKey): Map<Ip, Use[]> {
    const uses = addressesInUse(this.#services());
    for (const [ip, users] of uses) {
      const others = users.filter((use) => use.service !== except);
      if (others.length === 0) uses.delete(ip);
      else uses.set(ip, others);
    }
    for (const [service, { given, use, until }] of this.#reserved) {
      if (until <= this.#clock.now()) this.#reserved.delete(service);
      else if (service !== except) for (const ip of given.value.ips) uses.set(ip, [...(uses.get(ip) ?? []), use]);
    }
    return uses;
  }
}
