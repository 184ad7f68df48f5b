/** Address ranges: a prefix (`10.0.0.0/24`) or a span (`10.0.0.5-10.0.0.9`), both as first and last address. */
import { compareIp, familyOf, fromBigInt, ipToBigInt, parseIp, type Family, type Ip } from './ip.ts';

export interface Range {
  readonly family: Family;
  /** First and last address, inclusive, as numbers: pools of /64 are too large to list. */
  readonly first: bigint;
  readonly last: bigint;
}

export interface Cidr extends Range {
  /** The address as written, host bits kept. */
  readonly address: Ip;
  readonly prefixLength: number;
}

/** Parses `address/length`. Undefined if it is not one. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text.trim());
  const address = match ? parseIp(match[1] ?? '') : undefined;
  if (!match || address === undefined) return undefined;
  return cidr(address, Number(match[2]));
}

/** The prefix of `prefixLength` bits that `address` lies in. Undefined if the length does not fit the family. */
export function cidr(address: Ip, prefixLength: number): Cidr | undefined {
  const family = familyOf(address);
  const bits = family === 4 ? 32 : 128;
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > bits) return undefined;
  const size = 1n << BigInt(bits - prefixLength);
  const first = (ipToBigInt(address) / size) * size;
  return { family, address, prefixLength, first, last: first + size - 1n };
}

/** Parses `start-end`. Undefined if it is not one, the families differ, or it runs backwards. */
export function parseSpan(text: string): Range | undefined {
  const parts = text.split('-').map((part) => parseIp(part.trim()));
  const [start, end] = parts;
  if (parts.length !== 2 || start === undefined || end === undefined) return undefined;
  if (familyOf(start) !== familyOf(end)) return undefined;
  const range = { family: familyOf(start), first: ipToBigInt(start), last: ipToBigInt(end) };
  return range.first <= range.last ? range : undefined;
}

/**
 * One part of the value of a pool. As kube-vip has it: any slash makes the whole value a list of prefixes, else it is one
 * of spans. Undefined if it is not one.
 * @param whole the value that the part is of.
 */
export function rangeOf(part: string, whole: string = part): Range | undefined {
  return whole.includes('/') ? parseCidr(part) : parseSpan(part);
}

export function contains(range: Range, address: Ip): boolean {
  if (familyOf(address) !== range.family) return false;
  const n = ipToBigInt(address);
  return n >= range.first && n <= range.last;
}

export function firstOf(range: Range): Ip {
  return fromBigInt(range.first, range.family);
}

export function lastOf(range: Range): Ip {
  return fromBigInt(range.last, range.family);
}

/** The fewest ranges that hold just these addresses, in order. */
export function spansOf(addresses: readonly Ip[]): Range[] {
  const spans: Range[] = [];
  for (const address of [...new Set(addresses)].sort(compareIp)) {
    const [n, family, before] = [ipToBigInt(address), familyOf(address), spans.at(-1)];
    if (before?.family === family && before.last === n - 1n) spans[spans.length - 1] = { ...before, last: n };
    else spans.push({ family, first: n, last: n });
  }
  return spans;
}

/** `10.0.0.5-10.0.0.9`; of one address `10.0.0.5-10.0.0.5`. As {@link parseSpan} reads it. */
export function spanText(range: Range): string {
  return `${firstOf(range)}-${lastOf(range)}`;
}

/** `10.0.0.0/24`, without the bits of a host. */
export function prefixOf(cidr: Cidr): string {
  return `${firstOf(cidr)}/${cidr.prefixLength}`;
}

/** Those that lie in none of the others, the widest first; of equal ones one. */
export function apart(prefixes: readonly Cidr[]): Cidr[] {
  const kept: Cidr[] = [];
  for (const prefix of prefixes.toSorted((a, b) => a.prefixLength - b.prefixLength)) {
    const within = (wider: Cidr): boolean =>
      wider.family === prefix.family && wider.first <= prefix.first && prefix.last <= wider.last;
    if (!kept.some(within)) kept.push(prefix);
  }
  return kept;
}
