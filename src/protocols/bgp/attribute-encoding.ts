/** Path attributes as bytes (RFC 4271 §4.3, RFC 4760, RFC 8092, RFC 8950). */
import { ipToBytes, type Ip } from '../../model/ip.ts';
import { encodeAsPath, type AsPath } from './as-path.ts';
import { ORIGINS, type PathAttributes } from './attributes.ts';
import { concat } from '../../model/bytes.ts';
import { u16, u32 } from './bytes.ts';
import { afiOf } from './capabilities.ts';
import { ATTRIBUTE, FLAG, SAFI_UNICAST } from './codes.ts';
import type { Nlri } from './prefix.ts';

const WELL_KNOWN = FLAG.transitive;
const OPTIONAL = FLAG.optional;
const OPTIONAL_TRANSITIVE = FLAG.optional | FLAG.transitive;

/** In ascending order of their types. @param as4 whether both sides know long AS numbers. */
export function encodeAttributes(attributes: PathAttributes, nextHop: Ip | undefined, as4: boolean): Uint8Array {
  const { origin, asPath, med, localPref, communities, largeCommunities } = attributes;
  const parts: Uint8Array[] = [];
  if (origin !== undefined) parts.push(attribute(WELL_KNOWN, ATTRIBUTE.origin, [ORIGINS.indexOf(origin)]));
  if (asPath !== undefined) parts.push(attribute(WELL_KNOWN, ATTRIBUTE.asPath, encodeAsPath(asPath, as4 ? 4 : 2)));
  if (nextHop !== undefined) parts.push(attribute(WELL_KNOWN, ATTRIBUTE.nextHop, ipToBytes(nextHop)));
  if (med !== undefined) parts.push(attribute(OPTIONAL, ATTRIBUTE.med, u32(med)));
  if (localPref !== undefined) parts.push(attribute(WELL_KNOWN, ATTRIBUTE.localPref, u32(localPref)));
  if (communities !== undefined && communities.length > 0) {
    parts.push(attribute(OPTIONAL_TRANSITIVE, ATTRIBUTE.communities, concat(...communities.map(u32))));
  }
  if (!as4 && asPath !== undefined && hasLongNumbers(asPath)) {
    const path = asPath.filter(({ type }) => type === 'set' || type === 'sequence');
    parts.push(attribute(OPTIONAL_TRANSITIVE, ATTRIBUTE.as4Path, encodeAsPath(path, 4)));
  }
  if (largeCommunities !== undefined && largeCommunities.length > 0) {
    const value = concat(...largeCommunities.flat().map(u32));
    parts.push(attribute(OPTIONAL_TRANSITIVE, ATTRIBUTE.largeCommunities, value));
  }
  return concat(...parts);
}

export function encodeMpReach(nlri: Nlri, nextHops: readonly Ip[]): Uint8Array {
  const hops = concat(...nextHops.map(ipToBytes));
  const head = concat(u16(afiOf(nlri.family)), [SAFI_UNICAST, hops.length], hops, [0]);
  return attribute(OPTIONAL, ATTRIBUTE.mpReach, concat(head, nlri.bytes));
}

export function encodeMpUnreach(nlri: Nlri): Uint8Array {
  return attribute(OPTIONAL, ATTRIBUTE.mpUnreach, concat(u16(afiOf(nlri.family)), [SAFI_UNICAST], nlri.bytes));
}

function attribute(flags: number, type: number, value: Uint8Array | readonly number[]): Uint8Array {
  return value.length > 255
    ? concat([flags | FLAG.extended, type], u16(value.length), value)
    : concat([flags, type, value.length], value);
}

function hasLongNumbers(path: AsPath): boolean {
  return path.some(({ asns }) => asns.some((asn) => asn > 0xffff));
}
