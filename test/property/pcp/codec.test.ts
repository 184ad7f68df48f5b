import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipFromBytes } from '../../../src/model/ip.ts';
import { from16, to16 } from '../../../src/protocols/pcp/address.ts';
import {
  decodePcpRequest,
  decodePcpResponse,
  encodePcpRequest,
  encodePcpResponse,
} from '../../../src/protocols/pcp/codec.ts';
import type { PcpMap, PcpOption } from '../../../src/protocols/pcp/message.ts';
import { valueOrDecodeError } from '../../support/decoding.ts';

const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const address = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(ipFromBytes)
  // An IPv4-mapped address is IPv4 on this wire.
  .map((ip) => from16(to16(ip)));
const map: fc.Arbitrary<PcpMap> = fc.record({
  nonce: fc.uint8Array({ minLength: 12, maxLength: 12 }),
  protocol: uint(8),
  internalPort: uint(16),
  externalPort: uint(16),
  externalIp: address,
});
const option: fc.Arbitrary<PcpOption> = fc.oneof(
  address.map((ip) => ({ kind: 'third-party' as const, address: ip })),
  fc.constant({ kind: 'prefer-failure' as const }),
  fc
    .record({ prefixLength: fc.integer({ min: 0, max: 128 }), port: uint(16), address })
    .map((filter) => ({ kind: 'filter' as const, ...filter })),
  fc
    .record({ code: fc.integer({ min: 4, max: 255 }), data: fc.uint8Array({ maxLength: 30 }) })
    .map((other) => ({ kind: 'other' as const, ...other })),
);
const options = fc.array(option, { maxLength: 4 });
const body = fc.oneof(
  fc.record({ opcode: fc.constant(0), options }),
  fc.record({ opcode: fc.constant(1), map, options }),
);

describe('PCP codec', () => {
  it('reads back every request it writes', () => {
    fc.assert(
      fc.property(body, uint(32), address, (rest, lifetime, clientIp) => {
        const request = { ...rest, lifetime, clientIp };
        expect(decodePcpRequest(encodePcpRequest(request))).toEqual(request);
      }),
    );
  });

  it('reads back every answer it writes', () => {
    const result = uint(8).filter((code) => code !== 1);
    fc.assert(
      fc.property(body, result, uint(32), uint(32), (rest, code, lifetime, epoch) => {
        const response = { ...rest, result: code, lifetime, epoch };
        expect(decodePcpResponse(encodePcpResponse(response))).toEqual(response);
      }),
    );
  });

  it('answers any bytes with a value or a DecodeError', () => {
    const likely = fc
      .tuple(fc.constantFrom(0x00, 0x01, 0x80, 0x81), fc.uint8Array({ minLength: 22, maxLength: 120 }))
      .map(([opcode, rest]) => Uint8Array.of(2, opcode, ...rest));
    fc.assert(
      fc.property(fc.oneof(likely, fc.uint8Array({ maxLength: 1200 })), (bytes) => {
        for (const decode of [decodePcpRequest, decodePcpResponse]) {
          valueOrDecodeError<unknown>(decode, bytes);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
