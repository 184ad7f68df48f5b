/** BGP sessions in `kubevip status`, as the agents say them on their Leases. */
import { BGP_LEASE_PREFIX, readBgpRecord, type BgpPeerRecord } from '../../model/bgp-record.ts';
import type { Range } from '../../model/cidr.ts';
import type { Lease } from '../../model/kubernetes.ts';
import type { Problem } from './problems.ts';

export interface BgpPeerStatus extends BgpPeerRecord {
  readonly node: string;
}

export interface BgpSpeaker {
  readonly node: string;
  readonly peers: readonly BgpPeerStatus[];
  readonly problems: readonly string[];
  /** Addresses that it tells routers of; absent: an older agent does not say. */
  readonly announced?: readonly Range[];
}

/** Clocks of nodes and of this machine differ. */
const SKEW_MS = 5000;

/**
 * Of agents that say how they are: one that is silent is told of elsewhere, and its sessions are gone with it.
 * @param silent nodes that are gone although their record is not out of date, and until when (ms since 1970) records say nothing.
 */
export function bgpSpeakers(leases: readonly Lease[], now: Date, silent: ReadonlyMap<string, number>): BgpSpeaker[] {
  return leases
    .flatMap((lease) => {
      const record = readBgpRecord(lease);
      const renewed = Date.parse(lease.spec?.renewTime ?? '');
      const lasts = (lease.spec?.leaseDurationSeconds ?? 0) * 1000;
      const node = lease.metadata.name.slice(BGP_LEASE_PREFIX.length);
      const isGone = renewed <= (silent.get(node) ?? -1) || !(renewed + lasts + SKEW_MS > now.getTime());
      if (record === undefined || isGone) return [];
      return [{ ...record, node, peers: record.peers.map((peer) => ({ ...peer, node })) }];
    })
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** The same line on many nodes is one problem. */
export function bgpProblems(speakers: readonly BgpSpeaker[]): Problem[] {
  const byMessage = new Map<string, string[]>();
  for (const { node, problems } of speakers)
    for (const message of problems) byMessage.set(message, [...(byMessage.get(message) ?? []), node]);
  const lines: Problem[] = [...byMessage].map(([message, nodes]) => ({
    what: `BGP on ${nodes.join(', ')}`,
    reason: 'BgpPeerInvalid',
    message,
    hints: [],
  }));
  const down = speakers.flatMap(({ peers }) => peers.filter(({ state }) => state !== 'Established'));
  return [
    ...lines,
    ...down.map(({ node, peer, as, state, since, problem }) => ({
      what: `BGP session of ${node} with ${peer} (AS ${as})`,
      reason: 'BgpPeerDown',
      message: problem ?? `is ${state}`,
      since,
      hints: [],
    })),
  ];
}
