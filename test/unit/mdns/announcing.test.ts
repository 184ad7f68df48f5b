import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { message, type ResourceRecord } from '../../../src/protocols/mdns/message.ts';
import { brief, fixedEntropy, publication, Segment } from '../../support/mdns-segment.ts';

const responses = (segment: Segment, from = 0) =>
  segment.sent.slice(from).filter(({ message: { kind } }) => kind === 'response');

/** What an earlier owner has won. */
const OURS = ['web.local', 'web._http._tcp.local'];

/** A segment with `web.local` established and quiet. */
function established(parts: Parameters<typeof publication>[0] = {}) {
  const segment = new Segment();
  const web = segment.host('n1', '10.77.0.11');
  web.publish('web', publication(parts), 0);
  segment.run(10_000);
  return { segment, web };
}

describe('announcing (RFC 6762 §8.3)', () => {
  it('says everything at once, after one second and after three', () => {
    const segment = new Segment();
    segment.host('n1', '10.77.0.11').publish('web', publication({ verified: OURS }), 0);
    segment.run(60_000);
    expect(responses(segment).map(({ at }) => at)).toEqual([0, 1000, 3000]);
    for (const { message: announcement } of responses(segment)) {
      expect(announcement.answers.map(({ type, name, ttl, flush }) => [type, name, ttl, flush])).toEqual([
        ['A', 'web.local', 120, true],
        ['SRV', 'web._http._tcp.local', 120, true],
        ['TXT', 'web._http._tcp.local', 4500, true],
        ['PTR', '_http._tcp.local', 4500, false],
        ['PTR', '_services._dns-sd._udp.local', 4500, false],
      ]);
    }
  });

  it('puts a thousand takeovers at the same moment into few datagrams', () => {
    const segment = new Segment();
    const node = segment.host('n1', '10.77.0.11');
    for (let i = 0; i < 1000; i++) {
      node.publish(
        `s${i}`,
        publication({ hosts: [`s${i}.local`], instance: `s${i}`, verified: [`s${i}.local`, `s${i}._http._tcp.local`] }),
        0,
      );
    }
    segment.run(0);
    expect(segment.sent.flatMap(({ message: { answers } }) => answers).filter(({ type }) => type === 'A')).toHaveLength(
      1000,
    );
    expect(segment.sent.length).toBeLessThan(250);
  });

  it('announces a changed address with the cache-flush bit, without probing and without a goodbye', () => {
    const { segment, web } = established();
    const before = segment.sent.length;
    web.publish('web', publication({ address: '10.77.0.102' }), segment.now);
    segment.run(5000);
    const sent = segment.sent.slice(before);
    expect(sent.every(({ message: { kind } }) => kind === 'response')).toBe(true);
    expect(sent[0]?.message.answers).toContainEqual({
      name: 'web.local',
      type: 'A',
      ttl: 120,
      flush: true,
      data: ip('10.77.0.102'),
    });
    expect(sent.flatMap(({ message: { answers } }) => answers).filter(({ ttl }) => ttl === 0)).toEqual([]);
  });

  it('says nothing when nothing changed', () => {
    const { segment, web } = established();
    web.publish('web', publication(), segment.now);
    expect(segment.during(10_000)).toEqual([]);
  });

  it('probes only for the name that is new', () => {
    const { segment, web } = established();
    const services = [
      { type: '_http._tcp', port: 80, txt: {} },
      { type: '_ssh._tcp', port: 22, txt: {} },
    ];
    web.publish('web', publication({ services }), segment.now);
    const [probe] = segment.during(0);
    expect(probe?.message.questions.map(({ name }) => name)).toEqual(['web._ssh._tcp.local']);
    expect(segment.ask('web.local', 'A', { wait: 0 })).toHaveLength(1);
  });

  it('gives a second port of one type an instance of its own', () => {
    const services = [80, 8080].map((port) => ({ type: '_http._tcp', port, txt: {} }));
    const { segment } = established({ services });
    const [answer] = segment.ask('_http._tcp.local', 'PTR');
    expect(answer?.message.answers.map(({ data }) => data)).toEqual([
      'web._http._tcp.local',
      'web 8080._http._tcp.local',
    ]);
  });
});

describe('a move to another node', () => {
  const ours = { verified: OURS };

  it('is announced at once, and the old owner, should it live, takes it for no conflict', () => {
    const { segment, web } = established();
    const next = segment.host('n2', '10.77.0.12', fixedEntropy(0.9));
    const before = segment.sent.length;
    const at = segment.now;
    next.publish('web', publication(ours), segment.now);
    segment.run(10_000);
    expect(responses(segment, before)[0]).toMatchObject({ at, from: 'n2' });
    expect(segment.sent.slice(before).every(({ message: { kind } }) => kind === 'response')).toBe(true);
    for (const node of [web, next])
      expect(node.status('web')).toMatchObject({ established: true, hosts: ['web.local'] });
  });

  it('keeps names that were renamed, each as it was', () => {
    const segment = new Segment();
    const node = segment.host('n2', '10.77.0.12');
    const services = [
      { type: '_http._tcp', port: 80, txt: {} },
      { type: '_http._tcp', port: 8080, txt: {} },
      { type: '_ssh._tcp', port: 22, txt: {} },
    ];
    const verified = [
      'web-2.local',
      'web (3)._http._tcp.local',
      'web 8080 (2)._http._tcp.local',
      'web._ssh._tcp.local',
    ];
    node.publish('web', publication({ services, verified }), 0);
    segment.run(0);
    expect(node.status('web')).toMatchObject({
      established: true,
      hosts: ['web-2.local'],
      instances: verified.slice(1),
    });
    expect(segment.sent.filter(({ message: { kind } }) => kind === 'query')).toEqual([]);
  });

  it('announces the host at once and asks about an instance that nobody had before', () => {
    const segment = new Segment();
    const node = segment.host('n2', '10.77.0.12');
    node.publish('web', publication({ verified: ['web-2.local'] }), 0);
    segment.run(0);
    expect(node.status('web')?.hosts).toEqual(['web-2.local']);
    expect(brief(responses(segment)[0]?.message.answers ?? [])).toEqual(['A web-2.local']);
    expect(segment.sent[0]?.message.questions.map(({ name }) => name)).toEqual(['web._http._tcp.local']);
  });

  it('does not believe in names that have nothing to do with what is asked for', () => {
    const segment = new Segment();
    const node = segment.host('n2', '10.77.0.12');
    node.publish('web', publication({ verified: ['shop.local', 'web2.local'] }), 0);
    expect(node.status('web')).toMatchObject({ established: false, hosts: ['web.local'] });
  });
});

describe('goodbye (RFC 6762 §10.1)', () => {
  it('ends every record with TTL 0, twice, and answers no more', () => {
    const { segment, web } = established();
    const before = segment.sent.length;
    web.withdraw('web', segment.now);
    segment.run(5000);
    const goodbyes = responses(segment, before);
    expect(goodbyes).toHaveLength(2);
    for (const { message: goodbye } of goodbyes) {
      expect(goodbye.answers).toHaveLength(5);
      expect(goodbye.answers.every(({ ttl }) => ttl === 0)).toBe(true);
    }
    expect(segment.ask('web.local', 'ANY')).toEqual([]);
  });

  it('leaves shared records to the other Service that has them too', () => {
    const { segment, web } = established();
    web.publish('shop', publication({ hosts: ['shop.local'], instance: 'shop' }), segment.now);
    segment.run(10_000);
    const before = segment.sent.length;
    web.withdraw('web', segment.now);
    segment.run(5000);
    const gone = brief(segment.sent.slice(before).flatMap(({ message: { answers } }) => answers));
    expect(gone).toContain('PTR _http._tcp.local');
    expect(gone).not.toContain('PTR _services._dns-sd._udp.local');
  });

  it('is taken back when the name comes back', () => {
    const { segment, web } = established();
    web.withdraw('web', segment.now);
    segment.run(500);
    web.publish('web', publication({ verified: OURS }), segment.now);
    const answers = segment.during(5000).flatMap(({ message: { answers: all } }) => all);
    expect(answers.filter(({ ttl }) => ttl === 0)).toEqual([]);
  });

  it('is not said when the names move on', () => {
    const { segment, web } = established();
    web.forget('web');
    expect(segment.during(5000)).toEqual([]);
    expect(segment.ask('web.local', 'A')).toEqual([]);
  });

  it('of somebody else for a record that holds here is put right (§6.6)', () => {
    const { segment } = established();
    const gone: ResourceRecord = { name: 'web.local', type: 'A', ttl: 0, flush: true, data: ip('10.77.0.101') };
    const [rescue] = segment.inject(message('response', { answers: [gone] }));
    expect(rescue?.message.answers).toEqual([{ ...gone, ttl: 120 }]);
  });
});

describe('defending (RFC 6762 §9)', () => {
  const foreign: ResourceRecord = { name: 'Web.local', type: 'A', ttl: 120, flush: true, data: ip('10.77.0.50') };

  it('answers the probe of another host at once', () => {
    const { segment } = established();
    const questions = [{ name: 'web.local', type: 'ANY', unicast: false }] as const;
    const probe = message('query', { questions, authorities: [{ ...foreign, flush: false }] });
    const [defence] = segment.inject(probe);
    expect(brief(defence?.message.answers ?? [])).toEqual(['A web.local']);
  });

  it('answers a flood of probes four times a second, and no more (§6)', () => {
    const { segment } = established();
    const questions = [{ name: 'web.local', type: 'ANY', unicast: false }] as const;
    const before = segment.sent.length;
    for (let i = 0; i < 1000; i++) {
      segment.inject(message('query', { questions, authorities: [{ ...foreign, flush: false }] }));
      segment.run(1);
    }
    expect(segment.sent.slice(before).length).toBeLessThanOrEqual(5);
  });

  it('asks again when another host claims the name, and keeps it if nobody insists', () => {
    const { segment, web } = established();
    segment.inject(message('response', { answers: [foreign] }));
    // Nobody can answer for a name in doubt, but it is not said to be lost before it is.
    expect(segment.ask('web.local', 'A', { wait: 0 })).toEqual([]);
    expect(web.status('web')).toMatchObject({ established: true, hosts: ['web.local'] });
    const probing = segment.sent.length - 1;
    segment.run(800);
    const probes = segment.sent.slice(probing).filter(({ message: { kind } }) => kind === 'query');
    expect(probes).toHaveLength(3);
    expect(web.status('web')).toMatchObject({ established: true, hosts: ['web.local'] });
    segment.run(1000);
    expect(segment.ask('web.local', 'A', { wait: 1000 })).not.toEqual([]);
  });

  it('gives the name up when the other insists', () => {
    const { segment, web } = established();
    segment.inject(message('response', { answers: [foreign] }));
    segment.run(100);
    segment.inject(message('response', { answers: [foreign] }));
    expect(web.status('web')).toMatchObject({ established: false, hosts: ['web-2.local'] });
    segment.run(1000);
    expect(web.status('web')).toMatchObject({ established: true, hosts: ['web-2.local'] });
  });

  it('never takes a name that another Service of ours has', () => {
    const { segment, web } = established();
    web.publish('other', publication({ hosts: ['web-2.local'], instance: 'other' }), segment.now);
    segment.run(5000);
    segment.inject(message('response', { answers: [foreign] }));
    segment.inject(message('response', { answers: [foreign] }));
    expect(web.status('web')?.hosts).toEqual(['web-3.local']);
  });

  it('says everything again, without asking, when a family has come to the link', () => {
    const { segment, web } = established();
    web.announce(segment.now);
    const sent = segment.during(5000);
    expect(sent.map(({ message: { kind } }) => kind)).toEqual(['response', 'response', 'response']);
    expect(sent[0]?.message.answers).toHaveLength(5);
    expect(web.status('web')?.established).toBe(true);
  });

  it('probes anew after the link was away', () => {
    const { segment, web } = established();
    web.restart(segment.now);
    expect(web.status('web')?.established).toBe(false);
    segment.run(750);
    expect(web.status('web')?.established).toBe(true);
  });
});
