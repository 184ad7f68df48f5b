import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { message, type ResourceRecord } from '../../../src/protocols/mdns/message.ts';
import { tieBreak } from '../../../src/protocols/mdns/tie-break.ts';
import { fixedEntropy, publication, Segment } from '../../support/mdns-segment.ts';

const a = (address: string, name = 'web.local'): ResourceRecord => ({
  name,
  type: 'A',
  ttl: 120,
  flush: true,
  data: ip(address),
});

describe('probing (RFC 6762 §8.1)', () => {
  it('asks three times, 250 ms apart, after a random delay, and announces 250 ms after the last', () => {
    const segment = new Segment();
    const web = segment.host('n1', '10.77.0.11', fixedEntropy(0.4));
    web.publish('web', publication(), 0);
    segment.run(900);
    const probes = segment.sent.filter(({ message: { kind } }) => kind === 'query');
    expect(probes.map(({ at }) => at)).toEqual([100, 350, 600]);
    expect(segment.sent.map(({ at }) => at)).toEqual([100, 350, 600, 850]);
    expect(web.status('web')).toMatchObject({ established: true, hosts: ['web.local'] });
  });

  it('puts all its names into one message, with the proposed records and without the cache-flush bit', () => {
    const segment = new Segment();
    segment.host('n1', '10.77.0.11').publish('web', publication(), 0);
    segment.run(0);
    const [probe] = segment.sent;
    expect(probe?.message.questions).toEqual([
      { name: 'web.local', type: 'ANY', unicast: false },
      { name: 'web._http._tcp.local', type: 'ANY', unicast: false },
    ]);
    expect(probe?.message.authorities.map(({ type, flush }) => [type, flush])).toEqual([
      ['A', false],
      ['SRV', false],
      ['TXT', false],
    ]);
  });

  it('answers nothing while it is probing', () => {
    const segment = new Segment();
    segment.host('n1', '10.77.0.11').publish('web', publication(), 0);
    segment.run(300);
    expect(segment.ask('web.local', 'A', { wait: 100 })).toEqual([]);
  });

  it('takes the next name when another host answers', () => {
    const segment = new Segment();
    const web = segment.host('n1', '10.77.0.11');
    web.publish('web', publication(), 0);
    segment.run(100);
    segment.inject(message('response', { answers: [a('10.77.0.50')] }));
    expect(segment.changes.map(({ key }) => key)).toEqual(['web']);
    segment.run(1000);
    expect(web.status('web')).toMatchObject({
      established: true,
      hosts: ['web-2.local'],
      instances: ['web._http._tcp.local'],
    });
    const announced = segment.sent.findLast(({ message: { kind } }) => kind === 'response')?.message.answers;
    expect(announced?.find(({ type }) => type === 'SRV')?.data).toMatchObject({ target: 'web-2.local' });
  });

  it('counts further conflicts: web-3.local, and Web (2) for an instance', () => {
    const segment = new Segment();
    const web = segment.host('n1', '10.77.0.11');
    web.publish('web', publication({ instance: 'Web' }), 0);
    segment.inject(message('response', { answers: [a('10.77.0.50')] }));
    segment.inject(message('response', { answers: [a('10.77.0.50', 'WEB-2.local')] }));
    const srv = { priority: 0, weight: 0, port: 1, target: 'other.local' };
    const answers: ResourceRecord[] = [{ name: 'web._http._tcp.local', type: 'SRV', ttl: 120, flush: true, data: srv }];
    segment.inject(message('response', { answers }));
    segment.run(1000);
    expect(web.status('web')).toMatchObject({
      established: true,
      hosts: ['web-3.local'],
      instances: ['Web (2)._http._tcp.local'],
    });
  });

  it('is not put off by the same records, by goodbyes, or by answers from another port than 5353', () => {
    const segment = new Segment();
    const web = segment.host('n1', '10.77.0.11');
    web.publish('web', publication(), 0);
    segment.inject(message('response', { answers: [a('10.77.0.101')] }));
    segment.inject(message('response', { answers: [{ ...a('10.77.0.50'), ttl: 0 }] }));
    segment.inject(message('response', { answers: [a('10.77.0.50')] }), { ip: '10.77.0.50', port: 1234 });
    segment.run(1000);
    expect(web.status('web')?.hosts).toEqual(['web.local']);
  });

  it('waits five seconds between attempts after fifteen conflicts in ten', () => {
    const segment = new Segment();
    const web = segment.host('n1', '10.77.0.11');
    web.publish('web', publication({ services: [] }), 0);
    for (let i = 1; i <= 15; i++) {
      const name = i === 1 ? 'web.local' : `web-${i}.local`;
      segment.inject(message('response', { answers: [a('10.77.0.50', name)] }));
    }
    expect(web.deadline()).toBe(5000);
  });
});

describe('simultaneous probes (RFC 6762 §8.2)', () => {
  const probe = (address: string) =>
    message('query', {
      questions: [{ name: 'web.local', type: 'ANY', unicast: false }],
      authorities: [{ ...a(address), flush: false }],
    });

  it('goes on when its data comes later in order', () => {
    const segment = new Segment();
    const web = segment.host('n1', '10.77.0.11');
    web.publish('web', publication(), 0);
    segment.run(100);
    segment.inject(probe('10.77.0.100'));
    segment.run(650);
    expect(web.status('web')?.established).toBe(true);
  });

  it('starts over a second later when it loses, and then asks anew', () => {
    const segment = new Segment();
    const web = segment.host('n1', '10.77.0.11');
    web.publish('web', publication({ services: [] }), 0);
    segment.run(100);
    segment.inject(probe('10.77.0.102'));
    expect(segment.during(999)).toEqual([]);
    expect(segment.during(1).map(({ message: { kind } }) => kind)).toEqual(['query']);
    segment.inject(message('response', { answers: [a('10.77.0.102')] }));
    segment.run(800);
    expect(web.status('web')?.hosts).toEqual(['web-2.local']);
  });

  it('keeps the name when the winner of the tie never takes it', () => {
    const segment = new Segment();
    const web = segment.host('n1', '10.77.0.11');
    web.publish('web', publication({ services: [] }), 0);
    segment.inject(probe('10.77.0.102'));
    segment.run(1750);
    expect(web.status('web')).toMatchObject({ established: true, hosts: ['web.local'] });
  });

  it('is no conflict when both say the same', () => {
    const segment = new Segment();
    const web = segment.host('n1', '10.77.0.11');
    web.publish('web', publication({ services: [] }), 0);
    segment.inject(probe('10.77.0.101'));
    segment.run(750);
    expect(web.status('web')?.established).toBe(true);
  });

  it('compares as the RFC does: bytes as unsigned numbers, the longer list last', () => {
    expect(tieBreak([a('169.254.200.50')], [a('169.254.99.200')])).toBe('ours');
    expect(tieBreak([a('10.0.0.1')], [a('10.0.0.1'), a('10.0.0.2')])).toBe('theirs');
    expect(tieBreak([a('10.0.0.2'), a('10.0.0.1')], [a('10.0.0.1'), a('10.0.0.2')])).toBe('same');
    const v6: ResourceRecord = { name: 'web.local', type: 'AAAA', ttl: 120, flush: true, data: ip('::1') };
    expect(tieBreak([v6], [a('255.0.0.1')])).toBe('ours');
  });
});
