/**
 * Rendezvous hashing (highest random weight): every agent computes the same order of nodes for an address, addresses
 * spread evenly, and a node that comes or goes moves only the addresses that it wins or held.
 */
import type { Ip } from '../../model/ip.ts';

/** `nodes` by falling weight for `address`; the first is the preferred owner. */
export function rankNodes(address: Ip, nodes: readonly string[]): string[] {
  const weighted = nodes.map((node) => ({ node, weight: weightOf(address, node) }));
  // Equal weights are decided by name, so that all agents decide alike.
  weighted.sort((a, b) => b.weight - a.weight || (a.node < b.node ? -1 : 1));
  return weighted.map(({ node }) => node);
}

/** 32 bits: who has more is preferred. */
export function weightOf(address: Ip, node: string): number {
  return finish(feed(seedOf(node), address));
}

/** The part of all weights of a node that is the same for every address: a thousand addresses are weighed in one go. */
const seeds = new Map<string, number>();
const MAX_SEEDS = 1024;

function seedOf(node: string): number {
  const known = seeds.get(node);
  if (known !== undefined) return known;
  if (seeds.size >= MAX_SEEDS) seeds.clear();
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`${node} `)) h = Math.imul(h ^ byte, 0x01000193);
  seeds.set(node, h);
  return h;
}

/** 32-bit FNV-1a; an address is ASCII. */
function feed(h: number, address: Ip): number {
  for (let i = 0; i < address.length; i++) h = Math.imul(h ^ address.charCodeAt(i), 0x01000193);
  return h;
}

/** The finalizer of MurmurHash3: FNV alone hardly mixes the last byte into the high bits. */
function finish(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
