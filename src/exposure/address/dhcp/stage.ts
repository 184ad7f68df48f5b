/** Keeps up the DHCP lease of a Service whose address is on this node. */
import { off, type Decision } from '../../../model/decision.ts';
import type { ServiceKey } from '../../../model/kubernetes.ts';
import { isMine } from '../../ownership/is-mine.ts';
import { NOT_OWNER, type Standing } from '../../standing.ts';
import { dhcpRequest } from '../dhcp-request.ts';
import type { AssignedAddress, DhcpLeases, DhcpRequest } from '../port.ts';

export interface LeaseStageParts {
  readonly leases: DhcpLeases;
  /** Whether this agent gives out addresses now. */
  readonly allocating: () => boolean;
}

export class LeaseStage {
  readonly #parts: LeaseStageParts;
  /** Leases this node kept up, to be given back should the Service vanish without a word. */
  readonly #kept = new Map<
    ServiceKey,
    { readonly request: DhcpRequest; readonly lease: NonNullable<AssignedAddress['lease']> }
  >();

  constructor(parts: LeaseStageParts) {
    this.#parts = parts;
  }

  /** The owner keeps a DHCP lease up; the others stand by. */
  settle({ intent, assigned, address, owner }: Standing): Decision<AssignedAddress['lease']> {
    const request = dhcpRequest(intent, assigned);
    if (!assigned?.lease || !request) {
      // Whoever no longer wants an address by DHCP may just have been given one, or have had one a moment ago.
      if (address.state === 'ready' && !address.value.lease) {
        this.#parts.leases.abandon(intent.service);
        this.forget(intent.service);
      }
      return off('NoLease', 'the address is not from DHCP');
    }
    if (!isMine(owner)) {
      // While nobody owns it the agent that acquired it is not to be disturbed: the Service may not want it any more.
      if (owner.state !== 'ready' && this.#parts.allocating()) return NOT_OWNER;
      this.#parts.leases.abandon(intent.service, assigned.lease);
      this.forget(intent.service);
      return NOT_OWNER;
    }
    const lease = this.#parts.leases.keep(request, assigned.lease);
    if (lease.state === 'ready') this.#kept.set(intent.service, { request, lease: lease.value });
    return lease;
  }

  /** The Service is about to give its lease up in good order. */
  forget(key: ServiceKey): void {
    this.#kept.delete(key);
  }

  /** The Service is gone: what this node kept up is given back. */
  gone(key: ServiceKey): void {
    const kept = this.#kept.get(key);
    if (kept) this.#parts.leases.release(kept.request, kept.lease);
    else this.#parts.leases.abandon(key);
    this.#kept.delete(key);
  }
}
