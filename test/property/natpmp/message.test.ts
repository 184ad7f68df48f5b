import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipFromBytes } from '../../../src/model/ip.ts';
import {
  decodeNatPmpRequest,
  decodeNatPmpResponse,
  encodeNatPmpRequest,
  encodeNatPmpResponse,
  type NatPmpRequest,
  type NatPmpResponse,
} from '../../../src/protocols/natpmp/message.ts';
import { valueOrDecodeError } from '../../support/decoding.ts';

const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const protocol = fc.constantFrom('TCP' as const, 'UDP' as const);
const request: fc.Arbitrary<NatPmpRequest> = fc.oneof(
  fc.constant({ kind: 'address' as const }),
  fc.record({
    kind: fc.constant('map' as const),
    protocol,
    internalPort: uint(16),
    externalPort: uint(16),
    lifetime: uint(32),
  }),
);
const mapping = fc.record({ internalPort: uint(16), externalPort: uint(16), lifetime: uint(32) });
const error = fc.integer({ min: 1, max: 65535 });
const epoch = uint(32);
const response: fc.Arbitrary<NatPmpResponse> = fc.oneof(
  fc.record({
    kind: fc.constant('address' as const),
    result: fc.constant(0),
    epoch,
    externalIp: fc.uint8Array({ minLength: 4, maxLength: 4 }).map(ipFromBytes),
  }),
  fc.record({ kind: fc.constant('address' as const), result: error, epoch }),
  fc.record({ kind: fc.constant('map' as const), result: uint(16), epoch, protocol, mapping }),
  fc.record({ kind: fc.constant('map' as const), result: error, epoch, protocol }),
  fc.record({
    kind: fc.constant('unsupported' as const),
    result: error,
    epoch,
    opcode: fc.integer({ min: 3, max: 127 }),
    version: uint(8),
  }),
);

describe('NAT-PMP codec', () => {
  it('reads back every request it writes', () => {
    fc.assert(
      fc.property(request, (value) => {
        expect(decodeNatPmpRequest(encodeNatPmpRequest(value))).toEqual(value);
      }),
    );
  });

  it('reads back every answer it writes', () => {
    fc.assert(
      fc.property(response, (value) => {
        expect(decodeNatPmpResponse(encodeNatPmpResponse(value))).toEqual(value);
      }),
    );
  });

  it('answers any bytes with a value or a DecodeError', () => {
    const likely = fc
      .tuple(fc.constantFrom(0, 1, 2, 128, 129, 130, 131), fc.uint8Array({ maxLength: 20 }))
      .map(([opcode, rest]) => Uint8Array.of(0, opcode, ...rest));
    fc.assert(
      fc.property(fc.oneof(likely, fc.uint8Array({ maxLength: 40 })), (bytes) => {
        for (const decode of [decodeNatPmpRequest, decodeNatPmpResponse]) {
          valueOrDecodeError<unknown>(decode, bytes);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
