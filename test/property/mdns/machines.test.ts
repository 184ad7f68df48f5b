import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entropy } from '../../../src/model/time.ts';
import { message } from '../../../src/protocols/mdns/message.ts';
import { foldName } from '../../../src/protocols/mdns/name.ts';
import { instanceNameOf } from '../../../src/protocols/mdns/publication.ts';
import { attemptOf, renamedHost, renamedInstance } from '../../../src/protocols/mdns/rename.ts';
import { Responder } from '../../../src/protocols/mdns/responder.ts';
import { tieBreak } from '../../../src/protocols/mdns/tie-break.ts';
import * as arbitrary from '../../support/mdns-arbitraries.ts';
import { publication, Segment } from '../../support/mdns-segment.ts';

/** A small generator of its own, so that a failing case can be run again. */
function seeded(seed: number): Entropy {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return { bytes: (length) => Uint8Array.from({ length }, () => next() * 256), fraction: next };
}

const hosts = fc.array(fc.record({ start: fc.integer({ min: 0, max: 3000 }), seed: fc.nat() }), {
  minLength: 2,
  maxLength: 5,
});

describe('responders that want the same name', () => {
  it('all have one in the end, each another, whenever they start', () => {
    fc.assert(
      fc.property(hosts, (wishes) => {
        const { names } = contest(wishes, 0);
        expect(new Set(names).size).toBe(wishes.length);
      }),
      { numRuns: 150 },
    );
  });

  it('also when a third of the datagrams of the first seconds is lost', () => {
    fc.assert(
      fc.property(hosts, (wishes) => {
        const { names } = contest(wishes, 0.33);
        expect(new Set(names).size).toBe(wishes.length);
      }),
      { numRuns: 150 },
    );
  });

  it('fall silent once it is settled', () => {
    fc.assert(
      fc.property(hosts, (wishes) => {
        const { segment } = contest(wishes, 0);
        expect(segment.during(100_000)).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
});

function contest(wishes: readonly { start: number; seed: number }[], loss: number) {
  const segment = new Segment();
  const luck = seeded(wishes.reduce((sum, { seed }) => sum + seed, 1));
  segment.lost = () => segment.now < 6000 && luck.fraction() < loss;
  const nodes: Responder[] = [];
  for (const { start, seed, i } of wishes.map((wish, i) => ({ ...wish, i })).toSorted((a, b) => a.start - b.start)) {
    segment.run(start - segment.now);
    const node = segment.host(`n${i}`, `10.77.0.${11 + i}`, seeded(seed));
    node.publish('web', publication({ address: `10.77.0.${101 + i}` }), segment.now);
    nodes.push(node);
  }
  segment.run(60_000);
  // What two may have missed of each other comes to light when somebody asks.
  for (let round = 0; round < 5; round++) {
    segment.ask('web.local', 'ANY', { wait: 10_000 });
    for (const name of ['web-2', 'web-3', 'web-4']) segment.ask(`${name}.local`, 'ANY', { wait: 10_000 });
    segment.ask('_http._tcp.local', 'PTR', { wait: 10_000 });
  }
  for (const node of nodes) expect(node.status('web')?.established).toBe(true);
  return { segment, names: nodes.map((node) => foldName(node.status('web')?.hosts[0] ?? '')) };
}

describe('a responder', () => {
  it('survives any message, and always comes to rest', () => {
    const from = fc.record({
      channel: fc.constant(0),
      ip: fc.constant('10.77.0.50' as never),
      port: fc.constantFrom(5353, 40000),
    });
    const name = fc.constantFrom(
      'web.local',
      'WEB._http._tcp.local',
      '_http._tcp.local',
      '_services._dns-sd._udp.local',
    );
    const aimed = fc.tuple(arbitrary.message, fc.array(name, { minLength: 12, maxLength: 12 })).map(([any, names]) => {
      let i = 0;
      const at = <T extends { name: string }>(list: readonly T[]): T[] =>
        list.map((element) => ({ ...element, name: names[i++ % names.length] ?? '' }));
      return {
        ...any,
        questions: at(any.questions),
        answers: at(any.answers),
        authorities: at(any.authorities),
        additionals: at(any.additionals),
      };
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(aimed, from, fc.integer({ min: 0, max: 2000 })), { maxLength: 8 }), (arrivals) => {
        const node = new Responder({ entropy: seeded(1) });
        node.publish('web', publication(), 0);
        let now = 0;
        for (const [any, source, gap] of arrivals) {
          now += gap;
          node.receive(message(any.kind, any), source, now);
        }
        for (let steps = 0; node.deadline() !== undefined; steps++) {
          expect(steps).toBeLessThan(200);
          now = Math.max(now, node.deadline() ?? 0);
          node.advance(now);
        }
        expect(node.status('web')?.established).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

describe('tieBreak', () => {
  it('has one winner, whoever looks', () => {
    const records = fc.array(arbitrary.record, { minLength: 1, maxLength: 4 });
    const mirror = { ours: 'theirs', theirs: 'ours', same: 'same' } as const;
    fc.assert(
      fc.property(records, records, (a, b) => {
        expect(tieBreak(b, a)).toBe(mirror[tieBreak(a, b)]);
        expect(tieBreak(a, a.toReversed())).toBe('same');
      }),
    );
  });
});

describe('renaming', () => {
  it('is recognised again, and stays within a label', () => {
    fc.assert(
      fc.property(arbitrary.label, fc.integer({ min: 1, max: 9999 }), (label, attempt) => {
        const instance = renamedInstance(label, attempt);
        expect(Buffer.byteLength(instance)).toBeLessThanOrEqual(63);
        const nameAt = (n: number) => instanceNameOf(renamedInstance(label, n), '_http._tcp');
        expect(nameAt(attemptOf(nameAt(attempt), nameAt) ?? 0)).toBe(nameAt(attempt));
        const hostAt = (n: number) => renamedHost(`h${attempt}.local`, n);
        expect(attemptOf(hostAt(attempt), hostAt)).toBe(attempt);
      }),
    );
  });
});
