/** Whatever happens to two BFD sessions: they end up where they belong, and never send faster than they may. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chanceFrom } from '../../support/chance.ts';
import { createBfdWorld, type End } from '../../support/bfd-world.ts';

const timers = fc.record({
  transmitInterval: fc.constantFrom(10, 50, 300),
  receiveInterval: fc.constantFrom(10, 50, 300),
  multiplier: fc.integer({ min: 1, max: 5 }),
});
const event = fc.oneof(
  fc.record({
    kind: fc.constantFrom('start' as const, 'stop' as const, 'restart' as const),
    end: fc.constantFrom<End>('a', 'b'),
  }),
  fc.record({ kind: fc.constant('loss' as const), a: fc.constantFrom(0, 0.3, 1), b: fc.constantFrom(0, 0.3, 1) }),
  fc.record({ kind: fc.constant('pass' as const), delay: fc.constantFrom(1, 100, 1000, 5000) }),
);

describe('two BFD sessions', () => {
  it('are up in the end, and the path is down when nothing arrives', () => {
    fc.assert(
      fc.property(timers, timers, fc.array(event, { maxLength: 20 }), fc.nat(), (a, b, events, seed) => {
        const world = createBfdWorld({ a, b }, seed);
        const chance = chanceFrom(seed);
        for (const each of events) {
          if (each.kind === 'pass') world.run(each.delay);
          else if (each.kind === 'loss') world.arrives = (end) => !chance.happens(each[end]);
          else world[each.kind](each.end);
        }
        world.arrives = () => true;
        world.start('a');
        world.start('b');
        world.run(15_000);
        expect([world.sessions.a.state, world.sessions.b.state]).toEqual(['Up', 'Up']);

        const since = world.now;
        world.run(3000);
        for (const [end, mine, theirs] of [
          ['a', a, b],
          ['b', b, a],
        ] as const) {
          const sent = world.sent.filter((packet) => packet.end === end && packet.at > since && !packet.packet.final);
          const least = 0.75 * Math.max(mine.transmitInterval, theirs.receiveInterval);
          const gaps = sent.slice(1).map(({ at }, i) => at - sent[i]!.at);
          expect(Math.min(...gaps, Infinity)).toBeGreaterThanOrEqual(least - 1e-6);
        }

        const detection = Math.max(world.sessions.a.detectionTime, world.sessions.b.detectionTime);
        world.arrives = () => false;
        world.run(detection + 2);
        expect([world.sessions.a.state, world.sessions.b.state]).toEqual(['Down', 'Down']);
        // And every "up" has its "down".
        for (const end of ['a', 'b'] as const) {
          const kinds = world.events.filter((each) => each.end === end).map(({ output }) => output.kind);
          expect(kinds.at(-1)).toBe('down');
        }
      }),
      { numRuns: 300 },
    );
  });
});
