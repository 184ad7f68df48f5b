/**
 * Addresses of Services that vanished, past our finalizer, while the router may still lead to them. Ports are closed only
 * from where they lead, so the address stays on this node for the moment that takes.
 */
import type { Ip } from '../model/ip.ts';
import type { ServiceKey } from '../model/kubernetes.ts';
import type { RouterMappings } from './router/port.ts';

export class Leaving {
  readonly #router: Pick<RouterMappings, 'leave'>;
  readonly #letGo: (ip: Ip) => void;
  readonly #addresses = new Map<Ip, ServiceKey>();

  constructor(router: Pick<RouterMappings, 'leave'>, letGo: (ip: Ip) => void) {
    this.#router = router;
    this.#letGo = letGo;
  }

  add(service: ServiceKey, ips: readonly Ip[]): void {
    for (const ip of ips) this.#addresses.set(ip, service);
  }

  has(ip: Ip): boolean {
    return this.#addresses.has(ip);
  }

  /** Whether something of the Service is still to be closed. */
  busy(service: ServiceKey): boolean {
    return [...this.#addresses.values()].includes(service);
  }

  /** Lets go of what nothing leads to any more. @param claimed whether a Service wants the address again by now. */
  settle(service: ServiceKey, claimed: (ip: Ip) => boolean): void {
    for (const [ip, leaving] of [...this.#addresses]) {
      if (leaving !== service) continue;
      const again = claimed(ip);
      if (!again && this.#router.leave(service, ip).state === 'pending') continue;
      // First of all: letting go makes others ask whether it is still wanted.
      this.#addresses.delete(ip);
      if (!again) this.#letGo(ip);
    }
  }
}
