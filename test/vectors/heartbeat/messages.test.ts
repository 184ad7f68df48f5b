/** Bytes laid out by hand from src/protocols/heartbeat, and the tag of another implementation of HMAC-SHA256 (Python's). */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { decodeHeartbeat, encodeHeartbeat } from '../../../src/protocols/heartbeat/codec.ts';
import { nodeHash, type Heartbeat } from '../../../src/protocols/heartbeat/message.ts';
import { keyIdOf, seal, unseal, type KeyedHash } from '../../../src/protocols/heartbeat/seal.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
const hmac: KeyedHash = (key, data) => createHmac('sha256', key).update(data).digest();

const BEAT: Heartbeat = {
  group: 0x01020304,
  node: 'n1',
  epoch: 0x1122334455667788n,
  sequence: 7,
  uptime: 0x0001_00000002,
  interval: 50,
  missed: 3,
  ready: true,
  draining: false,
  leaving: false,
  complete: true,
  claimCount: 2,
  claimDigest: 0xcafebabe,
  heard: [{ node: 0xaabbccdd, epoch: 0x55667788, sequence: 9, age: 12, live: true, synced: false }],
  claims: [
    { address: ip('10.0.0.5'), term: 3 },
    { address: ip('fd00::1'), term: 1 },
  ],
  dropped: [ip('10.0.0.6')],
  offers: [{ address: ip('10.0.0.5'), term: 3, to: 0xaabbccdd }],
  relayed: [{ address: ip('10.0.0.7'), term: 2, owner: 0x01010101 }],
};
const BODY = `
  01020304 1122334455667788 00000007 000100000002 0032 03 09 00000002 cafebabe 02 6e31
  01 aabbccdd 55667788 00000009 000c 01
  02 04 0a000005 00000003  10 fd000000000000000000000000000001 00000001
  01 04 0a000006
  01 04 0a000005 00000003 aabbccdd
  01 04 0a000007 00000002 01010101`;

describe('heartbeats as bytes', () => {
  it('are written and read', () => {
    expect(Buffer.from(encodeHeartbeat(BEAT)).toString('hex')).toBe(Buffer.from(bytes(BODY)).toString('hex'));
    expect(decodeHeartbeat(bytes(BODY))).toEqual(BEAT);
  });

  it.each([
    ['one byte too many', `${BODY} 00`],
    ['an unknown flag', BODY.replace('0032 03 09', '0032 03 19')],
    ['no interval', BODY.replace('0032 03 09', '0000 03 09')],
    ['an interval of more than a minute', BODY.replace('0032 03 09', 'ea61 03 09')],
    ['nothing to miss', BODY.replace('0032 03 09', '0032 00 09')],
    ['no name', BODY.replace('02 6e31', '00')],
    ['a name that is no UTF-8', BODY.replace('02 6e31', '02 c328')],
    ['an unknown flag of a peer', BODY.replace('000c 01', '000c 05')],
    ['an address of five bytes', BODY.replace('04 0a000006', '05 0a00000600')],
    ['a list that promises more', BODY.replace(/01 04 0a000007/, '02 04 0a000007')],
  ])('are refused with %s', (_what, hex) => {
    expect(() => decodeHeartbeat(bytes(hex))).toThrow(DecodeError);
  });

  it('hash names as every other agent does', () => {
    expect(nodeHash('n1')).toBe(0xaa2f4701);
    expect(nodeHash('n2')).toBe(0x317eb7f7);
  });
});

describe('sealed heartbeats', () => {
  const secret = bytes('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
  const key = { id: keyIdOf(secret, hmac), secret };

  it('are header, body and half a hash', () => {
    const sealed = seal(bytes('616263'), key, hmac);
    expect(Buffer.from(sealed).toString('hex')).toBe('4b5601000d3689fc616263660bc0ed346a740d32fe1e12dd1f22db');
    expect(unseal(sealed, [key], hmac)).toEqual(bytes('616263'));
  });
});
