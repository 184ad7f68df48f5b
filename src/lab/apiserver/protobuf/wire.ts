/** The protobuf wire format: fields of a message, in the order they come. */
import { DecodeError } from '../../../model/errors.ts';

export type WireField =
  | { readonly number: number; readonly kind: 'varint'; readonly value: bigint }
  | { readonly number: number; readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly number: number; readonly kind: 'fixed'; readonly value: Uint8Array };

/** @throws DecodeError for bytes that are no message. */
export function* readFields(message: Uint8Array): Iterable<WireField> {
  let offset = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[offset++];
      if (byte === undefined) throw new DecodeError('protobuf: a number is cut off');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new DecodeError('protobuf: a number has too many bytes');
  };
  const take = (length: number): Uint8Array => {
    if (length > message.length - offset) throw new DecodeError('protobuf: a field is cut off');
    offset += length;
    return message.subarray(offset - length, offset);
  };
  while (offset < message.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    if (number === 0) throw new DecodeError('protobuf: there is no field 0');
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, kind: 'varint', value: varint() };
        break;
      case 1:
        yield { number, kind: 'fixed', value: take(8) };
        break;
      case 2:
        yield { number, kind: 'bytes', value: take(Number(varint())) };
        break;
      case 5:
        yield { number, kind: 'fixed', value: take(4) };
        break;
      default:
        throw new DecodeError('protobuf: groups are not used');
    }
  }
}

export function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new DecodeError('protobuf: a string is not UTF-8');
  }
}
