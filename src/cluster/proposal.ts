/**
 * Which addresses to propose to somebody who has none in mind: one for the API and a block beside it for Services, as
 * far away as can be from what the DHCP server was seen to hand out. Pure: facts in, proposal out.
 */
import { contains, type Cidr, type Range } from '../model/cidr.ts';
import { fromBigInt, ipToBigInt, ipToBytes, type Ip } from '../model/ip.ts';

export interface LanFacts {
  /** Subnet of the interface. */
  readonly subnet: Cidr;
  /** Addresses of this machine. */
  readonly own: readonly Ip[];
  readonly gateway?: Ip | undefined;
  /** Addresses that somebody answered for. */
  readonly used: readonly Ip[];
  /** What DHCP servers offered: their range is around it. */
  readonly handedOut: readonly Ip[];
}

export interface Proposal {
  readonly vip: Ip;
  /** Never with the VIP in it. Undefined: there is no other free address. */
  readonly pool?: Range;
}

/** Addresses for Services: what small clusters need, and not more than an eighth of a small subnet. */
const POOL_SIZE = 16;
/** So many addresses around this machine's own are looked at in a large subnet: that is where things are. */
const WINDOW = 1024n;
/** In an IPv6 subnet low numbers are easily remembered, and the lowest ones taken by routers. */
const FIRST_V6 = 0x40n;

/** The addresses that come into question, ascending; those that are to be asked for on the LAN. */
export function hostsOf({ subnet, own }: Pick<LanFacts, 'subnet' | 'own'>): Range | undefined {
  const v6 = subnet.family === 6;
  // Of IPv4 the first and the last mean something else, but for RFC 3021's pairs; of IPv6 the first.
  const ends = v6 || subnet.prefixLength < 31 ? 1n : 0n;
  let first = subnet.first + (v6 && subnet.last - subnet.first > FIRST_V6 ? FIRST_V6 : ends);
  let last = subnet.last - (v6 ? 0n : ends);
  if (last - first >= WINDOW) {
    const mine = own.find((ip) => contains(subnet, ip));
    const around = v6 || mine === undefined ? first : (ipToBigInt(mine) / 256n) * 256n;
    first = around > first ? around : first;
    last = first + WINDOW - 1n < last ? first + WINDOW - 1n : last;
  }
  return first > last ? undefined : { family: subnet.family, first, last };
}

/** Undefined: no address is free. The same facts give the same proposal. */
export function propose(facts: LanFacts): Proposal | undefined {
  const hosts = hostsOf(facts);
  if (hosts === undefined) return undefined;
  const runs = freeRuns(hosts, facts);
  const size = poolSize(hosts);
  for (let length = size + 1; length >= 2; length--) {
    const start = farthest(runs, BigInt(length), facts);
    if (start === undefined) continue;
    const pool = { family: hosts.family, first: start + 1n, last: start + BigInt(length) - 1n };
    return { vip: fromBigInt(start, hosts.family), pool };
  }
  const alone = farthest(runs, 1n, facts);
  if (alone === undefined) return undefined;
  // No two are beside each other: the pool is another single one.
  const vip = fromBigInt(alone, hosts.family);
  const second = farthest(freeRuns(hosts, { ...facts, used: [...facts.used, vip] }), 1n, facts);
  return { vip, ...(second === undefined ? {} : { pool: { family: hosts.family, first: second, last: second } }) };
}

function poolSize(hosts: Range): number {
  const eighth = Number((hosts.last - hosts.first + 1n) / 8n);
  return Math.max(1, Math.min(POOL_SIZE, eighth));
}

interface Run {
  readonly first: bigint;
  readonly last: bigint;
}

/** Stretches of addresses against which nothing is known. */
function freeRuns(hosts: Range, { own, gateway, used, handedOut }: LanFacts): Run[] {
  const taken = new Set([...own, ...used, ...handedOut, ...(gateway === undefined ? [] : [gateway])]);
  const runs: Run[] = [];
  let start: bigint | undefined;
  for (let n = hosts.first; n <= hosts.last; n++) {
    const ip = fromBigInt(n, hosts.family);
    const free = !taken.has(ip) && !isOdd(ip);
    if (free) start ??= n;
    else if (start !== undefined) {
      runs.push({ first: start, last: n - 1n });
      start = undefined;
    }
  }
  if (start !== undefined) runs.push({ first: start, last: hosts.last });
  return runs;
}

/** Legal in the middle of a large subnet, and yet refused by some devices and by kube-vip. */
function isOdd(ip: Ip): boolean {
  const bytes = ipToBytes(ip);
  return bytes.length === 4 && (bytes[3] === 0 || bytes[3] === 255);
}

/**
 * Start of the stretch of that length that is farthest from everything handed out; of several the highest, since most
 * routers begin to hand out at the low end.
 */
function farthest(runs: readonly Run[], length: bigint, { handedOut }: LanFacts): bigint | undefined {
  const known = handedOut.map(ipToBigInt);
  let best: { readonly start: bigint; readonly distance: bigint } | undefined;
  for (const { first, last } of runs) {
    for (let start = first; start + length - 1n <= last; start++) {
      const end = start + length - 1n;
      const distances = known.map((n) => (n < start ? start - n : n > end ? n - end : 0n));
      const distance = distances.reduce((least, d) => (d < least ? d : least), 1n << 128n);
      if (best === undefined || distance >= best.distance) best = { start, distance };
    }
  }
  return best?.start;
}
