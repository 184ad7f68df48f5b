/** Options of Neighbor Discovery: type, length in units of 8 bytes, value (RFC 4861 §4.6). */
import { DecodeError } from '../../model/errors.ts';

export const OPTION = { sourceLinkLayer: 1, targetLinkLayer: 2, nonce: 14 } as const;
const UNIT = 8;
const HEADER = 2;
const MOST_UNITS = 255;

/** @throws TypeError unless type, length and value fill whole units. */
export function encodeOption(type: number, value: Uint8Array): Uint8Array {
  const units = (HEADER + value.length) / UNIT;
  if (!Number.isInteger(units) || units > MOST_UNITS) throw new TypeError(`no option has ${value.length} bytes`);
  return Uint8Array.from([type, units, ...value]);
}

/** Values by type; of a repeated option the first. @throws DecodeError for an option that is empty or runs over the end. */
export function decodeOptions(data: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at < data.length;) {
    const [type = 0, units = 0] = data.subarray(at, at + HEADER);
    const end = at + units * UNIT;
    if (units === 0 || end > data.length) throw new DecodeError(`option ${type} of ${units} units does not fit`);
    if (!found.has(type)) found.set(type, data.subarray(at + HEADER, end));
    at = end;
  }
  return found;
}
