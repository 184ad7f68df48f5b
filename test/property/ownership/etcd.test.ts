import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidateKey, candidateRange, type LeaseId } from '../../../src/protocols/etcd/candidates.ts';
import * as gateway from '../../../src/protocols/etcd/gateway.ts';
import { DecodeError } from '../../../src/model/errors.ts';
import { createEtcdWorld, ELECTION } from '../../support/etcd-world.ts';

const NODES = ['a', 'b', 'c'];
const node = fc.constantFrom(...NODES);
const step = fc.oneof(
  fc.record({ do: fc.constant('cut' as const), node, cut: fc.boolean() }),
  fc.record({ do: fc.constant('eligible' as const), node, eligible: fc.boolean() }),
  fc.record({ do: fc.constant('down' as const), down: fc.boolean() }),
  fc.record({ do: fc.constant('stall' as const), time: fc.integer({ min: 1, max: 4000 }) }),
  fc.record({ do: fc.constant('leave' as const), node }),
  fc.record({ do: fc.constant('wait' as const), time: fc.integer({ min: 1, max: 9000 }) }),
  fc.record({ do: fc.constant('wait' as const), time: fc.integer({ min: 2500, max: 5500 }) }),
);

describe('owners by an election in etcd, whatever the network does', () => {
  it('are never two, and always one in the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 8, maxLength: 24, size: 'max' }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        fc.constantFrom(5, 100, 700),
        async (steps, jitter, slowest) => {
          const world = createEtcdWorld(() => Math.round(Number(jitter.next().value) * slowest));
          const { clock, etcd } = world;
          const doubles: string[] = [];
          const look = (): void => {
            const holders = world.holders();
            if (holders.length > 1) doubles.push(`${clock.now()} ms: ${holders.join(' and ')}`);
          };
          const pass = async (time: number): Promise<void> => {
            for (let passed = 0; passed < time; passed += 100) {
              await clock.advanceAsync(Math.min(100, time - passed));
              look();
            }
          };
          const agents = new Map(NODES.map((name) => [name, world.add(name, look)]));
          await pass(3000);
          const gone = new Set<string>();
          for (const action of steps) {
            if (action.do === 'cut') etcd.cut(action.node, action.cut);
            else if (action.do === 'down') etcd.setDown(action.down);
            else if (action.do === 'eligible') agents.get(action.node)?.ensure(action.eligible);
            else if (action.do === 'stall') clock.stall(action.time);
            else if (action.do === 'wait') await pass(action.time);
            else if (gone.size < NODES.length - 1 && !gone.has(action.node)) {
              gone.add(action.node);
              void agents.get(action.node)?.ownership.stop();
            }
            look();
          }
          etcd.setDown(false);
          for (const name of NODES) {
            etcd.cut(name, false);
            if (!gone.has(name)) agents.get(name)?.ensure(true);
          }
          await pass(16_000);
          expect(doubles).toEqual([]);
          expect(world.holders()).toHaveLength(1);
          expect(etcd.candidates(ELECTION)).toHaveLength(NODES.length - gone.size);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('the keys of an election', () => {
  it('are all in its range, and none of another election is', () => {
    const name = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom('a', 'b', '-', '/', '0', '.') });
    const lease = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((id) => String(id) as LeaseId);
    fc.assert(
      fc.property(name, name, lease, (one, other, id) => {
        const [from, to] = candidateRange(one);
        const isIn = (key: string): boolean => key >= from && key < to;
        expect(isIn(candidateKey(one, id))).toBe(true);
        expect(isIn(candidateKey(other, id))).toBe(candidateKey(other, id).startsWith(`${one}/`));
      }),
    );
  });
});

describe('answers of etcd', () => {
  it('are read, or refused as what they are, whatever they hold', () => {
    const field = fc.oneof(fc.jsonValue(), fc.constantFrom('1', '-1', 'x', 5, true, null));
    const object = fc.dictionary(
      fc.constantFrom('ID', 'TTL', 'grantedTTL', 'kvs', 'result', 'error', 'created', 'canceled', 'value', 'lease'),
      fc.oneof(field, fc.array(fc.dictionary(fc.constantFrom('value', 'lease', 'create_revision'), field))),
    );
    const answer = fc.oneof(fc.jsonValue(), object, fc.record({ result: object }));
    const readers = [
      gateway.readGrant,
      gateway.readRenewal,
      gateway.readLeaseAge,
      gateway.readCandidates,
      gateway.readWatch,
      gateway.readRefusal,
    ];
    fc.assert(
      fc.property(answer, fc.constantFrom(...readers), (json, read) => {
        try {
          read(json);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
