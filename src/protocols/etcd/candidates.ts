/**
 * How etcd's own elections keep candidates, so that ours, kube-vip's and `etcdctl elect` are in one election: a key
 * `NAME/LEASE` for each, LEASE in hexadecimal, that goes with the lease; its value says who it is, and whoever made his key
 * first leads.
 */

/** A lease of etcd: a signed 64-bit number, in decimal as its JSON has it. */
export type LeaseId = string & { readonly __brand: 'LeaseId' };

export interface Candidate {
  /** Of the key. One that was made without a lease has '0'. */
  readonly lease: LeaseId;
  /** Who it is, as it says itself: with kube-vip and ours the node. */
  readonly id: string;
  /** Revision at which the key was made: the lowest one leads. */
  readonly since: bigint;
}

/** The key of a candidate. */
export function candidateKey(election: string, lease: LeaseId): string {
  return `${election}/${BigInt(lease).toString(16)}`;
}

/** All keys of an election: from the first one on, up to and without the second one. */
export function candidateRange(election: string): readonly [from: string, to: string] {
  // The byte after the slash.
  return [`${election}/`, `${election}0`];
}

/** The one that leads first, then those that wait, in their order. */
export function inOrder(candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.toSorted((a, b) => (a.since < b.since ? -1 : a.since > b.since ? 1 : 0));
}
