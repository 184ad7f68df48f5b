/** What this node knows of one address. */
import type { Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';
import type { Takeover } from '../port.ts';
import type { AddressOwner } from './effects.ts';
import type { Peer } from './peer.ts';

/** Nodes that may own an address, by name; `anyone`: whoever is ready. */
export type Eligible = readonly string[] | 'anyone';

export interface OwnClaim {
  readonly term: number;
  readonly since: Milliseconds;
  /** Being handed over to another node, until that is given up. */
  offer: { readonly to: string; readonly until: Milliseconds } | undefined;
  /** Nodes that did not take it. */
  readonly tried: Set<string>;
  /** When to try again with all of them. */
  retryAt: Milliseconds;
  /** Nobody here wants it any more: the claim stands for a moment, so that nobody takes it who has not heard yet. */
  releasedAt: Milliseconds | undefined;
}

export interface AddressState {
  readonly address: Ip;
  /** Undefined: nobody here wants it. */
  eligible: Eligible | undefined;
  own: OwnClaim | undefined;
  /** Claims of live nodes. */
  readonly claimants: { readonly peer: Peer; term: number }[];
  /** The latest term heard of. */
  seen: number;
  /** As told. */
  owner: AddressOwner | undefined;
  /** Wanted and without an owner since then. */
  freeSince: Milliseconds | undefined;
  /** When this node takes it if nobody else has. */
  takeAt: Milliseconds;
  /** Who had it before, and how that ended. */
  last: Pick<Takeover, 'from' | 'cause' | 'lastHeard' | 'detected'> | undefined;
}

export function newAddressState(address: Ip): AddressState {
  return {
    address,
    eligible: undefined,
    own: undefined,
    claimants: [],
    seen: 0,
    owner: undefined,
    freeSince: undefined,
    takeAt: Number.POSITIVE_INFINITY,
    last: undefined,
  };
}

export function isEligible({ eligible }: AddressState, node: string): boolean {
  return eligible === 'anyone' || (eligible?.includes(node) ?? false);
}

export function isSameEligible(a: Eligible | undefined, b: Eligible): boolean {
  if (a === b) return true;
  if (a === undefined || a === 'anyone' || b === 'anyone') return false;
  return a.length === b.length && a.every((node, i) => node === b[i]);
}
