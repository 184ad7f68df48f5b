import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCidr, parseSpan, contains } from '../../../src/model/cidr.ts';
import { compareIp, fromBigInt, ipFromBytes, ipToBigInt, ipToBytes, parseIp } from '../../../src/model/ip.ts';
import { parsePools } from '../../../src/exposure/address/pools.ts';

const v4 = fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }).map((n) => fromBigInt(n, 4));
const v6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((n) => fromBigInt(n, 6));
const anyIp = fc.oneof(
  v4,
  v6,
  fc.constantFrom(...['::', '::1', '1::', 'fe80::1:0:0:1', '0:0:1::'].map((text) => parseIp(text)!)),
);

describe('addresses', () => {
  it('survive text, bytes and number, and the canonical text is a fixed point', () => {
    fc.assert(
      fc.property(anyIp, (address) => {
        expect(parseIp(address)).toBe(address);
        expect(ipFromBytes(ipToBytes(address))).toBe(address);
        expect(parseIp(address.toUpperCase())).toBe(address);
      }),
    );
  });

  it('are ordered like their numbers', () => {
    fc.assert(
      fc.property(
        v4,
        v4,
        (a, b) =>
          Math.sign(compareIp(a, b)) === Number(ipToBigInt(a) > ipToBigInt(b)) - Number(ipToBigInt(a) < ipToBigInt(b)),
      ),
    );
  });

  it('lie in every prefix made of them', () => {
    fc.assert(
      fc.property(v4, fc.integer({ min: 0, max: 32 }), (address, length) =>
        contains(parseCidr(`${address}/${length}`)!, address),
      ),
    );
  });

  it('spans contain both ends and never run backwards', () => {
    fc.assert(
      fc.property(v6, v6, (a, b) => {
        const span = parseSpan(`${a}-${b}`);
        expect(span !== undefined).toBe(ipToBigInt(a) <= ipToBigInt(b));
        if (span) expect(contains(span, a) && contains(span, b)).toBe(true);
      }),
    );
  });

  it('nothing written in the ConfigMap breaks the reading of it', () => {
    const key = fc.oneof(
      fc.constantFrom('cidr-global', 'range-a', 'allow-share-x', 'search-order', 'skip-end-ips-in-cidr'),
      fc.string(),
    );
    fc.assert(
      fc.property(
        fc.dictionary(
          key,
          fc.oneof(
            fc.string(),
            v4,
            v4.map((ip) => `${ip}/24`),
          ),
        ),
        (data) => void parsePools(data),
      ),
    );
  });
});
