import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipFromBytes } from '../../../src/model/ip.ts';
import { macFromBytes } from '../../../src/model/mac.ts';
import { OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { decodeUdpFrame, encodeUdpFrame } from '../../../src/protocols/dhcp4/frame.ts';
import { decodeMessage, encodeMessage, type DhcpMessage } from '../../../src/protocols/dhcp4/message.ts';
import { bytes, damage, damaged, valueOrDecodeError } from '../../support/decoding.ts';
import { describeUdpFrames } from '../../support/udp-frame-rules.ts';

const address = bytes(4).map(ipFromBytes);
const mac = bytes(6).map(macFromBytes);
const latin1 = (maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 1, max: 255 }), { maxLength }).map((codes) => String.fromCharCode(...codes));
// Overload moves other fields, which is for decoders only.
const code = fc.integer({ min: 1, max: 254 }).filter((n) => n !== OPTION.overload);

const message: fc.Arbitrary<DhcpMessage> = fc.record({
  op: fc.constantFrom(1 as const, 2 as const),
  hops: fc.nat(0xff),
  xid: fc.nat(0xffff_ffff),
  secs: fc.nat(0xffff),
  flags: fc.nat(0xffff),
  ciaddr: address,
  yiaddr: address,
  siaddr: address,
  giaddr: address,
  chaddr: mac,
  sname: latin1(64),
  file: latin1(128),
  options: fc
    .array(fc.tuple(code, fc.uint8Array({ maxLength: 700 })), { maxLength: 8 })
    .map((entries) => new Map(entries)),
});

describe('DHCPv4 messages', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(decodeMessage(encodeMessage(value))).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('of any bytes are a value or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (input) => void valueOrDecodeError(decodeMessage, input)),
      { numRuns: 2000 },
    );
  });

  it('that are damaged are a value that can be written again, or a DecodeError', () => {
    fc.assert(
      fc.property(message, damage, (value, how) => {
        const read = valueOrDecodeError(decodeMessage, damaged(encodeMessage(value), how));
        if (read === undefined || read.options.has(OPTION.overload)) return;
        expect(decodeMessage(encodeMessage(read))).toEqual(read);
      }),
      { numRuns: 2000 },
    );
  });

  it('with options anywhere are read, or refused, within the fields there are', () => {
    fc.assert(
      fc.property(
        message,
        fc.uint8Array({ maxLength: 60 }),
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(4),
        (value, a, b, overload) => {
          const input = encodeMessage({ ...value, options: new Map([[OPTION.overload, Uint8Array.of(overload)]]) });
          input.set(a, 44);
          input.set(b, 108);
          valueOrDecodeError(decodeMessage, input);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describeUdpFrames('UDP over IPv4', {
  ...{ encode: encodeUdpFrame, decode: decodeUdpFrame, address: 4, payload: 1472 },
  ...{ covered: 14, addresses: 26, udp: 34 },
});
