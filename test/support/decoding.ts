/** What is asked of every decoder: a value or a DecodeError, whatever comes. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { DecodeError } from '../../src/model/errors.ts';

/** The value; undefined for a DecodeError. Any other error fails the test. */
export function valueOrDecodeError<T, I = Uint8Array>(decode: (input: I) => T, input: I): T | undefined {
  try {
    return decode(input);
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError);
    return undefined;
  }
}

export const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

/** For {@link damaged}: places and values, and where to cut. */
export const damage = fc.tuple(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }), fc.nat());

/** Some bytes are others, and one in three is cut short. */
export function damaged(
  original: Uint8Array,
  [changes, cut]: readonly [readonly (readonly [number, number])[], number],
): Uint8Array {
  const copy = Uint8Array.from(original);
  for (const [at, value] of changes) copy[at % copy.length] = value;
  return copy.subarray(0, cut % 3 === 0 ? cut % (copy.length + 1) : copy.length);
}
