/** Protobuf messages, written. */

/** A field: its number and its value. Undefined, empty strings and false are left out. */
export type Field = readonly [number: number, value: string | boolean | Uint8Array | undefined];

export function encodeMessage(fields: Iterable<Field>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [number, value] of fields) {
    if (value === undefined || value === '' || value === false) continue;
    if (value === true) {
      parts.push(varint(number << 3), varint(1));
    } else {
      const bytes = typeof value === 'string' ? Buffer.from(value) : value;
      parts.push(varint((number << 3) | 2), varint(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Uint8Array.of(...bytes, rest);
}
