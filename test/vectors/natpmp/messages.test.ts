/** Bytes laid out by hand from the figures of RFC 6886. */
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { decodeNatPmpResponse, encodeNatPmpRequest } from '../../../src/protocols/natpmp/message.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));

describe('NAT-PMP messages', () => {
  it('writes the requests', () => {
    expect(encodeNatPmpRequest({ kind: 'address' })).toEqual(bytes('00 00'));
    const map = { kind: 'map', protocol: 'TCP', internalPort: 80, externalPort: 8080, lifetime: 3600 } as const;
    expect(encodeNatPmpRequest(map)).toEqual(bytes('00 02 0000 0050 1f90 00000e10'));
    expect(encodeNatPmpRequest({ ...map, protocol: 'UDP' })).toEqual(bytes('00 01 0000 0050 1f90 00000e10'));
  });

  it('reads the external address', () => {
    expect(decodeNatPmpResponse(bytes('00 80 0000 00003039 cb007107'))).toEqual({
      kind: 'address',
      result: 0,
      epoch: 12345,
      externalIp: '203.0.113.7',
    });
  });

  it('reads a mapping', () => {
    expect(decodeNatPmpResponse(bytes('00 82 0000 00003039 0050 1f90 00000708'))).toEqual({
      kind: 'map',
      result: 0,
      epoch: 12345,
      protocol: 'TCP',
      mapping: { internalPort: 80, externalPort: 8080, lifetime: 1800 },
    });
  });

  it('reads refusals, long and short', () => {
    const long = decodeNatPmpResponse(bytes('00 81 0002 00000005 0050 0000 00000000'));
    expect(long).toMatchObject({ kind: 'map', protocol: 'UDP', result: 2 });
    expect(decodeNatPmpResponse(bytes('00 81 0004 00000005'))).toEqual({
      kind: 'map',
      protocol: 'UDP',
      result: 4,
      epoch: 5,
    });
    expect(decodeNatPmpResponse(bytes('00 83 0005 00000005'))).toMatchObject({ kind: 'unsupported', result: 5 });
    expect(decodeNatPmpResponse(bytes('02 80 0001 00000005'))).toMatchObject({ kind: 'unsupported', version: 2 });
  });

  it.each([
    ['nothing', ''],
    ['a request', '00 02 0000 0050 1f90 00000e10'],
    ['half an address', '00 80 0000 00003039 cb00'],
    ['half a mapping', '00 82 0000 00003039 0050'],
    ['an unknown operation that worked', '00 84 0000 00003039 00000000'],
  ])('refuses %s', (_, hex) => {
    expect(() => decodeNatPmpResponse(bytes(hex))).toThrow(DecodeError);
  });
});
