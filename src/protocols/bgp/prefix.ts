/** Prefixes as BGP carries them: a length in bits and as many octets as that takes (RFC 4271 §4.3). */
import { cidr, firstOf, parseCidr } from '../../model/cidr.ts';
import { familyOf, ipFromBytes, ipToBytes, type Family, type Ip } from '../../model/ip.ts';
import { concat } from '../../model/bytes.ts';

declare const prefixBrand: unique symbol;
/** Canonical text, `10.99.0.1/32`, without host bits: compares with `===` and serves as a key. */
export type Prefix = string & { readonly [prefixBrand]: true };

/** The prefix an address lies in; its own (/32, /128) when no length is given. @throws RangeError for a length that does not fit. */
export function prefixOf(address: Ip, length = familyOf(address) === 4 ? 32 : 128): Prefix {
  const range = cidr(address, length);
  if (range === undefined) throw new RangeError(`no prefix of ${address} has ${length} bits`);
  return `${firstOf(range)}/${length}` as Prefix;
}

/** Undefined if `text` is no prefix. Host bits are cleared. */
export function parsePrefix(text: string): Prefix | undefined {
  const range = parseCidr(text);
  return range === undefined ? undefined : prefixOf(range.address, range.prefixLength);
}

export function familyOfPrefix(prefix: Prefix): Family {
  return prefix.includes(':') ? 6 : 4;
}

export function encodePrefix(prefix: Prefix): Uint8Array {
  const slash = prefix.indexOf('/');
  const length = Number(prefix.slice(slash + 1));
  const bytes = ipToBytes(prefix.slice(0, slash) as Ip);
  return concat([length], bytes.subarray(0, Math.ceil(length / 8)));
}

/** Prefixes of one family as they came: checked and counted, and made into text only for those who ask. */
export interface Nlri {
  readonly family: Family;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** @returns why the field is none, if it is none. Trailing bits beyond the length mean nothing (RFC 4271 §4.3). */
export function readNlri(bytes: Uint8Array, family: Family): Nlri | string {
  const longest = family === 4 ? 32 : 128;
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    const length = bytes[at] ?? 0;
    if (length > longest) return `a prefix of IPv${family} with ${length} bits`;
    at += 1 + Math.ceil(length / 8);
    if (at > bytes.length) return `a prefix of ${length} bits is cut off`;
  }
  return { family, count, bytes };
}

export function prefixesIn({ family, bytes }: Nlri): Prefix[] {
  const found: Prefix[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes[at] ?? 0;
    const octets = Math.ceil(length / 8);
    const address = new Uint8Array(family === 4 ? 4 : 16);
    address.set(bytes.subarray(at + 1, at + 1 + octets));
    found.push(prefixOf(ipFromBytes(address), length));
    at += 1 + octets;
  }
  return found;
}

export function nlriOf(family: Family, prefixes: readonly Prefix[]): Nlri {
  return { family, count: prefixes.length, bytes: concat(...prefixes.map(encodePrefix)) };
}
