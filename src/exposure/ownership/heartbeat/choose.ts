/** Who is to own an address: pure, so that all who know the same choose the same. */
import type { Ip } from '../../../model/ip.ts';
import { weightOf } from '../rendezvous.ts';

export interface Claimant {
  readonly node: string;
  readonly term: number;
}

/** Whether claim `a` prevails over claim `b` of another node: by the later term, else by rank, else by name. */
export function prevails(address: Ip, a: Claimant, b: Claimant): boolean {
  return a.term === b.term ? ranksBefore(address, a.node, b.node) : a.term > b.term;
}

/** How many of `others` go before `node` when the address is free. */
export function rankAmong(address: Ip, node: string, others: readonly string[]): number {
  const own = weightOf(address, node);
  let rank = 0;
  for (const other of others) {
    const weight = weightOf(address, other);
    if (weight > own || (weight === own && other < node)) rank++;
  }
  return rank;
}

/** The one that goes first. */
export function firstOf(address: Ip, nodes: readonly string[]): string | undefined {
  let first: string | undefined;
  for (const node of nodes) if (first === undefined || ranksBefore(address, node, first)) first = node;
  return first;
}

function ranksBefore(address: Ip, a: string, b: string): boolean {
  const [x, y] = [weightOf(address, a), weightOf(address, b)];
  return x === y ? a < b : x > y;
}
