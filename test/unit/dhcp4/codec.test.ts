import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import { OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { decodeMessage, encodeMessage, type DhcpMessage } from '../../../src/protocols/dhcp4/message.ts';
import {
  addressesOption,
  decodeOptions,
  encodeOptions,
  prefixLengthOption,
  secondsOption,
  textOption,
  textValue,
} from '../../../src/protocols/dhcp4/options.ts';

const MESSAGE: DhcpMessage = {
  op: 1,
  hops: 0,
  xid: 0xfedcba98,
  secs: 3,
  flags: 0x8000,
  ciaddr: ip('0.0.0.0'),
  yiaddr: ip('0.0.0.0'),
  siaddr: ip('0.0.0.0'),
  giaddr: ip('0.0.0.0'),
  chaddr: parseMac('02:4b:56:00:00:01')!,
  sname: '',
  file: '',
  options: new Map([[OPTION.messageType, Uint8Array.of(1)]]),
};

/** A message of 300 bytes with the given bytes where the options are. */
function withOptions(...options: number[]): Uint8Array {
  const bytes = encodeMessage({ ...MESSAGE, options: new Map() });
  bytes.fill(0, 240);
  bytes.set(options, 240);
  return bytes;
}

describe('DHCPv4 messages', () => {
  it('are padded to the 300 bytes of BOOTP', () => {
    expect(encodeMessage(MESSAGE)).toHaveLength(300);
    expect(decodeMessage(encodeMessage(MESSAGE))).toEqual(MESSAGE);
  });

  it('keep options that nobody here knows', () => {
    const options = new Map([
      [OPTION.messageType, Uint8Array.of(5)],
      [224, Uint8Array.of(1, 2, 3)],
      [80, new Uint8Array(0)],
    ]);
    expect(decodeMessage(encodeMessage({ ...MESSAGE, options })).options).toEqual(options);
  });

  it('split options longer than 255 bytes, and join them again', () => {
    const long = Uint8Array.from({ length: 700 }, (_, i) => i & 0xff);
    const bytes = encodeOptions(new Map([[119, long]]));
    expect([bytes[1], bytes[258], bytes[515]]).toEqual([255, 255, 190]);
    expect(decodeOptions([bytes]).get(119)).toEqual(long);
  });

  it('read options from the file and sname fields, in that order', () => {
    const bytes = withOptions(52, 1, 3, 12, 1, 0x61, 255);
    bytes.set([12, 1, 0x62, 255], 108);
    bytes.set([12, 1, 0x63, 3, 4, 10, 0, 0, 1, 255], 44);
    const message = decodeMessage(bytes);
    expect(textOption(message.options, 12)).toBe('abc');
    expect(addressesOption(message.options, 3)).toEqual(['10.0.0.1']);
    expect([message.sname, message.file]).toEqual(['', '']);
  });

  it('read only the field that is overloaded', () => {
    const bytes = withOptions(52, 1, 2, 255);
    bytes.set([3, 4, 10, 0, 0, 1, 255], 44);
    bytes.set(textValue('boot.img'), 108);
    const message = decodeMessage(bytes);
    expect(message.file).toBe('boot.img');
    expect(addressesOption(message.options, 3)).toEqual(['10.0.0.1']);
  });

  it('accept padding between options and a missing end', () => {
    expect(secondsOption(decodeMessage(withOptions(0, 0, 51, 4, 0, 0, 0, 120, 0)).options, 51)).toBe(120);
    expect(decodeOptions([Uint8Array.of(53, 1, 5)]).get(53)).toEqual(Uint8Array.of(5));
  });

  it.each([
    ['cut short', new Uint8Array(239), /cut short/],
    ['far too long', new Uint8Array(20_000), /too long/],
    ['an unknown op', Uint8Array.from(encodeMessage(MESSAGE), (byte, i) => (i === 0 ? 3 : byte)), /op 3/],
    ['not of Ethernet', Uint8Array.from(encodeMessage(MESSAGE), (byte, i) => (i === 2 ? 16 : byte)), /Ethernet/],
    ['without the cookie', Uint8Array.from(encodeMessage(MESSAGE), (byte, i) => (i === 236 ? 0 : byte)), /cookie/],
    ['with an overlong option', withOptions(12, 200, 1), /option 12 reaches beyond/],
    ['with a nonsensical overload', withOptions(52, 1, 4, 255), /overload/],
  ])('are refused when %s', (_, bytes, reason) => {
    expect(() => decodeMessage(bytes)).toThrow(DecodeError);
    expect(() => decodeMessage(bytes)).toThrow(reason);
  });

  it('refuse values that do not fit their field', () => {
    expect(() => encodeMessage({ ...MESSAGE, secs: 0x1_0000 })).toThrow(RangeError);
    expect(() => encodeMessage({ ...MESSAGE, sname: 'x'.repeat(65) })).toThrow(RangeError);
    expect(() => encodeMessage({ ...MESSAGE, ciaddr: ip('::1') })).toThrow(RangeError);
    expect(() => encodeOptions(new Map([[255, new Uint8Array(1)]]))).toThrow(RangeError);
  });
});

describe('DHCPv4 option values', () => {
  const mask = (...bytes: number[]): number | undefined =>
    prefixLengthOption(new Map([[OPTION.subnetMask, Uint8Array.from(bytes)]]));

  it('give a prefix length only for a mask without holes', () => {
    expect([mask(255, 255, 255, 0), mask(255, 255, 255, 255), mask(0, 0, 0, 0)]).toEqual([24, 32, 0]);
    expect([mask(255, 0, 255, 0), mask(255, 255)]).toEqual([undefined, undefined]);
  });

  it('of the wrong length count as absent', () => {
    const options = new Map([
      [51, Uint8Array.of(1, 2)],
      [3, Uint8Array.of(1, 2, 3, 4, 5)],
    ]);
    expect(secondsOption(options, 51)).toBeUndefined();
    expect(addressesOption(options, 3)).toBeUndefined();
  });

  it('hold no control characters once they are text', () => {
    expect(textOption(new Map([[56, Uint8Array.of(0x1b, 0x5b, 0x41, 0)]]), 56)).toBe('?[A');
    expect(textValue('wébß x')).toEqual(textValue('w-b--x'));
  });
});
