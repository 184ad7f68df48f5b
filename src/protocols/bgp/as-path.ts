/** AS_PATH and AS4_PATH (RFC 4271 §4.3 b, RFC 6793). */
import { as2Of } from './as-number.ts';
import { concat } from '../../model/bytes.ts';
import { Reader, u16, u32 } from './bytes.ts';

const TYPES = ['set', 'sequence', 'confed-sequence', 'confed-set'] as const;

export interface AsSegment {
  readonly type: (typeof TYPES)[number];
  readonly asns: readonly number[];
}
export type AsPath = readonly AsSegment[];

const LONGEST_SEGMENT = 255;

/** A path of this AS, `times` times, which is how its owner makes it less attractive. */
export function ownPath(asn: number, times = 1): AsPath {
  return times === 0 ? [] : [{ type: 'sequence', asns: Array.from({ length: times }, () => asn) }];
}

/** @param width octets of a number. With 2, long ones are AS_TRANS. */
export function encodeAsPath(path: AsPath, width: 2 | 4): Uint8Array {
  const parts = path.flatMap(({ type, asns }) => {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < asns.length; at += LONGEST_SEGMENT) {
      const piece = asns.slice(at, at + LONGEST_SEGMENT);
      const numbers = piece.map((asn) => (width === 4 ? u32(asn) : u16(as2Of(asn))));
      pieces.push(concat([TYPES.indexOf(type) + 1, piece.length], ...numbers));
    }
    return pieces;
  });
  return concat(...parts);
}

/** Undefined for what RFC 7606 §7.2 calls malformed: unknown or empty segments, and those that do not fit. */
export function decodeAsPath(bytes: Uint8Array, width: 2 | 4): AsPath | undefined {
  const reader = new Reader(bytes, () => new RangeError('checked before'));
  const path: AsSegment[] = [];
  while (reader.left > 0) {
    if (reader.left < 2) return undefined;
    const type = TYPES[reader.u8() - 1];
    const length = reader.u8();
    if (type === undefined || length === 0 || length * width > reader.left) return undefined;
    path.push({ type, asns: Array.from({ length }, () => (width === 4 ? reader.u32() : reader.u16())) });
  }
  return path;
}

/** A number of hops: a set counts as one, confederations as none (RFC 4271 §9.1.2.2, RFC 5065). */
function hops(path: AsPath): number {
  return path.reduce((sum, { type, asns }) => sum + (type === 'set' ? 1 : type === 'sequence' ? asns.length : 0), 0);
}

/** The true path behind an AS_PATH of two octets and the AS4_PATH that came with it (RFC 6793 §4.2.3). */
export function mergePaths(path: AsPath, four: AsPath | undefined): AsPath {
  if (four === undefined || hops(path) < hops(four)) return path;
  let lead = hops(path) - hops(four);
  const head: AsSegment[] = [];
  for (const segment of path) {
    const confederation = segment.type === 'confed-sequence' || segment.type === 'confed-set';
    if (lead === 0 && !confederation) break;
    if (segment.type === 'sequence' && segment.asns.length > lead) {
      head.push({ type: 'sequence', asns: segment.asns.slice(0, lead) });
      lead = 0;
      break;
    }
    head.push(segment);
    lead -= hops([segment]);
  }
  return [...head, ...four];
}

export function contains(path: AsPath, asn: number): boolean {
  return path.some(({ asns }) => asns.includes(asn));
}
