/** The options of a DHCPv6 message: code, length, value (RFC 8415 §21.1). The same one may stand there several times. */
import { concat } from '../../model/bytes.ts';
import { DecodeError } from '../../model/errors.ts';
import { OPTION, STATUS } from './codes.ts';

export interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

const HEADER = 4;
/** RFC 8415 §21.13 sets no limit; nobody reads more. */
const LONGEST_TEXT = 200;

/** @throws RangeError if a code or a length does not fit its 16 bits. */
export function encodeOptions(options: readonly Option[]): Uint8Array {
  return concat(
    ...options.map(({ code, value }) => {
      if (!Number.isInteger(code) || code < 0 || code > 0xffff)
        throw new RangeError(`not the code of an option: ${code}`);
      if (value.length > 0xffff) throw new RangeError(`option ${code} of ${value.length} bytes is too long`);
      return concat(shortValue(code), shortValue(value.length), value);
    }),
  );
}

/** @throws DecodeError if an option reaches beyond the end. */
export function decodeOptions(field: Uint8Array): Option[] {
  const view = new DataView(field.buffer, field.byteOffset, field.byteLength);
  const options: Option[] = [];
  for (let at = 0; at < field.length;) {
    if (at + HEADER > field.length) throw new DecodeError('DHCPv6 option is cut short');
    const code = view.getUint16(at);
    const end = at + HEADER + view.getUint16(at + 2);
    if (end > field.length) throw new DecodeError(`DHCPv6 option ${code} reaches beyond the end of its field`);
    options.push({ code, value: field.slice(at + HEADER, end) });
    at = end;
  }
  return options;
}

/** The value of the first option of that code. */
export function optionOf(options: readonly Option[], code: number): Uint8Array | undefined {
  return options.find((option) => option.code === code)?.value;
}

export interface Status {
  readonly code: number;
  /** Printable ASCII only: what a server sends is shown to people and written to objects. */
  readonly text: string | undefined;
}

/** §21.13; absent means success. One that is cut short is no success. */
export function statusOf(options: readonly Option[]): Status {
  const value = optionOf(options, OPTION.statusCode);
  if (value === undefined) return { code: STATUS.success, text: undefined };
  if (value.length < 2) return { code: STATUS.unspecFail, text: undefined };
  const text = Array.from(value.subarray(2, 2 + LONGEST_TEXT), printable)
    .join('')
    .trim();
  return { code: number(value.subarray(0, 2)), text: text === '' ? undefined : text };
}

function printable(byte: number): string {
  if (byte === 0) return '';
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?';
}

/** Unsigned, in network byte order; at most six bytes. */
export function number(bytes: Uint8Array): number {
  return bytes.reduce((total, byte) => total * 256 + byte, 0);
}

export function shortValue(value: number): Uint8Array {
  return Uint8Array.of((value >> 8) & 0xff, value & 0xff);
}

/** Four bytes: an IAID or seconds. */
export function longValue(value: number): Uint8Array {
  return Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/**
 * Option 39 (RFC 4704 §4): a name without a domain, which the server is asked to enter into its DNS (S). Characters
 * outside of host names become dashes; undefined for an empty name.
 */
export function fqdnValue(hostname: string): Uint8Array | undefined {
  const label = Uint8Array.from(hostname.slice(0, 63), (char) =>
    /^[\x21-\x7e]$/.test(char) ? char.charCodeAt(0) : 0x2d,
  );
  return label.length === 0 ? undefined : concat([0x01, label.length], label);
}
