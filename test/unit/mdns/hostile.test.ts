import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { Browser } from '../../../src/protocols/mdns/browser.ts';
import { decodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { message, type Message, type ResourceRecord } from '../../../src/protocols/mdns/message.ts';
import type { Source } from '../../../src/protocols/mdns/source.ts';
import { bytesInUse } from '../../support/heap.ts';
import { fixedEntropy, publication, Segment } from '../../support/mdns-segment.ts';

const NAMES = 10_000;
const MEGABYTE = 1 << 20;

/** A responder with `web.local` established. */
function responder() {
  const segment = new Segment();
  const web = segment.host('n1', '10.77.0.11');
  web.publish('web', publication(), 0);
  segment.run(10_000);
  return { segment, web };
}

const from = (i: number, port = 5353): Source => ({
  channel: 4,
  ip: ip(`10.77.${(i >> 8) & 255}.${i & 255}`),
  port,
});
const a = (name: string, data = '10.77.0.50'): ResourceRecord => ({
  name,
  type: 'A',
  ttl: 120,
  flush: true,
  data: ip(data),
});

describe('a flood from a hostile host', () => {
  const question = { name: 'web.local', type: 'ANY', unicast: true } as const;
  const floods: Record<string, (i: number) => readonly [Message, Source]> = {
    'queries for 10 000 distinct names': (i) => [
      message('query', { questions: [{ ...question, name: `x${i}.local` }] }),
      from(i),
    ],
    'answers with 10 000 distinct names': (i) => [message('response', { answers: [a(`x${i}.local`)] }), from(i)],
    'probes for 10 000 distinct names': (i) => [
      message('query', { questions: [{ ...question, name: `x${i}.local` }], authorities: [a(`x${i}.local`)] }),
      from(i),
    ],
    'truncated queries from 10 000 hosts, whose known answers never come': (i) => [
      message('query', { questions: [question], truncated: true }),
      from(i),
    ],
    'known answers without end from one host': (i) => [
      message('query', { questions: [question], answers: [a(`x${i}.local`)], truncated: true }),
      from(1),
    ],
    'plain resolvers on 10 000 ports': (i) => [message('query', { questions: [question] }), from(1, 10_000 + i)],
    'rivals for our name with 10 000 addresses': (i) => [
      message('response', { answers: [a('web.local', `10.88.${(i >> 8) & 255}.${i & 255}`)] }),
      from(i),
    ],
  };

  it.each(Object.entries(floods))('leaves the memory of the responder flat: %s', (_what, flood) => {
    const { segment, web } = responder();
    const before = bytesInUse();
    let sent = 0;
    for (let i = 0; i < NAMES; i++) sent += web.receive(...flood(i), segment.now + i / 10).length;
    expect(bytesInUse() - before).toBeLessThan(2 * MEGABYTE);
    // Nor does it answer more than it is asked.
    expect(sent).toBeLessThanOrEqual(NAMES + 10);
    segment.run(60_000);
    expect(web.deadline()).toBeUndefined();
    expect(web.status('web')).toMatchObject({ established: true });
  });

  it('leaves the memory of a search bounded, and does not make it flood the LAN in turn', () => {
    const browser = new Browser({ entropy: fixedEntropy(0) }, 0);
    const before = bytesInUse();
    for (let i = 0; i < NAMES; i++) {
      const type: ResourceRecord = {
        name: '_services._dns-sd._udp.local',
        type: 'PTR',
        ttl: 4500,
        flush: false,
        data: `_x${i}._tcp.local`,
      };
      browser.receive(message('response', { answers: [type, a(`x${i}.local`)] }), { port: 5353 }, 100);
    }
    expect(bytesInUse() - before).toBeLessThan(8 * MEGABYTE);
    const { send } = browser.advance(200);
    expect(send.flatMap(({ questions }) => questions).length).toBeLessThanOrEqual(1025);
  });
});

describe('poisoned answers', () => {
  const poison = (...answers: ResourceRecord[]): Message => message('response', { answers });

  it('do not change what the responder says of its names', () => {
    const { segment } = responder();
    const goodbye = { ...a('web.local', '10.77.0.101'), ttl: 0 };
    segment.inject(poison(goodbye, a('_http._tcp.local'), a('other.local')));
    segment.run(2000);
    const [answer] = segment.ask('web.local', 'A', { wait: 0 });
    expect(answer?.message.answers).toEqual([a('web.local', '10.77.0.101')]);
  });

  it('from another port than 5353 are no answers at all', () => {
    const { segment, web } = responder();
    segment.inject(poison(a('web.local')), { ip: '10.77.0.50', port: 4444 });
    expect(segment.during(10_000)).toEqual([]);
    expect(web.status('web')).toMatchObject({ established: true, hosts: ['web.local'] });
    const browser = new Browser({ entropy: fixedEntropy(0) }, 0);
    expect(browser.receive(poison(a('web.local')), { port: 4444 }, 0)).toBe(false);
  });
});

describe('names that lead nowhere', () => {
  const header = (answers: number) => [0, 0, 0x84, 0, 0, 0, 0, answers, 0, 0, 0, 0];
  const rest = [0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4, 10, 77, 0, 50];
  const loops: Record<string, readonly number[]> = {
    'a pointer to itself': [...header(1), 0xc0, 12, ...rest],
    'two pointers to each other': [...header(2), 0xc0, 28, ...rest, 0xc0, 12, ...rest],
    'a pointer behind itself': [...header(1), 1, 0x61, 0xc0, 40, ...rest],
    'a label that leads back to its own start': [...header(1), 1, 0x61, 0xc0, 12, ...rest],
    'a chain of a thousand pointers, hidden in the data of an unknown type': [
      ...header(2),
      ...[0, 0, 99, 0, 1, 0, 0, 0, 120, 2003 >> 8, 2003 & 255],
      ...[1, 0x61, 0, ...Array.from({ length: 1000 }, (_, i) => pointer(i === 0 ? 23 : 24 + 2 * i)).flat()],
      ...pointer(24 + 2 * 1000),
      ...rest,
    ],
  };

  it.each(Object.entries(loops))('are refused with a DecodeError: %s', (_what, bytes) => {
    expect(() => decodeMessage(Uint8Array.from(bytes))).toThrow(DecodeError);
  });
});

function pointer(to: number): number[] {
  return [0xc0 | (to >> 8), to & 255];
}
