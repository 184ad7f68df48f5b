import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { fromBigInt } from '../../../src/model/ip.ts';
import { decodeHeartbeat, encodeHeartbeat } from '../../../src/protocols/heartbeat/codec.ts';
import { MAX_DATAGRAM, type Heartbeat } from '../../../src/protocols/heartbeat/message.ts';
import { keyIdOf, seal, unseal, type KeyedHash } from '../../../src/protocols/heartbeat/seal.ts';

const hmac: KeyedHash = (key, data) => createHmac('sha256', key).update(data).digest();

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const address = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }).map((n) => fromBigInt(n, 4)),
  fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((n) => fromBigInt(n, 6)),
);
const claim = { address, term: u32 };
const beats: fc.Arbitrary<Heartbeat> = fc.record({
  group: u32,
  node: fc.string({ minLength: 1, maxLength: 60 }).filter((name) => name.isWellFormed()),
  epoch: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  sequence: u32,
  uptime: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  interval: fc.integer({ min: 1, max: 60_000 }),
  missed: fc.integer({ min: 1, max: 255 }),
  ready: fc.boolean(),
  draining: fc.boolean(),
  leaving: fc.boolean(),
  complete: fc.boolean(),
  claimCount: u32,
  claimDigest: u32,
  heard: fc.array(
    fc.record({
      node: u32,
      epoch: u32,
      sequence: u32,
      age: fc.integer({ min: 0, max: 0xffff }),
      live: fc.boolean(),
      synced: fc.boolean(),
    }),
    { maxLength: 20 },
  ),
  claims: fc.array(fc.record(claim), { maxLength: 10 }),
  dropped: fc.array(address, { maxLength: 5 }),
  offers: fc.array(fc.record({ ...claim, to: u32 }), { maxLength: 5 }),
  relayed: fc.array(fc.record({ ...claim, owner: u32 }), { maxLength: 5 }),
});
const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
const keyOf = (bytes: Uint8Array): { id: number; secret: Uint8Array } => ({ id: keyIdOf(bytes, hmac), secret: bytes });

describe('heartbeats', () => {
  it('come back as they were, and fit a datagram', () => {
    fc.assert(
      fc.property(beats, secret, (beat, bytes) => {
        const key = keyOf(bytes);
        const datagram = seal(encodeHeartbeat(beat), key, hmac);
        expect(datagram.length).toBeLessThanOrEqual(MAX_DATAGRAM);
        expect(decodeHeartbeat(unseal(datagram, [key], hmac))).toEqual(beat);
      }),
    );
  });

  it('are a value in its one form or a DecodeError, whatever the bytes are', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 1500 }),
          fc.tuple(beats, fc.nat(), fc.nat()).map(([beat, at, value]) => {
            const bytes = encodeHeartbeat(beat);
            bytes[at % bytes.length] = value & 0xff;
            return bytes;
          }),
        ),
        (bytes) => {
          try {
            expect(encodeHeartbeat(decodeHeartbeat(bytes))).toEqual(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are refused with any bit flipped, any byte missing, and under any other key', () => {
    fc.assert(
      fc.property(beats, secret, secret, fc.nat(), fc.nat(), (beat, bytes, other, bit, length) => {
        const key = keyOf(bytes);
        const datagram = seal(encodeHeartbeat(beat), key, hmac);
        const flipped = Uint8Array.from(datagram);
        const at = bit % (datagram.length * 8);
        flipped[at >> 3] = (flipped[at >> 3] ?? 0) ^ (1 << (at & 7));
        expect(() => unseal(flipped, [key], hmac)).toThrow(DecodeError);
        expect(() => unseal(datagram.subarray(0, length % datagram.length), [key], hmac)).toThrow(DecodeError);
        fc.pre(Buffer.compare(bytes, other) !== 0);
        // Also where the key has the id of the right one.
        expect(() => unseal(datagram, [keyOf(other), { id: key.id, secret: other }], hmac)).toThrow(DecodeError);
        expect(unseal(datagram, [{ id: key.id, secret: other }, key], hmac)).toEqual(encodeHeartbeat(beat));
      }),
    );
  });

  it('are refused with every single bit flipped', () => {
    const key = keyOf(new Uint8Array(32).fill(9));
    const [beat] = fc.sample(beats, { numRuns: 1, seed: 1 });
    const datagram = seal(encodeHeartbeat(beat!), key, hmac);
    for (let bit = 0; bit < datagram.length * 8; bit++) {
      const flipped = Uint8Array.from(datagram);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => unseal(flipped, [key], hmac)).toThrow(DecodeError);
    }
  });
});
