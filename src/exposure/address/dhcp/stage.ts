/** Keeps up the DHCP leases of a Service whose addresses are on this node. */
import { off, type Decision } from '../../../model/decision.ts';
import type { Family } from '../../../model/ip.ts';
import type { ServiceKey } from '../../../model/kubernetes.ts';
import { isMine } from '../../ownership/is-mine.ts';
import { NOT_OWNER, type Standing } from '../../standing.ts';
import { dhcpRequest } from '../dhcp-request.ts';
import { leaseOf, LEASE_FAMILIES } from '../leased.ts';
import type { DhcpLease, DhcpRequest, LeasesByFamily } from '../port.ts';

export interface LeaseStageParts {
  readonly leases: LeasesByFamily;
  /** Whether this agent gives out addresses now. */
  readonly allocating: () => boolean;
}

/** What became of the lease of each family; undefined: the Service has none. */
export type LeaseDecisions = Readonly<Record<Family, Decision<DhcpLease | undefined>>>;

interface Kept {
  readonly request: DhcpRequest;
  readonly lease: DhcpLease;
}

export class LeaseStage {
  readonly #parts: LeaseStageParts;
  /** Leases this node kept up, to be given back should the Service vanish without a word. */
  readonly #kept: Readonly<Record<Family, Map<ServiceKey, Kept>>> = { 4: new Map(), 6: new Map() };

  constructor(parts: LeaseStageParts) {
    this.#parts = parts;
  }

  /** The owner keeps DHCP leases up; the others stand by. */
  settle(standing: Standing): LeaseDecisions {
    return { 4: this.#settle(4, standing), 6: this.#settle(6, standing) };
  }

  #settle(family: Family, { intent, assigned, address, owner }: Standing): LeaseDecisions[Family] {
    const carried = leaseOf(assigned, family);
    const request = dhcpRequest(intent, assigned, carried);
    const leases = this.#parts.leases[family];
    if (!carried || !request) {
      // Whoever no longer wants an address by DHCP may just have been given one, or have had one a moment ago.
      if (address.state === 'ready' && !leaseOf(address.value, family)) {
        leases.abandon(intent.service);
        this.#kept[family].delete(intent.service);
      }
      return off('NoLease', 'the address is not from DHCP');
    }
    if (!isMine(owner)) {
      // While nobody owns it the agent that acquired it is not to be disturbed: the Service may not want it any more.
      if (owner.state !== 'ready' && this.#parts.allocating()) return NOT_OWNER;
      leases.abandon(intent.service, carried);
      this.#kept[family].delete(intent.service);
      return NOT_OWNER;
    }
    const lease = leases.keep(request, carried);
    if (lease.state === 'ready') this.#kept[family].set(intent.service, { request, lease: lease.value });
    return lease;
  }

  /** The Service is about to give its leases up in good order. */
  forget(key: ServiceKey): void {
    for (const family of LEASE_FAMILIES) this.#kept[family].delete(key);
  }

  /** The Service is gone: what this node kept up is given back. */
  gone(key: ServiceKey): void {
    for (const family of LEASE_FAMILIES) {
      const kept = this.#kept[family].get(key);
      const leases = this.#parts.leases[family];
      if (kept) leases.release(kept.request, kept.lease);
      else leases.abandon(key);
    }
    this.forget(key);
  }
}
