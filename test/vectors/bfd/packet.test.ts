/** Bytes laid out by hand from RFC 5880 §4.1. */
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { decodeBfd, encodeBfd, type BfdPacket } from '../../../src/protocols/bfd/packet.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
const UP = '21 e8 03 18 00000001 a0b1c2d3 0000c350 000186a0 00000000';
const up: BfdPacket = {
  diagnostic: 1,
  state: 'Up',
  poll: true,
  final: false,
  controlPlaneIndependent: true,
  demand: false,
  detectMultiplier: 3,
  myDiscriminator: 1,
  yourDiscriminator: 0xa0b1c2d3,
  desiredMinTx: 50_000,
  requiredMinRx: 100_000,
  requiredMinEchoRx: 0,
};

describe('BFD control packets', () => {
  it('are written and read', () => {
    expect(encodeBfd(up)).toEqual(bytes(UP));
    expect(decodeBfd(bytes(UP))).toEqual(up);
    const final = { ...up, poll: false, final: true, controlPlaneIndependent: false, demand: true };
    expect(encodeBfd(final)[1]).toBe(0xd2);
    expect(decodeBfd(encodeBfd(final))).toEqual(final);
  });

  it('may have something behind them', () => {
    expect(decodeBfd(bytes(`${UP} ffff`))).toEqual(up);
  });

  it.each([
    ['cut off', UP.slice(0, -3)],
    ['of version 2', UP.replace(/^21/, '41')],
    ['with authentication', UP.replace('21 e8', '21 ec')],
    ['with the multipoint bit', UP.replace('21 e8', '21 e9')],
    ['longer than it is', UP.replace('03 18', '03 19')],
    ['shorter than its fields', UP.replace('03 18', '03 17')],
    ['with a multiplier of 0', UP.replace('03 18', '00 18')],
    ['without a discriminator', UP.replace('00000001', '00000000')],
    ['up, and not knowing whom it speaks to', UP.replace('a0b1c2d3', '00000000')],
  ])('are refused when %s', (_, hex) => {
    expect(() => decodeBfd(bytes(hex))).toThrow(DecodeError);
  });
});
