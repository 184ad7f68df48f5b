/** What holds for UDP in Ethernet frames, over IPv4 as over IPv6. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipFromBytes } from '../../src/model/ip.ts';
import { macFromBytes } from '../../src/model/mac.ts';
import type { UdpFrame } from '../../src/protocols/dhcp4/frame.ts';
import { bytes, damage, damaged, valueOrDecodeError } from './decoding.ts';

export interface UdpFrameFacts {
  readonly encode: (frame: UdpFrame) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => UdpFrame;
  /** Bytes of an address, and the longest payload of a whole frame. */
  readonly address: number;
  readonly payload: number;
  /** Where what a checksum covers begins, where both addresses are, and where the UDP header is. */
  readonly covered: number;
  readonly addresses: number;
  readonly udp: number;
}

export function describeUdpFrames(name: string, facts: UdpFrameFacts): void {
  const { encode, decode, covered } = facts;
  const mac = bytes(6).map(macFromBytes);
  const address = bytes(facts.address).map(ipFromBytes);
  const frame: fc.Arbitrary<UdpFrame> = fc.record({
    ...{ sourceMac: mac, targetMac: mac, sourceIp: address, targetIp: address },
    ...{ sourcePort: fc.nat(0xffff), targetPort: fc.nat(0xffff) },
    payload: fc.uint8Array({ maxLength: facts.payload }),
  });

  describe(name, () => {
    it('comes back as it went', () => {
      fc.assert(
        fc.property(frame, (value) => {
          expect(decode(encode(value))).toEqual(value);
        }),
        { numRuns: 500 },
      );
    });

    it('of any bytes is a value or a DecodeError', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (input) => void valueOrDecodeError(decode, input)),
        { numRuns: 2000 },
      );
    });

    it('with one byte changed of what is covered is never read as something else', () => {
      fc.assert(
        fc.property(frame, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, change) => {
          const input = encode(value);
          fc.pre(!looksUnfinished(input, facts));
          const index = covered + (at % (input.length - covered));
          input[index] = input[index]! ^ change;
          const read = valueOrDecodeError(decode, input);
          // What may differ without a checksum to tell: nothing that is handed on.
          if (read !== undefined) expect(read).toEqual(value);
        }),
        { numRuns: 3000 },
      );
    });

    it('that is damaged is a value or a DecodeError', () => {
      fc.assert(
        fc.property(frame, damage, (value, how) => void valueOrDecodeError(decode, damaged(encode(value), how))),
        { numRuns: 2000 },
      );
    });
  });
}

/** One frame in 65536 has a checksum that could also be one left to the network card; it proves nothing then. */
function looksUnfinished(input: Uint8Array, { address, addresses, udp }: UdpFrameFacts): boolean {
  const view = new DataView(input.buffer);
  let sum = 17 + view.getUint16(udp + 4);
  for (let at = addresses; at < addresses + 2 * address; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return view.getUint16(udp + 6) === sum;
}
