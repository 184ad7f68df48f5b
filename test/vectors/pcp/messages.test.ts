/** Bytes laid out by hand from the figures of RFC 6887. */
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { decodePcpRequest, decodePcpResponse, encodePcpRequest } from '../../../src/protocols/pcp/codec.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
const NONCE = 'a0a1a2a3 a4a5a6a7 a8a9aaab';
const nonce = bytes(NONCE);
const MAP_REQUEST = `
  02 01 0000 00000e10  00000000 00000000 0000ffff 0a4d0065
  ${NONCE} 06 000000 0050 1f90  00000000 00000000 0000ffff 00000000
  02 00 0000`;
const mapRequest = {
  opcode: 1,
  lifetime: 3600,
  clientIp: ip('10.77.0.101'),
  map: { nonce, protocol: 6, internalPort: 80, externalPort: 8080, externalIp: ip('0.0.0.0') },
  options: [{ kind: 'prefer-failure' as const }],
};

describe('PCP messages', () => {
  it('writes and reads MAP with PREFER_FAILURE', () => {
    expect(encodePcpRequest(mapRequest)).toEqual(bytes(MAP_REQUEST));
    expect(decodePcpRequest(bytes(MAP_REQUEST))).toEqual(mapRequest);
  });

  it('writes ANNOUNCE, a header and nothing else', () => {
    const announce = encodePcpRequest({ opcode: 0, lifetime: 0, clientIp: ip('10.77.0.101'), options: [] });
    expect(announce).toEqual(bytes('02 00 0000 00000000 00000000 00000000 0000ffff 0a4d0065'));
  });

  it('reads the answer to MAP, an option behind it included', () => {
    const answer = bytes(`
      02 81 00 00 00000708 00003039 00000000 00000000 00000000
      ${NONCE} 06 000000 0050 1f90  00000000 00000000 0000ffff cb007107
      01 00 0010 00000000 00000000 0000ffff 0a4d0065`);
    expect(decodePcpResponse(answer)).toEqual({
      opcode: 1,
      result: 0,
      lifetime: 1800,
      epoch: 12345,
      map: { nonce, protocol: 6, internalPort: 80, externalPort: 8080, externalIp: '203.0.113.7' },
      options: [{ kind: 'third-party', address: '10.77.0.101' }],
    });
  });

  it('reads FILTER and options it does not know', () => {
    const answer = bytes(`
      02 80 00 00 00000000 00000001 00000000 00000000 00000000
      03 00 0014 00 78 01bb 00000000 00000000 0000ffff c6336400
      c8 00 0003 010203 00`);
    const decoded = decodePcpResponse(answer);
    expect(decoded).toMatchObject({
      options: [
        { kind: 'filter', prefixLength: 120, port: 443, address: '198.51.100.0' },
        { kind: 'other', code: 200, data: bytes('010203') },
      ],
    });
  });

  it('reads an error that stops after the header', () => {
    expect(decodePcpResponse(bytes('02 81 00 02 0000003c 00000005 00000000 00000000 00000000'))).toEqual({
      opcode: 1,
      result: 2,
      lifetime: 60,
      epoch: 5,
      options: [],
    });
  });

  it('knows a NAT-PMP server by its answer', () => {
    expect(decodePcpResponse(bytes('00 81 0001 00000007'))).toEqual({ opcode: 'version', version: 0 });
  });

  it('knows a server of another version by its answer', () => {
    const answer = bytes('02 81 00 01 00000000 00000005 00000000 00000000 00000000');
    expect(decodePcpResponse(answer)).toEqual({ opcode: 'version', version: 2 });
  });

  it.each([
    ['too short', '02 81 00 00 00000708'],
    ['no multiple of four', '02 80 00 00 00000000 00000001 00000000 00000000 00000000 00'],
    ['a request', '02 00 00 00 00000000 00000001 00000000 00000000 00000000'],
    ['a good MAP without a mapping', '02 81 00 00 00000708 00003039 00000000 00000000 00000000'],
    ['an option longer than the message', '02 80 00 00 00000000 00000001 00000000 00000000 00000000 c8 00 0010'],
    ['a filter of 200 bits', `02 80 00 00 00000000 00000001 00000000 00000000 00000000
      03 00 0014 00 c8 01bb 00000000 00000000 0000ffff c6336400`],
  ])('refuses an answer that is %s', (_, hex) => {
    expect(() => decodePcpResponse(bytes(hex))).toThrow(DecodeError);
  });

  it('refuses more than 1100 bytes', () => {
    expect(() => decodePcpResponse(new Uint8Array(1104).fill(2))).toThrow(DecodeError);
  });
});
