/**
 * Rendezvous hashing (highest random weight): every agent computes the same order of nodes for an address, addresses
 * spread evenly, and a node that comes or goes moves only the addresses that it wins or held.
 */
import type { Ip } from '../../model/ip.ts';

/** `nodes` by falling weight for `address`; the first is the preferred owner. */
export function rankNodes(address: Ip, nodes: readonly string[]): string[] {
  const weighted = nodes.map((node) => ({ node, weight: hash(`${node} ${address}`) }));
  // Equal weights are decided by name, so that all agents decide alike.
  weighted.sort((a, b) => b.weight - a.weight || (a.node < b.node ? -1 : 1));
  return weighted.map(({ node }) => node);
}

/** 32-bit FNV-1a with the finalizer of MurmurHash3: FNV alone hardly mixes the last byte into the high bits. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
