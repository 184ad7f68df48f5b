import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ipFromBytes, type Ip } from '../../../src/model/ip.ts';
import { macFromBytes } from '../../../src/model/mac.ts';
import { decodeNdp, encodeNdp, type NdpFrame } from '../../../src/protocols/ndp/packet.ts';
import { isMulticast, solicitedNode, UNSPECIFIED } from '../../../src/protocols/ndp/multicast.ts';
import { decodeOptions } from '../../../src/protocols/ndp/options.ts';
import { valueOrDecodeError } from '../../support/decoding.ts';

const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);
const any = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipFromBytes);
const unicast = any.filter((ip) => !isMulticast(ip) && ip !== UNSPECIFIED);
const group = unicast.map(solicitedNode);
const nonce = fc
  .integer({ min: 0, max: 5 })
  .chain((units) => fc.uint8Array({ minLength: 8 * units + 6, maxLength: 8 * units + 6 }));
const ethernet = { to: mac, from: mac, target: unicast };
const frame: fc.Arbitrary<NdpFrame> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('solicitation' as const),
      ...ethernet,
      source: unicast,
      destination: any,
      sourceMac: mac,
      nonce,
    },
    { requiredKeys: ['kind', 'to', 'from', 'target', 'source', 'destination'] },
  ),
  fc.record(
    {
      kind: fc.constant('solicitation' as const),
      ...ethernet,
      source: fc.constant<Ip>(UNSPECIFIED),
      destination: group,
      nonce,
    },
    { requiredKeys: ['kind', 'to', 'from', 'target', 'source', 'destination'] },
  ),
  fc.record(
    {
      kind: fc.constant('advertisement' as const),
      ...ethernet,
      source: unicast,
      destination: unicast,
      router: fc.boolean(),
      solicited: fc.boolean(),
      override: fc.boolean(),
      targetMac: mac,
    },
    { requiredKeys: ['kind', 'to', 'from', 'target', 'source', 'destination', 'router', 'solicited', 'override'] },
  ),
);

describe('neighbor messages', () => {
  it('read back what was written, with or without padding', () => {
    fc.assert(
      fc.property(frame, fc.nat(64), (value, padding) => {
        const encoded = encodeNdp(value);
        const padded = new Uint8Array(encoded.length + padding).fill(0xaa);
        padded.set(encoded);
        expect(decodeNdp(padded)).toEqual(value);
      }),
    );
  });

  it('are decoded or refused, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (data) => void valueOrDecodeError(decodeNdp, data)));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (data) => void valueOrDecodeError(decodeOptions, data)));
  });

  it('are decoded or refused when bytes of a good frame are changed or missing', () => {
    const change = fc.record({ at: fc.nat(90), byte: fc.nat(255) });
    fc.assert(
      fc.property(frame, fc.array(change, { maxLength: 4 }), fc.nat(90), (value, changes, length) => {
        const data = encodeNdp(value);
        for (const { at, byte } of changes) if (at < data.length) data[at] = byte;
        valueOrDecodeError(decodeNdp, data);
        valueOrDecodeError(decodeNdp, data.subarray(0, length));
      }),
    );
  });

  it('with one bit turned over are noticed, but for the Ethernet header and bits outside the checksum', () => {
    fc.assert(
      fc.property(frame, fc.nat(10_000), (value, pick) => {
        const data = encodeNdp(value);
        const bit = 22 * 8 + (pick % ((data.length - 22) * 8));
        const at = bit >> 3;
        data[at] = (data[at] ?? 0) ^ (1 << (bit & 7));
        expect(() => decodeNdp(data)).toThrow(DecodeError);
      }),
    );
  });
});
