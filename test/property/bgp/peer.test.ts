/** Whatever happens to two peers, in whatever order: in the end each knows exactly what the other wants it to know. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import type { Route } from '../../../src/protocols/bgp/route.ts';
import { createBgpWorld, route, type Side } from '../../support/bgp-world.ts';

type Event =
  | { kind: 'start' | 'stop' | 'restart-silently' | 'reset' | 'kill' | 'bfd' | 'drain' | 'undrain'; side: Side }
  | { kind: 'routes'; side: Side; routes: Route[] }
  | { kind: 'wire'; up: boolean }
  | { kind: 'break' }
  | { kind: 'pass'; delay: number };

const side = fc.constantFrom<Side>('a', 'b');
const routes = fc
  .uniqueArray(
    fc.record({
      n: fc.integer({ min: 0, max: 20 }),
      six: fc.boolean(),
      med: fc.constantFrom(undefined, 1, 2),
      prepend: fc.constantFrom(0, 2),
    }),
    { selector: ({ n, six }) => `${n}${six}`, maxLength: 20 },
  )
  .map((all) =>
    all.map(({ n, six, med, prepend }) =>
      route(six ? `2001:db8:99::${n}/128` : `10.99.0.${n}/32`, { prepend, ...(med !== undefined && { med }) }),
    ),
  );
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('start', 'stop', 'restart-silently', 'reset', 'kill', 'bfd', 'drain', 'undrain'),
    side,
  }),
  fc.record({ kind: fc.constant('routes' as const), side, routes }),
  fc.record({ kind: fc.constant('wire' as const), up: fc.boolean() }),
  fc.constant({ kind: 'break' as const }),
  fc.record({ kind: fc.constant('pass' as const), delay: fc.constantFrom(0, 1, 2, 5, 100, 300, 2000, 10_000) }),
);
const settings = fc.record({
  seed: fc.nat(),
  passive: fc.constantFrom<Side | undefined>(undefined, 'a', 'b'),
  graceful: fc.boolean(),
  internal: fc.boolean(),
  hold: fc.constantFrom(3, 9, 90),
});

describe('two BGP peers', () => {
  it('end up established, each told exactly what the other wants it to know', () => {
    fc.assert(
      fc.property(settings, fc.array(event, { maxLength: 40 }), (chosen, events) => {
        const { seed, passive, graceful, internal, hold } = chosen;
        const shared = {
          holdTime: hold,
          nextHops: { v4: ip('10.77.0.9'), v6: ip('2001:db8:77::9') },
          ...(graceful && { gracefulRestart: { seconds: 60, restarted: false } }),
          ...(internal && { localAs: 65000, peerAs: 65000 }),
        };
        const world = createBgpWorld({
          seed,
          a: { ...shared, passive: passive === 'a' },
          b: { ...shared, passive: passive === 'b' },
        });
        const wanted: Record<Side, readonly Route[]> = { a: [], b: [] };
        world.input('a', { kind: 'start' });
        world.input('b', { kind: 'start' });
        for (const each of events) {
          switch (each.kind) {
            case 'start':
              world.input(each.side, { kind: 'start' });
              break;
            case 'stop':
              world.input(each.side, { kind: 'stop', farewell: { kind: 'shutdown' } });
              break;
            case 'restart-silently':
              world.input(each.side, { kind: 'stop', farewell: { kind: 'restart' } });
              break;
            case 'reset':
              world.input(each.side, { kind: 'reset' });
              break;
            case 'kill':
              world.restart(each.side);
              break;
            case 'bfd':
              world.input(each.side, { kind: 'bfd-down', message: 'down' });
              break;
            case 'drain':
            case 'undrain':
              world.input(each.side, { kind: 'graceful-shutdown', on: each.kind === 'drain' });
              break;
            case 'routes':
              wanted[each.side] = each.routes;
              world.input(each.side, { kind: 'routes', routes: each.routes });
              break;
            case 'wire':
              world.setWire(each.up);
              break;
            case 'break':
              world.breakConnections();
              break;
            case 'pass':
              world.run(each.delay);
          }
          for (const who of ['a', 'b'] as const) {
            const due = world.peers[who].deadline();
            if (due !== undefined) expect(Number.isFinite(due)).toBe(true);
          }
        }
        world.setWire(true);
        world.input('a', { kind: 'start' });
        world.input('b', { kind: 'start' });
        // Long enough for a session that one side believes in to be given up, and for the next one.
        world.run(2 * hold * 1000 + 30_000);
        expect([world.peers.a.state, world.peers.b.state]).toEqual(['Established', 'Established']);
        for (const who of ['a', 'b'] as const) {
          const other = who === 'a' ? 'b' : 'a';
          const known = [...world.knows(other)].map(([prefix, { attributes }]) => [
            prefix,
            attributes.med,
            attributes.asPath?.flatMap(({ asns }) => asns).length,
          ]);
          const told = wanted[who].map(({ prefix, med, prepend = 0 }) => [prefix, med, internal ? 0 : 1 + prepend]);
          expect(known.sort()).toEqual(told.sort());
          expect(world.peers[who].announced()[4] + world.peers[who].announced()[6]).toBe(wanted[who].length);
        }
      }),
      { numRuns: 400 },
    );
  });
});
