/**
 * IP addresses as canonical text. An `Ip` is always in the one form that RFC 5952 (v6) or dotted
 * decimal (v4) gives it, so it can be compared with `===` and used as a key.
 */
import { isIPv4, isIPv6 } from 'node:net';

export type Family = 4 | 6;
declare const ipBrand: unique symbol;
/** Canonical text of an IPv4 or IPv6 address. Make one with {@link parseIp}. */
export type Ip = string & { readonly [ipBrand]: true };

/** Canonical form of `text`, or undefined if it is not an address (leading zeros and zone ids are refused). */
export function parseIp(text: string): Ip | undefined {
  if (isIPv4(text)) return text as Ip;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return fromBigInt(v6ToBigInt(text), 6);
}

/** Like {@link parseIp} for text known to be an address. @throws TypeError otherwise. */
export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new TypeError(`not an IP address: ${JSON.stringify(text)}`);
  return parsed;
}

export function familyOf(address: Ip): Family {
  return address.includes(':') ? 6 : 4;
}

/** A host as URLs and `Host` have it: an IPv6 address in brackets (RFC 3986 §3.2.2). @param host address or name. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** `host:port`, with brackets where they belong. @param host address or name. */
export function hostPort(host: string, port: number | string): string {
  return `${bracketed(host)}:${port}`;
}

/** 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291): the same on every link. */
export function isLinkLocal(address: Ip): boolean {
  return familyOf(address) === 4 ? address.startsWith('169.254.') : /^fe[89ab]/.test(address);
}

/** 4 or 16 bytes in network order. */
export function ipToBytes(address: Ip): Uint8Array {
  const size = familyOf(address) === 4 ? 4 : 16;
  const bytes = new Uint8Array(size);
  let n = ipToBigInt(address);
  for (let i = size - 1; i >= 0; i--) {
    bytes[i] = Number(n & 0xffn);
    n >>= 8n;
  }
  return bytes;
}

/** @throws TypeError unless there are 4 or 16 bytes. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length !== 4 && bytes.length !== 16)
    throw new TypeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
  let n = 0n;
  for (const byte of bytes) n = (n << 8n) | BigInt(byte);
  return fromBigInt(n, bytes.length === 4 ? 4 : 6);
}

export function ipToBigInt(address: Ip): bigint {
  if (familyOf(address) === 6) return v6ToBigInt(address);
  return address.split('.').reduce((n, part) => (n << 8n) | BigInt(part), 0n);
}

/** @throws RangeError if `n` does not fit the family. */
export function fromBigInt(n: bigint, family: Family): Ip {
  if (n < 0n || n >= 1n << (family === 4 ? 32n : 128n)) throw new RangeError(`out of range for IPv${family}: ${n}`);
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (n >> shift) & 0xffn).join('.') as Ip;
  const groups = Array.from({ length: 8 }, (_, i) => Number((n >> BigInt(112 - 16 * i)) & 0xffffn));
  return compress(groups) as Ip;
}

/** Ascending; every IPv4 address before every IPv6 address. */
export function compareIp(a: Ip, b: Ip): number {
  if (familyOf(a) !== familyOf(b)) return familyOf(a) - familyOf(b);
  const [x, y] = [ipToBigInt(a), ipToBigInt(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function v6ToBigInt(text: string): bigint {
  const lastColon = text.lastIndexOf(':');
  if (text.includes('.')) {
    const [a, b, c, d] = text
      .slice(lastColon + 1)
      .split('.')
      .map(Number) as [number, number, number, number];
    text = `${text.slice(0, lastColon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(gap).fill('0'), ...right];
  return groups.reduce((n, group) => (n << 16n) | BigInt(`0x${group}`), 0n);
}

/** RFC 5952 §4: lower case, longest run of two or more zero groups shortened, the first on a tie. */
function compress(groups: number[]): string {
  let best = { start: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > best.length) best = { start: i, length };
    i += length;
  }
  const hex = groups.map((g) => g.toString(16));
  if (best.start < 0) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}
