/** The options of a DHCPv4 message: code, length, value (RFC 2132 §2), long ones in pieces (RFC 3396). */
import { concat } from '../../model/bytes.ts';
import { DecodeError } from '../../model/errors.ts';
import { ipFromBytes, ipToBytes, type Ip } from '../../model/ip.ts';
import { OPTION } from './codes.ts';

/** Value by code, in the order of first appearance. Codes nobody here knows are kept as they came. */
export type Options = ReadonlyMap<number, Uint8Array>;

const LONGEST = 255;

/** Options as bytes, ending in END. Values beyond 255 bytes are split as RFC 3396 §5 says. */
export function encodeOptions(options: Options): Uint8Array {
  const bytes: number[] = [];
  for (const [code, value] of options) {
    if (!Number.isInteger(code) || code <= OPTION.pad || code >= OPTION.end)
      throw new RangeError(`not the code of an option: ${code}`);
    // An option without a value (RFC 4039's rapid commit) is still one piece.
    for (let start = 0; start === 0 || start < value.length; start += LONGEST) {
      const piece = value.subarray(start, start + LONGEST);
      bytes.push(code, piece.length, ...piece);
    }
  }
  bytes.push(OPTION.end);
  return Uint8Array.from(bytes);
}

/**
 * Reads the fields that carry options, in the order RFC 3396 §5 gives (options, file, sname), and joins the pieces
 * of one code. A field that stops without END is accepted: servers that fill it to the last byte exist.
 * @throws DecodeError if an option reaches beyond its field.
 */
export function decodeOptions(fields: readonly Uint8Array[]): Map<number, Uint8Array> {
  const pieces = new Map<number, Uint8Array[]>();
  for (const field of fields) {
    for (const [code, value] of walk(field)) {
      const known = pieces.get(code);
      if (known === undefined) pieces.set(code, [value]);
      else known.push(value);
    }
  }
  return new Map([...pieces].map(([code, values]) => [code, concat(...values)]));
}

function* walk(field: Uint8Array): Generator<readonly [number, Uint8Array]> {
  let at = 0;
  while (at < field.length) {
    const code = field[at++] ?? OPTION.end;
    if (code === OPTION.end) return;
    if (code === OPTION.pad) continue;
    const length = field[at++];
    if (length === undefined || at + length > field.length)
      throw new DecodeError(`DHCP option ${code} reaches beyond the end of its field`);
    yield [code, field.subarray(at, at + length)];
    at += length;
  }
}

/* Typed readings. All give undefined for an absent option and for one of the wrong length: a server's slip in an
   option nobody needs must not cost the lease. */

export function byteOption(options: Options, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 1 ? value[0] : undefined;
}

/** Seconds of options 51, 58 and 59. */
export function secondsOption(options: Options, code: number): number | undefined {
  const value = options.get(code);
  if (value?.length !== 4) return undefined;
  return value.reduce((total, byte) => total * 256 + byte, 0);
}

export function addressOption(options: Options, code: number): Ip | undefined {
  const value = options.get(code);
  return value?.length === 4 ? ipFromBytes(value) : undefined;
}

export function addressesOption(options: Options, code: number): Ip[] | undefined {
  const value = options.get(code);
  if (value === undefined || value.length === 0 || value.length % 4 !== 0) return undefined;
  return Array.from({ length: value.length / 4 }, (_, i) => ipFromBytes(value.subarray(4 * i, 4 * i + 4)));
}

/** Printable ASCII only: what a server sends is shown to people and written to objects. */
export function textOption(options: Options, code: number): string | undefined {
  const value = options.get(code);
  if (value === undefined) return undefined;
  const text = Array.from(value, (byte) => (byte === 0 ? '' : printable(byte))).join('');
  return text === '' ? undefined : text;
}

function printable(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?';
}

/** Prefix length of option 1; undefined for a mask with holes. */
export function prefixLengthOption(options: Options): number | undefined {
  const value = options.get(OPTION.subnetMask);
  if (value?.length !== 4) return undefined;
  const bits = Array.from(value, (byte) => byte.toString(2).padStart(8, '0')).join('');
  const match = /^(1*)0*$/.exec(bits);
  return match?.[1]?.length;
}

/* Values for sending. */

export function byteValue(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function shortValue(value: number): Uint8Array {
  return Uint8Array.of((value >> 8) & 0xff, value & 0xff);
}

export function secondsValue(value: number): Uint8Array {
  return Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

export function addressesValue(...addresses: readonly Ip[]): Uint8Array {
  return concat(...addresses.map(ipToBytes));
}

/** Characters outside ASCII have no agreed meaning in options 12 and 15 and are sent as dashes. */
export function textValue(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => (/^[\x21-\x7e]$/.test(char) ? char.charCodeAt(0) : 0x2d));
}
