import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipFromBytes, parseIp } from '../../../src/model/ip.ts';
import { identityOf } from '../../../src/protocols/dhcp4/identity.ts';
import { decodeUdp6Frame, encodeUdp6Frame } from '../../../src/protocols/dhcp6/frame.ts';
import { dhcp6IdentityOf } from '../../../src/protocols/dhcp6/identity.ts';
import { associationOption, decodeAssociation } from '../../../src/protocols/dhcp6/identity-association.ts';
import { decodeMessage, encodeMessage, type DhcpMessage } from '../../../src/protocols/dhcp6/message.ts';
import { optionOf, statusOf } from '../../../src/protocols/dhcp6/options.ts';
import { bytes, valueOrDecodeError } from '../../support/decoding.ts';
import { describeUdpFrames } from '../../support/udp-frame-rules.ts';

const address = bytes(16).map(ipFromBytes);

const message: fc.Arbitrary<DhcpMessage> = fc.record({
  type: fc.integer({ min: 1, max: 11 }),
  transactionId: fc.nat(0xff_ffff),
  options: fc.array(fc.record({ code: fc.nat(0xffff), value: fc.uint8Array({ maxLength: 300 }) }), { maxLength: 8 }),
});

describe('DHCPv6 messages', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(decodeMessage(encodeMessage(value))).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('of any bytes are a DecodeError, or a value that is written as it was read', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.uint8Array({ maxLength: 400 }), (type, rest) => {
        const input = Uint8Array.of(type, ...rest);
        const read = valueOrDecodeError(decodeMessage, input);
        if (read === undefined) return;
        expect(encodeMessage(read)).toEqual(input);
        statusOf(read.options);
      }),
      { numRuns: 3000 },
    );
  });

  it('cut short are a DecodeError, or end between two options', () => {
    fc.assert(
      fc.property(message, fc.nat(), (value, cut) => {
        const whole = encodeMessage(value);
        const input = whole.subarray(0, cut % whole.length);
        const read = valueOrDecodeError(decodeMessage, input);
        if (read !== undefined) expect(read.options).toEqual(value.options.slice(0, read.options.length));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('identity associations', () => {
  it('name the IAID and the address that the client means', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), address, (iaid, ip) => {
        expect(decodeAssociation(associationOption(iaid, ip).value)).toMatchObject({
          iaid,
          renewSeconds: 0,
          addresses: [{ ip, validSeconds: 0 }],
        });
        expect(decodeAssociation(associationOption(iaid, undefined).value).addresses).toEqual([]);
      }),
    );
  });

  it('of any bytes are a value with addresses, or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(bytes(24), { maxLength: 3 }), (noise, addresses) => {
        const inner = addresses.flatMap((value) => [0, 5, 0, 24, ...value]);
        for (const input of [noise, Uint8Array.of(...new Uint8Array(12), ...inner, ...noise)])
          for (const { ip } of valueOrDecodeError(decodeAssociation, input)?.addresses ?? [])
            expect(parseIp(ip)).toBe(ip);
      }),
      { numRuns: 2000 },
    );
  });
});

describeUdpFrames('UDP over IPv6', {
  ...{ encode: encodeUdp6Frame, decode: decodeUdp6Frame, address: 16, payload: 1452 },
  ...{ covered: 22, addresses: 22, udp: 54 },
});

describe('the identity', () => {
  it('of a Service is one IAID and a DUID of type UUID; any other client identifier is some identity, too', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uint8Array({ minLength: 2, maxLength: 255 }), (uid, other) => {
        const { duid, iaid } = dhcp6IdentityOf(identityOf(uid).clientId);
        expect(iaid).toBe(1);
        expect(Buffer.from(duid).toString('hex')).toBe(`0004${uid.replaceAll('-', '')}`);
        const some = dhcp6IdentityOf(other);
        expect(some.duid.length).toBeGreaterThan(0);
        expect(some.duid.length).toBeLessThanOrEqual(130);
      }),
    );
  });

  it('is read back from what a server repeats', () => {
    const value = decodeMessage(Uint8Array.of(7, 0, 0, 1, 0, 1, 0, 2, 0xab, 0xcd));
    expect(optionOf(value.options, 1)).toEqual(Uint8Array.of(0xab, 0xcd));
  });
});
