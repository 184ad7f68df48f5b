/** The addresses of a pool in the order in which they are given out. */
import { contains, type Range } from '../../model/cidr.ts';
import { fromBigInt, ipToBytes, type Family, type Ip } from '../../model/ip.ts';
import { mergedRanges, type Pool } from './pools.ts';

/** Looking at more than this many in one go would stall the agent: a /64 never ends. */
const MAX_LOOKED_AT = 65_536;

/**
 * Lazily, ascending or descending. IPv4 addresses ending in .0 or .255 are left out, as kube-vip leaves them out, and
 * the IPv6 address of a /64 itself, which every router there answers for (RFC 4291 §2.6.1).
 */
export function* candidates(pool: Pool, family: Family, descending: boolean): Generator<Ip> {
  const order = `${family} ${descending}`;
  const orders = memory.get(pool) ?? new Map<string, Remembered>();
  memory.set(pool, orders);
  const remembered = orders.get(order) ?? { ips: [], rest: enumerate(pool, family, descending) };
  orders.set(order, remembered);
  for (let i = 0; ; i++) {
    if (i === remembered.ips.length) {
      const next = remembered.rest.next();
      if (next.done === true) return;
      remembered.ips.push(next.value);
    }
    const ip = remembered.ips[i];
    if (ip !== undefined) yield ip;
  }
}

/** Looked through for every Service, but worked out once: writing an address down costs more than looking it up. */
interface Remembered {
  readonly ips: Ip[];
  readonly rest: Generator<Ip, void>;
}
const memory = new WeakMap<Pool, Map<string, Remembered>>();

function* enumerate(pool: Pool, family: Family, descending: boolean): Generator<Ip, void> {
  const ranges = mergedRanges(pool, family);
  if (descending) ranges.reverse();
  let looked = 0;
  for (const { first, last } of ranges) {
    for (let i = 0n; i <= last - first; i++) {
      if (++looked > MAX_LOOKED_AT) return;
      const ip = fromBigInt(descending ? last - i : first + i, family);
      if (!isReserved(ip, family)) yield ip;
    }
  }
}

function isReserved(ip: Ip, family: Family): boolean {
  const bytes = ipToBytes(ip);
  if (family === 4) return bytes[3] === 0 || bytes[3] === 255;
  return bytes.subarray(8).every((byte) => byte === 0);
}

export function poolContains(pool: Pool, ip: Ip): boolean {
  return pool.ranges.some((range: Range) => contains(range, ip));
}
