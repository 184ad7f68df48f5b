/** Datagrams of avahi 0.8 (Debian 12), captured while it published a scanner called `Living Room v2.0`. */
import { describe, expect, it } from 'vitest';
import { dataBytes, decodeMessage, encodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { tieBreak } from '../../../src/protocols/mdns/tie-break.ts';

const PROBE =
  '000000000001000000020000104c6976696e6720526f6f6d2076322e30085f7363616e6e6572045f746370056c6f63616c0000ff0001' +
  'c00c0021000100000078000f0000000019a6066c6170746f70c02bc00c0010000100001194000b0a6e6f74653d68656c6c6f';
const ANNOUNCEMENT =
  '000084000000000600000000104c6976696e6720526f6f6d2076322e30085f7363616e6e6572045f746370056c6f63616c000010800100001194' +
  '000b0a6e6f74653d68656c6c6fc01d000c0001000011940002c00cc00c0021800100000078000f0000000019a6066c6170746f70c02bc067001c' +
  '8001000000780010fe80000000000000007700fffe00000cc067000180010000007800040a4d000c095f7365727669636573075f646e732d7364' +
  '045f756470c02b000c0001000011940002c01d';
const QUESTION =
  '000000000001000100000000085f7363616e6e6572045f746370056c6f63616c00000c0001c00c000c0001000011940013104c6976696e672052' +
  '6f6f6d2076322e30c00c';
const GOODBYE =
  '000084000000000400000000066c6170746f70056c6f63616c00001c8001000000000010fe80000000000000007700fffe00000c016301300130' +
  '01300130013001650166016601660130013001370137013001300130013001300130013001300130013001300130013001300130013801650166' +
  '03697036046172706100000c8001000000000002c00cc00c000180010000000000040a4d000c023132013002373702313007696e2d61646472c0' +
  '78000c8001000000000002c00c';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const INSTANCE = 'Living Room v2\\.0._scanner._tcp.local';
const TYPE = '_scanner._tcp.local';
const srv = { priority: 0, weight: 0, port: 6566, target: 'laptop.local' };
const txt = [Uint8Array.from(Buffer.from('note=hello'))];

describe('avahi', () => {
  it('probes with the records it proposes, without the cache-flush bit', () => {
    expect(decodeMessage(bytes(PROBE))).toMatchObject({
      kind: 'query',
      questions: [{ name: INSTANCE, type: 'ANY', unicast: false }],
      authorities: [
        { name: INSTANCE, type: 'SRV', ttl: 120, flush: false, data: srv },
        { name: INSTANCE, type: 'TXT', ttl: 4500, flush: false, data: txt },
      ],
    });
  });

  it('announces, with the cache-flush bit on what is its own', () => {
    expect(decodeMessage(bytes(ANNOUNCEMENT))).toMatchObject({
      kind: 'response',
      questions: [],
      answers: [
        { name: INSTANCE, type: 'TXT', ttl: 4500, flush: true, data: txt },
        { name: TYPE, type: 'PTR', ttl: 4500, flush: false, data: INSTANCE },
        { name: INSTANCE, type: 'SRV', ttl: 120, flush: true, data: srv },
        { name: 'laptop.local', type: 'AAAA', ttl: 120, flush: true, data: 'fe80::77:ff:fe00:c' },
        { name: 'laptop.local', type: 'A', ttl: 120, flush: true, data: '10.77.0.12' },
        { name: '_services._dns-sd._udp.local', type: 'PTR', ttl: 4500, flush: false, data: TYPE },
      ],
    });
  });

  it('asks with known answers', () => {
    expect(decodeMessage(bytes(QUESTION))).toMatchObject({
      questions: [{ name: TYPE, type: 'PTR' }],
      answers: [{ name: TYPE, type: 'PTR', ttl: 4500, flush: false, data: INSTANCE }],
    });
  });

  it('says goodbye with TTL 0', () => {
    const { answers } = decodeMessage(bytes(GOODBYE));
    expect(answers.map(({ type, ttl }) => [type, ttl])).toEqual([
      ['AAAA', 0],
      ['PTR', 0],
      ['A', 0],
      ['PTR', 0],
    ]);
  });

  it.each([PROBE, ANNOUNCEMENT, QUESTION, GOODBYE])('means the same when we write it', (hex) => {
    const read = decodeMessage(bytes(hex));
    expect(decodeMessage(encodeMessage(read))).toEqual(read);
  });

  it('gives data that is compared uncompressed (RFC 6762 §8.2)', () => {
    const { authorities } = decodeMessage(bytes(PROBE));
    const uncompressed = '0000000019a6066c6170746f70056c6f63616c00';
    expect(Buffer.from(dataBytes(authorities[0]!)).toString('hex')).toBe(uncompressed);
    expect(tieBreak(authorities, authorities.toReversed())).toBe('same');
  });
});
