import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipFromBytes } from '../../../src/model/ip.ts';
import { macFromBytes } from '../../../src/model/mac.ts';
import { decodeArp, encodeArp, type ArpFrame } from '../../../src/protocols/arp/packet.ts';
import { valueOrDecodeError } from '../../support/decoding.ts';

const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);
const ip = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(ipFromBytes);
const frame: fc.Arbitrary<ArpFrame> = fc.record({
  to: mac,
  from: mac,
  operation: fc.constantFrom('request', 'reply'),
  senderMac: mac,
  senderIp: ip,
  targetMac: mac,
  targetIp: ip,
});

describe('ARP frames', () => {
  it('read back what was written, with or without padding', () => {
    fc.assert(
      fc.property(frame, fc.nat(64), (value, padding) => {
        const encoded = encodeArp(value);
        const padded = new Uint8Array(encoded.length + padding).fill(0xaa);
        padded.set(encoded);
        expect(decodeArp(padded)).toEqual(value);
      }),
    );
  });

  it('are decoded or refused, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (data) => void valueOrDecodeError(decodeArp, data)));
  });

  it('are decoded or refused when bytes of a good frame are changed or missing', () => {
    const change = fc.record({ at: fc.nat(41), byte: fc.nat(255) });
    fc.assert(
      fc.property(frame, fc.array(change, { maxLength: 4 }), fc.nat(42), (value, changes, length) => {
        const data = encodeArp(value);
        for (const { at, byte } of changes) data[at] = byte;
        valueOrDecodeError(decodeArp, data);
        valueOrDecodeError(decodeArp, data.subarray(0, length));
      }),
    );
  });
});
