import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { message, type ResourceRecord } from '../../../src/protocols/mdns/message.ts';
import { brief, fixedEntropy, publication, Segment } from '../../support/mdns-segment.ts';

function established(parts: Parameters<typeof publication>[0] = {}, fraction = 0.5) {
  const segment = new Segment();
  const web = segment.host('n1', '10.77.0.11', fixedEntropy(fraction));
  web.publish('web', publication({ verified: ['web.local', 'web._http._tcp.local'], ...parts }), 0);
  // Long enough for a quarter of every TTL to have passed since the last announcement.
  segment.run(2_000_000);
  return { segment, web };
}

const pointer: ResourceRecord = {
  name: '_http._tcp.local',
  type: 'PTR',
  ttl: 4500,
  flush: false,
  data: 'web._http._tcp.local',
};

describe('answering (RFC 6762 §6)', () => {
  it('gives unique records at once, to the group, whatever the case of the name', () => {
    const { segment } = established();
    const sent = segment.ask('WEB.Local', 'A', { wait: 0 });
    expect(sent).toHaveLength(1);
    expect(sent[0]?.to).toBeUndefined();
    expect(sent[0]?.message).toMatchObject({ id: 0, questions: [] });
    expect(sent[0]?.message.answers).toEqual([
      { name: 'web.local', type: 'A', ttl: 120, flush: true, data: ip('10.77.0.101') },
    ]);
  });

  it.each([
    [0, 20],
    [0.5, 70],
    [0.999, 119.9],
  ])('gives shared records after 20 to 120 ms (%d)', (fraction, delay) => {
    const { segment } = established({}, fraction);
    const asked = segment.now;
    const sent = segment.ask('_http._tcp.local', 'PTR');
    expect(sent.map(({ at }) => at - asked)).toEqual([expect.closeTo(delay, 1)]);
  });

  it('adds what will be asked next: SRV, TXT, address, and that there is no other family', () => {
    const { segment } = established();
    const [answer] = segment.ask('_http._tcp.local', 'PTR');
    expect(brief(answer?.message.answers ?? [])).toEqual(['PTR _http._tcp.local']);
    expect(brief(answer?.message.additionals ?? [])).toEqual([
      'SRV web._http._tcp.local',
      'TXT web._http._tcp.local',
      'A web.local',
      'NSEC web.local',
    ]);
  });

  it('lists its types (RFC 6763 §9)', () => {
    const { segment } = established();
    const [answer] = segment.ask('_services._dns-sd._udp.local', 'PTR');
    expect(answer?.message.answers.map(({ data }) => data)).toEqual(['_http._tcp.local']);
  });

  it('says that there is no AAAA (§6.1)', () => {
    const { segment } = established();
    const [answer] = segment.ask('web.local', 'AAAA', { wait: 0 });
    expect(answer?.message.answers).toEqual([
      { name: 'web.local', type: 'NSEC', ttl: 120, flush: true, data: { next: 'web.local', types: ['A'] } },
    ]);
  });

  it('gives both families when it has both', () => {
    const { segment } = established({ addresses: [ip('10.77.0.101'), ip('2001:db8::1')] });
    const [answer] = segment.ask('web.local', 'AAAA', { wait: 0 });
    expect(brief(answer?.message.answers ?? [])).toEqual(['AAAA web.local']);
    expect(brief(answer?.message.additionals ?? [])).toEqual(['A web.local']);
  });

  it('says nothing about names that are not ours', () => {
    const { segment } = established();
    expect(segment.ask('other.local', 'A')).toEqual([]);
    expect(segment.ask('_http._tcp.local', 'A')).toEqual([]);
  });

  it('answers several questions in one message', () => {
    const { segment } = established();
    const questions = ['A', 'AAAA'].map((type) => ({ name: 'web.local', type: type as 'A', unicast: false }));
    const sent = segment.inject(message('query', { questions }));
    expect(sent).toHaveLength(1);
    expect(brief(sent[0]?.message.answers ?? [])).toEqual(['A web.local', 'NSEC web.local']);
  });

  it('does not multicast a record twice within a second', () => {
    const { segment } = established();
    const first = segment.now;
    expect(segment.ask('web.local', 'A', { wait: 300 })).toHaveLength(1);
    expect(segment.ask('web.local', 'A', { wait: 600 })).toEqual([]);
    const [second] = segment.during(200);
    expect(second?.at).toBe(first + 1000);
  });

  it('leaves a shared answer to the one who was quicker (§7.4)', () => {
    const { segment } = established();
    expect(segment.ask('_http._tcp.local', 'PTR', { wait: 0 })).toEqual([]);
    segment.inject(message('response', { answers: [pointer] }));
    expect(segment.during(500)).toEqual([]);
  });
});

describe('known answers (RFC 6762 §7.1, §7.2)', () => {
  it('are not repeated', () => {
    const { segment } = established();
    expect(segment.ask('_http._tcp.local', 'PTR', { known: [{ ...pointer, ttl: 2250 }] })).toEqual([]);
  });

  it('are repeated once less than half of their life is left', () => {
    const { segment } = established();
    expect(segment.ask('_http._tcp.local', 'PTR', { known: [{ ...pointer, ttl: 2249 }] })).toHaveLength(1);
  });

  it('may follow in further messages after a truncated one', () => {
    const { segment } = established();
    const questions = [{ name: '_http._tcp.local', type: 'PTR', unicast: false }] as const;
    segment.inject(message('query', { questions, truncated: true }));
    expect(segment.during(200)).toEqual([]);
    segment.inject(message('query', { answers: [pointer] }));
    expect(segment.during(2000)).toEqual([]);
  });

  it('that never come do not keep the answer back for long', () => {
    const { segment } = established();
    const asked = segment.now;
    const questions = [{ name: 'web.local', type: 'A', unicast: false }] as const;
    segment.inject(message('query', { questions, truncated: true }));
    const sent = segment.during(2000);
    expect(sent.map(({ at }) => at - asked)).toEqual([450]);
  });
});

describe('unicast answers', () => {
  it('go to the asker of a QU question who alone lacks the record (§5.4)', () => {
    const { segment } = established();
    segment.ask('web.local', 'A', { wait: 5000 });
    const [answer] = segment.ask('web.local', 'A', { unicast: true, wait: 0 });
    expect(answer?.to).toMatchObject({ ip: '10.77.0.50', port: 5353 });
    expect(answer?.message).toMatchObject({ id: 0, questions: [], answers: [{ ttl: 120, flush: true }] });
  });

  it('become multicast when nobody has heard the record for a quarter of its life', () => {
    const { segment } = established();
    const [answer] = segment.ask('web.local', 'A', { unicast: true, wait: 0 });
    expect(answer?.to).toBeUndefined();
  });

  it('go to plain resolvers in plain form (§6.7)', () => {
    const { segment } = established();
    const [answer] = segment.ask('web.local', 'A', { port: 33333, id: 4711, wait: 0 });
    expect(answer?.to).toEqual({ channel: 0, ip: '10.77.0.50', port: 33333 });
    expect(answer?.message).toMatchObject({
      id: 4711,
      questions: [{ name: 'web.local', type: 'A', unicast: false }],
      answers: [{ type: 'A', ttl: 10, flush: false }],
    });
  });
});

describe('large answers', () => {
  it('are cut into datagrams that fit', () => {
    const services = Array.from({ length: 40 }, (_, i) => ({ type: `_t${i}._tcp`, port: i + 1, txt: {} }));
    const { segment } = established({ services });
    const sent = segment.ask('_services._dns-sd._udp.local', 'PTR');
    expect(sent.length).toBeGreaterThan(1);
    expect(sent.flatMap(({ message: { answers } }) => answers)).toHaveLength(40);
  });
});
