/**
 * Which address is being asked about for which Service. Services that come together each get an address of their own
 * to wait for, so that a hundred of them do not wait for one probe after another; and no more are asked about at a time
 * than a LAN should hear.
 */
import type { Ip } from '../../model/ip.ts';
import type { ServiceKey } from '../../model/kubernetes.ts';

/** Three frames each, within a fifth of a second. */
const AT_A_TIME = 64;

export class ProbeTurns {
  readonly #asking = new Map<Ip, ServiceKey>();
  /** Those that came when no turn was free, first come first served. */
  readonly #waiting = new Set<ServiceKey>();

  /** Whether the address is being asked about for another Service. */
  isForAnother(ip: Ip, service: ServiceKey): boolean {
    const holder = this.#asking.get(ip);
    return holder !== undefined && holder !== service;
  }

  /** @returns false: too much is being asked already; the Service is told when it is its turn. */
  take(ip: Ip, service: ServiceKey): boolean {
    if (!this.#asking.has(ip) && this.#asking.size >= AT_A_TIME) {
      this.wait(service);
      return false;
    }
    this.#waiting.delete(service);
    this.#asking.set(ip, service);
    return true;
  }

  /** Until more is known, there is nothing to ask about for this Service. */
  wait(service: ServiceKey): void {
    this.#waiting.add(service);
  }

  /** The LAN has answered. @returns the Services to look at again. */
  ended(ip: Ip): ServiceKey[] {
    const holder = this.#asking.get(ip);
    this.#asking.delete(ip);
    // With nothing left to wait for, whoever waits has to know where it stands.
    const next = this.#asking.size === 0 ? [...this.#waiting] : [...this.#waiting].slice(0, 1);
    for (const service of next) this.#waiting.delete(service);
    return holder === undefined ? next : [holder, ...next];
  }

  /** Nothing was asked after all. */
  drop(ip: Ip): void {
    this.#asking.delete(ip);
  }

  /** The Service is gone, or has its address. */
  forget(service: ServiceKey): void {
    this.#waiting.delete(service);
  }
}
