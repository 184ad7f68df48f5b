import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { decodeProtobuf } from '../../../src/lab/apiserver/protobuf/decode.ts';
import { encodeMessage } from '../../../src/lab/apiserver/protobuf/encode.ts';
import { readFields } from '../../../src/lab/apiserver/protobuf/wire.ts';
import { createRegistry } from '../../../src/lab/apiserver/registry/all.ts';

const schemas = createRegistry().resources.map(({ schema }) => schema);

describe('protobuf', () => {
  it('reads what it wrote', () => {
    const field = fc.tuple(fc.integer({ min: 1, max: 2 ** 20 }), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(fc.array(field, { maxLength: 20 }), (fields) => {
        const read = [...readFields(encodeMessage(fields))].map(({ number, kind, value }) => [number, kind, value]);
        expect(read).toEqual(fields.map(([number, bytes]) => [number, 'bytes', Buffer.from(bytes)]));
      }),
    );
  });

  it('of anybody is an object or a DecodeError', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.uint8Array({ maxLength: 40 })), { maxLength: 10 })
        .map((fields) => encodeMessage([[2, encodeMessage(fields)]])),
    );
    fc.assert(
      fc.property(fc.constantFrom(...schemas), hostile, (schema, bytes) => {
        try {
          expect(decodeProtobuf(schema, Buffer.concat([Buffer.from('k8s\0'), bytes]))).toBeTypeOf('object');
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
