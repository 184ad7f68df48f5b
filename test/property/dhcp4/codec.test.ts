import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ipFromBytes } from '../../../src/model/ip.ts';
import { macFromBytes } from '../../../src/model/mac.ts';
import { OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { decodeUdpFrame, encodeUdpFrame, type UdpFrame } from '../../../src/protocols/dhcp4/frame.ts';
import { decodeMessage, encodeMessage, type DhcpMessage } from '../../../src/protocols/dhcp4/message.ts';

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
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

const frame: fc.Arbitrary<UdpFrame> = fc.record({
  sourceMac: mac,
  targetMac: mac,
  sourceIp: address,
  targetIp: address,
  sourcePort: fc.nat(0xffff),
  targetPort: fc.nat(0xffff),
  payload: fc.uint8Array({ maxLength: 1472 }),
});

const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });

function damaged(original: Uint8Array, changes: readonly (readonly [number, number])[], cut: number): Uint8Array {
  const copy = Uint8Array.from(original);
  for (const [at, value] of changes) copy[at % copy.length] = value;
  return copy.subarray(0, cut % 3 === 0 ? cut % (copy.length + 1) : copy.length);
}

function valueOrDecodeError<T>(decode: (input: Uint8Array) => T, input: Uint8Array): T | undefined {
  try {
    return decode(input);
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError);
    return undefined;
  }
}

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
      fc.property(message, damage, fc.nat(), (value, changes, cut) => {
        const read = valueOrDecodeError(decodeMessage, damaged(encodeMessage(value), changes, cut));
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

describe('UDP frames', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(frame, (value) => {
        expect(decodeUdpFrame(encodeUdpFrame(value))).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('of any bytes are a value or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => void valueOrDecodeError(decodeUdpFrame, input)),
      { numRuns: 2000 },
    );
  });

  it('with one byte changed behind the Ethernet header are never read as something else', () => {
    fc.assert(
      fc.property(frame, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, change) => {
        const input = encodeUdpFrame(value);
        fc.pre(!looksUnfinished(input));
        const index = 14 + (at % (input.length - 14));
        input[index] = input[index]! ^ change;
        const read = valueOrDecodeError(decodeUdpFrame, input);
        // What may differ without a checksum to tell: nothing that is handed on.
        if (read !== undefined) expect(read).toEqual(value);
      }),
      { numRuns: 3000 },
    );
  });

  it('that are damaged are a value or a DecodeError', () => {
    fc.assert(
      fc.property(frame, damage, fc.nat(), (value, changes, cut) => {
        valueOrDecodeError(decodeUdpFrame, damaged(encodeUdpFrame(value), changes, cut));
      }),
      { numRuns: 2000 },
    );
  });
});

/** One frame in 65536 has a checksum that could also be one left to the network card; it proves nothing then. */
function looksUnfinished(input: Uint8Array): boolean {
  const view = new DataView(input.buffer);
  let sum = 17 + view.getUint16(38);
  for (let at = 26; at < 34; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return view.getUint16(40) === sum;
}
