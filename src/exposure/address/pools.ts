/**
 * Pools as kube-vip's cloud provider reads them from its ConfigMap (`kubevip` in kube-system). A bad line
 * spoils its own key only: the others go on, and the problem is told.
 */
import { parseCidr, parseSpan, type Range } from '../../model/cidr.ts';
import type { Family } from '../../model/ip.ts';

export interface Pool {
  /** ConfigMap key: `cidr-global`, `range-finance` … */
  readonly key: string;
  /** The value `0.0.0.0/32`: addresses come by DHCP. */
  readonly dhcp: boolean;
  readonly ranges: readonly Range[];
}

export interface PoolProblem {
  readonly key: string;
  readonly message: string;
}

export interface PoolConfig {
  readonly pools: ReadonlyMap<string, Pool>;
  readonly problems: readonly PoolProblem[];
  /** `search-order: desc` */
  readonly descending: boolean;
  /** `skip-end-ips-in-cidr`, applied to the ranges already. */
  readonly skipEnds: boolean;
  /** `allow-share-<namespace>` and `allow-share-global`. */
  allowsSharing(namespace: string): boolean;
  /** `interface-<namespace>`, else `interface-global`. */
  interfaceFor(namespace: string): string | undefined;
  /** `router-<namespace>`, else `router-global`: may Services there open router ports? Ours; true by default. */
  allowsRouter(namespace: string): boolean;
}

type Data = Readonly<Record<string, string>>;

const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  t: true,
  false: false,
  '0': false,
  f: false,
};

export function parsePools(data: Data): PoolConfig {
  const pools = new Map<string, Pool>();
  const problems: PoolProblem[] = [];
  const flag = (key: string): boolean | undefined => {
    const text = data[key]?.trim().toLowerCase();
    if (text === undefined || text === '') return undefined;
    const value = BOOLEANS[text];
    if (value === undefined) problems.push({ key, message: `${JSON.stringify(data[key])} is neither true nor false` });
    return value;
  };
  const skipEnds = flag('skip-end-ips-in-cidr') ?? false;
  const order = data['search-order']?.trim().toLowerCase();
  if (order !== undefined && order !== '' && order !== 'desc' && order !== 'asc') {
    problems.push({ key: 'search-order', message: `${JSON.stringify(order)} is neither asc nor desc` });
  }
  const flags = new Map<string, boolean>();
  for (const [key, value] of Object.entries(data)) {
    if (/^(cidr|range)-/.test(key)) {
      const pool = parsePool(key, value, skipEnds);
      if ('message' in pool) problems.push(pool);
      else pools.set(key, pool);
    } else if (/^(allow-share|router)-/.test(key)) {
      const on = flag(key);
      if (on !== undefined) flags.set(key, on);
    } else if (!/^(interface-.+|skip-end-ips-in-cidr|search-order)$/.test(key)) {
      problems.push({ key, message: 'is not a key kubevip knows' });
    }
  }
  const setting = (name: string, namespace: string): boolean | undefined =>
    flags.get(`${name}-${namespace}`) ?? flags.get(`${name}-global`);
  return {
    pools,
    problems,
    descending: order === 'desc',
    skipEnds,
    allowsSharing: (namespace) => setting('allow-share', namespace) ?? false,
    allowsRouter: (namespace) => setting('router', namespace) ?? true,
    interfaceFor: (namespace) => nonEmpty(data[`interface-${namespace}`]) ?? nonEmpty(data['interface-global']),
  };
}

/**
 * The pool for a namespace, in kube-vip's order: its own cidr, the global cidr, its own range, the global range.
 * With `named` only `cidr-<named>` and `range-<named>`.
 */
export function poolFor(config: PoolConfig, namespace: string, named?: string): Pool | undefined {
  const keys =
    named === undefined
      ? [`cidr-${namespace}`, 'cidr-global', `range-${namespace}`, 'range-global']
      : [`cidr-${named}`, `range-${named}`];
  for (const key of keys) {
    const pool = config.pools.get(key);
    if (pool) return pool;
  }
  return undefined;
}

function parsePool(key: string, value: string, skipEnds: boolean): Pool | PoolProblem {
  const text = value.trim();
  if (text === '0.0.0.0/32') return { key, dhcp: true, ranges: [] };
  const parts = text.split(',').map((part) => part.trim());
  // As in the original: any slash makes the whole value a list of prefixes.
  const asCidr = text.includes('/');
  const ranges: Range[] = [];
  for (const part of parts) {
    const range = asCidr ? cidrRange(part, skipEnds) : parseSpan(part);
    if (range === undefined) {
      const form = asCidr ? 'a prefix like 192.168.1.0/28' : 'a range like 192.168.1.10-192.168.1.20';
      return { key, message: `${JSON.stringify(part)} is not ${form}` };
    }
    ranges.push(range);
  }
  return { key, dhcp: false, ranges };
}

function cidrRange(text: string, skipEnds: boolean): Range | undefined {
  const cidr = parseCidr(text);
  if (cidr === undefined) return undefined;
  if (!skipEnds || cidr.family === 6 || cidr.prefixLength >= 31) return cidr;
  return { family: 4, first: cidr.first + 1n, last: cidr.last - 1n };
}

/** Whether the pool has addresses of that family at all. */
export function offers(pool: Pool, family: Family): boolean {
  return pool.ranges.some((range) => range.family === family);
}

/** How many addresses lie in its ranges, each counted once. */
export function poolSize(pool: Pool): bigint {
  return ([4, 6] as const)
    .flatMap((family) => mergedRanges(pool, family))
    .reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
}

/** Ranges of one family, merged where they overlap, ascending. */
export function mergedRanges(pool: Pool, family: Family): Range[] {
  const sorted = pool.ranges
    .filter((range) => range.family === family)
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: Range[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last && range.first <= last.last + 1n) {
      merged[merged.length - 1] = { family, first: last.first, last: range.last > last.last ? range.last : last.last };
    } else merged.push(range);
  }
  return merged;
}

function nonEmpty(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === '' ? undefined : trimmed;
}
