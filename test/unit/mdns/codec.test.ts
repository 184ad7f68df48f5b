import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { dataBytes, decodeMessage, encodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { message, type ResourceRecord } from '../../../src/protocols/mdns/message.ts';
import { nameOf, nameProblem, sameName, truncateLabel } from '../../../src/protocols/mdns/name.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const host: ResourceRecord = { name: 'web.local', type: 'A', ttl: 120, flush: true, data: ip('10.77.0.101') };

describe('decodeMessage', () => {
  it('reads a QU question, which dns-packet gives as class UNKNOWN_32769', () => {
    const bytes = hex('0000 0000 0001 0000 0000 0000 03776562 056c6f63616c 00 00ff 8001');
    expect(decodeMessage(bytes).questions).toEqual([{ name: 'web.local', type: 'ANY', unicast: true }]);
  });

  it('reads the cache-flush bit and compressed names', () => {
    const bytes = hex(`0000 8400 0001 0001 0000 0000 03776562 056c6f63616c 00 0001 0001
      c00c 0001 8001 00000078 0004 0a4d0065`);
    expect(decodeMessage(bytes).answers).toEqual([host]);
  });

  it('tells dots inside a label from those between labels, and writes them back', () => {
    const name = nameOf(['Printer 2.0', '_ipp', '_tcp', 'local']);
    expect(name).toBe('Printer 2\\.0._ipp._tcp.local');
    const bytes = encodeMessage(message('query', { questions: [{ name, type: 'SRV', unicast: false }] }));
    expect(Buffer.from(bytes).includes('\x0bPrinter 2.0')).toBe(true);
    expect(decodeMessage(bytes).questions[0]?.name).toBe(name);
  });

  it('leaves out what is not of class IN, such as the OPT record of a sleep proxy client', () => {
    const bytes = hex('0000 0000 0000 0000 0000 0001 00 0029 05a0 00001194 0004 0004 0000');
    expect(decodeMessage(bytes)).toEqual(message('query', {}));
  });

  it('reads a record of an unknown type without looking into it', () => {
    const bytes = hex('0000 8400 0000 0001 0000 0000 00 002f 0001 00000078 0001 00'.replace('002f', '0041'));
    expect(decodeMessage(bytes).answers).toMatchObject([{ type: 'TYPE65', data: Uint8Array.of(0) }]);
  });

  it.each([
    ['nothing', ''],
    ['more records than bytes', '0000 8400 ffff ffff ffff ffff'],
    ['a pointer to itself', '0000 0000 0001 0000 0000 0000 c00c 0001 0001'],
    ['a pointer forwards', '0000 0000 0001 0000 0000 0000 c012 0001 0001 00'],
    ['two pointers at each other', '0000 0000 0001 0000 0000 0000 c00e c00c 0001 0001'],
    ['a pointer into the header', '0000 0000 0001 0000 0000 0000 c000 0001 0001'],
    ['an address of three bytes', '0000 8400 0000 0001 0000 0000 00 0001 0001 00000078 0003 0a4d00'],
    ['a name longer than its data', '0000 8400 0000 0001 0000 0000 00 000c 0001 00000078 0002 0377 6562 00'],
    ['a label of an unknown kind', '0000 0000 0001 0000 0000 0000 40 00 0001 0001'],
    ['a control character in a name', '0000 0000 0001 0000 0000 0000 01 1f 00 0001 0001'],
    ['a name that is not UTF-8', '0000 0000 0001 0000 0000 0000 01 ff 00 0001 0001'],
    ['another opcode', '0000 2800 0000 0000 0000 0000'],
    ['an error code', '0000 8403 0000 0000 0000 0000'],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodeMessage(hex(bytes))).toThrow(DecodeError);
  });

  it('refuses more than 9000 bytes', () => {
    expect(() => decodeMessage(new Uint8Array(9001))).toThrow(DecodeError);
  });

  it('refuses a chain of a thousand pointers, and quickly', () => {
    const bytes = Buffer.alloc(9000);
    bytes.writeUInt16BE(0x8400, 2);
    bytes.writeUInt16BE(500, 6);
    for (let at = 24; at < 2024; at += 2) bytes.writeUInt16BE(0xc000 | (at - 2), at);
    bytes.writeUInt16BE(0xff00, 13);
    bytes.writeUInt16BE(1, 15);
    bytes.writeUInt16BE(2001, 21);
    for (let at = 2024; at + 12 < 9000; at += 12) {
      bytes.writeUInt16BE(0xc000 | 2022, at);
      bytes.writeUInt16BE(0xff00, at + 2);
    }
    expect(() => decodeMessage(bytes)).toThrow(DecodeError);
  });
});

describe('encodeMessage', () => {
  it('writes an answer as authoritative, with the cache-flush bit', () => {
    const bytes = Buffer.from(encodeMessage(message('response', { answers: [host] })));
    expect(bytes.toString('hex')).toBe(
      '000084000000000100000000' + '03776562056c6f63616c00' + '0001800100000078' + '00040a4d0065',
    );
  });

  it('writes an empty TXT as one empty string', () => {
    const txt: ResourceRecord = { name: 'a', type: 'TXT', ttl: 4500, flush: true, data: [] };
    expect([...dataBytes(txt)]).toEqual([0]);
  });

  it('refuses names that cannot be on the wire', () => {
    for (const name of ['a..local', `${'x'.repeat(64)}.local`, 'a\n.local', `${'abcdefg.'.repeat(32)}local`]) {
      expect(nameProblem(name)).toBeDefined();
      expect(() => encodeMessage(message('response', { answers: [{ ...host, name }] }))).toThrow(TypeError);
    }
  });
});

describe('names', () => {
  it('fold the case of ASCII letters only', () => {
    expect(sameName('WEB.Local', 'web.local')).toBe(true);
    expect(sameName('ÄRGER.local', 'ärger.local')).toBe(false);
  });

  it('are cut at a character', () => {
    expect(truncateLabel('größe', 4)).toBe('grö');
    expect(truncateLabel('größe', 3)).toBe('gr');
  });
});
