/** Giving leases back, also while the interface happens to be down: for a while that is waited for. */
import type { Decision } from '../../../model/decision.ts';
import type { ServiceKey } from '../../../model/kubernetes.ts';
import type { Clock, Timer } from '../../../model/time.ts';
import type { DhcpLease, DhcpRequest } from '../port.ts';
import { abandoned, released, releasing } from './decisions.ts';

/** A Service that is being deleted waits this long for its interface; the server forgets the lease by itself later. */
const PATIENCE = 10_000;

export interface ReleasesParts {
  readonly clock: Clock;
  /** @returns what keeps DHCP from being spoken on the interface. */
  open(link: string): string | undefined;
  /** The interface is not needed here any more. */
  close(link: string): void;
  session(request: DhcpRequest, lease: DhcpLease): { release(lease: DhcpLease): void };
  changed(service: ServiceKey): void;
}

interface Waiting {
  readonly request: DhcpRequest;
  readonly lease: DhcpLease;
  readonly timer: Timer;
  outcome: Decision | undefined;
}

export class Releases {
  readonly #parts: ReleasesParts;
  readonly #waiting = new Map<ServiceKey, Waiting>();

  constructor(parts: ReleasesParts) {
    this.#parts = parts;
  }

  /** RFC 2131 §4.4.6: said once, never answered. Repeating it would tell the server nothing new. */
  release(request: DhcpRequest, lease: DhcpLease): Decision {
    const { service, link } = request;
    const waiting = this.#waiting.get(service);
    if (waiting?.outcome !== undefined) {
      this.forget(service);
      return waiting.outcome;
    }
    const problem = this.#parts.open(link);
    if (problem === undefined) {
      this.forget(service);
      this.#send(request, lease);
      return released(lease);
    }
    if (waiting === undefined) this.#wait(request, lease, problem);
    return releasing(lease, problem);
  }

  /** Other plans for the Service. */
  forget(service: ServiceKey): void {
    const waiting = this.#waiting.get(service);
    if (waiting === undefined) return;
    waiting.timer.cancel();
    this.#waiting.delete(service);
  }

  waitingOn(link: string): boolean {
    return [...this.#waiting.values()].some(({ request, outcome }) => request.link === link && outcome === undefined);
  }

  linkUp(link: string): void {
    for (const [service, waiting] of [...this.#waiting]) {
      if (waiting.request.link !== link || waiting.outcome !== undefined) continue;
      waiting.timer.cancel();
      waiting.outcome = released(waiting.lease);
      this.#send(waiting.request, waiting.lease);
      this.#parts.changed(service);
    }
  }

  close(): void {
    for (const service of [...this.#waiting.keys()]) this.forget(service);
  }

  #send(request: DhcpRequest, lease: DhcpLease): void {
    this.#parts.session(request, lease).release(lease);
    this.#parts.close(request.link);
  }

  #wait(request: DhcpRequest, lease: DhcpLease, problem: string): void {
    const timer = this.#parts.clock.after(PATIENCE, () => {
      const waiting = this.#waiting.get(request.service);
      if (waiting === undefined) return;
      waiting.outcome = abandoned(lease, problem);
      this.#parts.close(request.link);
      this.#parts.changed(request.service);
    });
    this.#waiting.set(request.service, { request, lease, timer, outcome: undefined });
  }
}
