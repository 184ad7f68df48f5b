/** What an agent does about the Lease of one address: a pure function of what it knows. */
import type { Ip } from '../../model/ip.ts';
import type { Lease } from '../../model/kubernetes.ts';
import { holderOf } from '../../model/lease.ts';
import type { Milliseconds } from '../../model/time.ts';
import { rankNodes } from './rendezvous.ts';

export interface Situation {
  readonly address: Ip;
  /** This node. */
  readonly node: string;
  /** Our own presence stands: without it we may hold nothing. */
  readonly present: boolean;
  /**
   * `wanted`: some Service wants the address; `released`: none any more; `unknown`: nobody here has said
   * anything about it, as after a restart.
   */
  readonly demand: 'wanted' | 'released' | 'unknown';
  /** Nodes that may own the address. */
  readonly eligible: readonly string[];
  readonly live: readonly string[];
  readonly lease: Lease | undefined;
  /** We wrote ourselves into the Lease since our presence stands. */
  readonly held: boolean;
  /** Since when the address is free and we may take it, undefined when that is just beginning. */
  readonly contendingSince: Milliseconds | undefined;
  /** Head start of each better candidate. */
  readonly step: Milliseconds;
  readonly now: Milliseconds;
}

export type Action =
  /** Nothing to do until something changes. */
  | { readonly do: 'nothing' }
  /** Free, and better candidates go first. */
  | { readonly do: 'wait'; readonly until: Milliseconds }
  /** Write ourselves into the Lease, or confirm that it is ours. */
  | { readonly do: 'take' }
  /** Leave the Lease without a holder, for others to take. */
  | { readonly do: 'give' }
  /** Delete the Lease. */
  | { readonly do: 'remove' };

const NOTHING: Action = { do: 'nothing' };

export function decide(situation: Situation): Action {
  const { address, node, present, demand, eligible, live, lease, held } = situation;
  if (!present) return NOTHING;
  const holder = holderOf(lease);
  const willing = demand === 'wanted' && eligible.includes(node);
  if (holder === node) {
    if (demand !== 'wanted') return demand === 'released' ? { do: 'remove' } : NOTHING;
    if (!willing) return { do: 'give' };
    return held ? NOTHING : { do: 'take' };
  }
  if (holder !== undefined && live.includes(holder)) return NOTHING;
  if (demand === 'released') {
    // One of those who are left clears away what a dead holder left behind.
    return lease !== undefined && rankNodes(address, live)[0] === node ? { do: 'remove' } : NOTHING;
  }
  if (!willing) return NOTHING;
  const rank = rankNodes(
    address,
    eligible.filter((one) => live.includes(one)),
  ).indexOf(node);
  const until = (situation.contendingSince ?? situation.now) + rank * situation.step;
  return situation.now >= until ? { do: 'take' } : { do: 'wait', until };
}
