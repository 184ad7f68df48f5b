import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { Browser } from '../../../src/protocols/mdns/browser.ts';
import { message, type Message, type ResourceRecord } from '../../../src/protocols/mdns/message.ts';
import { hostRecords, instanceRecords, pointerRecords } from '../../../src/protocols/mdns/publication.ts';
import { RecordCache } from '../../../src/protocols/mdns/record-cache.ts';
import { readTxt } from '../../../src/protocols/mdns/txt.ts';
import { fixedEntropy } from '../../support/mdns-segment.ts';

const MDNS = { port: 5353 };
const service = { type: '_http._tcp', port: 80, txt: { path: '/' } };
const name = 'Web 2\\.0._http._tcp.local';
const pointers = pointerRecords(name, '_http._tcp');
const rest = [...instanceRecords(name, 'web.local', service), ...hostRecords('web.local', [ip('10.77.0.101')])];
const noV6: ResourceRecord = {
  name: 'web.local',
  type: 'NSEC',
  ttl: 120,
  flush: true,
  data: { next: 'web.local', types: ['A'] },
};
const answer = (...answers: ResourceRecord[]) => message('response', { answers });

function browse(types?: string[]) {
  const browser = new Browser({ ...(types ? { types } : {}), entropy: fixedEntropy(0) }, 0);
  const run = (until: number): { at: number; message: Message }[] => {
    const sent: { at: number; message: Message }[] = [];
    for (let at = browser.deadline(); at !== undefined && at <= until; at = browser.deadline()) {
      for (const query of browser.advance(at).send) sent.push({ at, message: query });
    }
    return sent;
  };
  return { browser, run };
}
const asked = (sent: { message: Message }[]) =>
  sent.flatMap(({ message: { questions } }) => questions.map((q) => `${q.type} ${q.name}`));

describe('Browser', () => {
  it('asks for all types ever more rarely (RFC 6762 §5.2)', () => {
    const { run } = browse();
    const sent = run(10_000);
    expect(sent.map(({ at }) => at)).toEqual([20, 1020, 3020, 7020]);
    expect(new Set(asked(sent))).toEqual(new Set(['PTR _services._dns-sd._udp.local']));
    const day = run(24 * 3_600_000);
    expect((day.at(-1)?.at ?? 0) - (day.at(-2)?.at ?? 0)).toBe(3_600_000);
  });

  it('goes from types to instances to hosts, asking only for what is missing', () => {
    const { browser, run } = browse();
    run(20);
    browser.receive(answer(...pointers.slice(1)), MDNS, 50);
    expect(asked(run(60))).toEqual(['PTR _http._tcp.local']);
    browser.receive(answer(...pointers.slice(0, 1)), MDNS, 100);
    expect(browser.instances()).toEqual([{ instance: 'Web 2.0', type: '_http._tcp', addresses: [], txt: {} }]);
    expect(asked(run(110))).toEqual([`SRV ${name}`, `TXT ${name}`]);
    browser.receive(answer(...rest.slice(0, 2)), MDNS, 150);
    expect(asked(run(160))).toEqual(['A web.local', 'AAAA web.local']);
    browser.receive(answer(...rest.slice(2), noV6), MDNS, 200);
    const [found] = browser.instances();
    expect(found).toEqual({
      instance: 'Web 2.0',
      type: '_http._tcp',
      host: 'web.local',
      port: 80,
      addresses: ['10.77.0.101'],
      txt: { path: '/' },
    });
    expect(found && browser.isResolved(found)).toBe(true);
    expect(asked(run(5000)).filter((question) => !question.startsWith('PTR'))).toEqual([]);
  });

  it('takes everything from one answer with additional records, and tells what it knows', () => {
    const { browser, run } = browse(['_http._tcp']);
    expect(asked(run(20))).toEqual(['PTR _http._tcp.local']);
    const whole = message('response', { answers: pointers.slice(0, 1), additionals: [...rest, noV6] });
    expect(browser.receive(whole, MDNS, 30)).toBe(true);
    expect(browser.receive(whole, MDNS, 31)).toBe(false);
    const [again] = run(1020);
    expect(again?.message.answers).toEqual([{ ...pointers[0], ttl: 4499 }]);
  });

  it('asks again before what it needs runs out, and forgets what nobody confirms', () => {
    const { browser, run } = browse(['_http._tcp']);
    run(20);
    browser.receive(answer(...pointers, ...rest, noV6), MDNS, 20);
    const early = run(96_019).filter(({ at }) => at > 20);
    expect(asked(early).filter((question) => !question.startsWith('PTR'))).toEqual([]);
    expect(asked(run(96_020))).toEqual([`SRV ${name}`, 'A web.local']);
    run(120_020);
    expect(browser.instances()[0]?.host).toBeUndefined();
  });

  it('forgets an instance a second after its goodbye', () => {
    const { browser } = browse(['_http._tcp']);
    browser.receive(answer(...pointers), MDNS, 0);
    browser.advance(4000);
    browser.receive(answer(...pointers.map((record) => ({ ...record, ttl: 0 }))), MDNS, 5000);
    expect(browser.instances()).toHaveLength(1);
    expect(browser.advance(6000).changed).toBe(true);
    expect(browser.instances()).toEqual([]);
  });

  it('follows an address that moves with the cache-flush bit', () => {
    const { browser } = browse(['_http._tcp']);
    browser.receive(answer(...pointers, ...rest), MDNS, 0);
    browser.receive(answer(...hostRecords('web.local', [ip('10.77.0.102')])), MDNS, 5000);
    browser.advance(6000);
    expect(browser.instances()[0]?.addresses).toEqual(['10.77.0.102']);
  });

  it('believes only answers from port 5353, and no pointer that leads elsewhere', () => {
    const { browser } = browse(['_http._tcp']);
    browser.receive(answer(...pointers), { port: 1234 }, 0);
    browser.receive(message('query', { answers: pointers }), MDNS, 0);
    browser.receive(answer({ ...pointers[0]!, data: 'web._ssh._tcp.local' } as ResourceRecord), MDNS, 0);
    expect(browser.instances()).toEqual([]);
  });

  it('does not let a flood of types fill memory or LAN', () => {
    const { browser, run } = browse();
    for (let i = 0; i < 6000; i++) {
      const data = `_t${i}._tcp.local`;
      const pointer = { name: '_services._dns-sd._udp.local', type: 'PTR', ttl: 4500, flush: false, data } as const;
      browser.receive(answer(pointer), MDNS, 0);
    }
    const questions = asked(run(20));
    expect(questions.length).toBe(1024);
  });
});

describe('RecordCache', () => {
  it('does not let a set that arrives in two parts end itself (RFC 6762 §10.2)', () => {
    const cache = new RecordCache();
    const [a, b] = hostRecords('web.local', [ip('10.0.0.1'), ip('10.0.0.2')]);
    cache.add(a!, 0);
    cache.add(b!, 500);
    cache.expire(5000);
    expect(cache.get('WEB.local', 'A')).toHaveLength(2);
  });
});

describe('readTxt', () => {
  it('takes the first of a key, whatever its case, and keys without a value', () => {
    const strings = ['Path=/a', 'path=/b', 'flag', '=x', '', 'eq=a=b'].map((text) =>
      Uint8Array.from(Buffer.from(text)),
    );
    expect(readTxt(strings)).toEqual({ path: '/a', flag: '', eq: 'a=b' });
  });
});
