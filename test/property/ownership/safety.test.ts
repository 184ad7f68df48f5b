import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLeaseOwnership } from '../../../src/exposure/ownership/lease-ownership.ts';
import type { RunningOwnership } from '../../../src/exposure/ownership/port.ts';
import { ip } from '../../../src/model/ip.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createLeaseCluster } from '../../support/lease-cluster.ts';

const TIMES = { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 };
const NODES = ['a', 'b', 'c'];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map(ip);

const node = fc.constantFrom(...NODES);
const step = fc.oneof(
  fc.record({ do: fc.constant('cut' as const), node, calls: fc.boolean(), watch: fc.boolean() }),
  fc.record({ do: fc.constant('cut' as const), node, calls: fc.constant(true), watch: fc.boolean() }),
  fc.record({ do: fc.constant('mend' as const), node }),
  fc.record({ do: fc.constant('eligible' as const), nodes: fc.subarray(NODES) }),
  fc.record({ do: fc.constant('leave' as const), node }),
  fc.record({ do: fc.constant('wait' as const), time: fc.integer({ min: 1, max: 9000 }) }),
  fc.record({ do: fc.constant('wait' as const), time: fc.integer({ min: 4000, max: 7000 }) }),
);

describe('owners by Lease, whatever the network does', () => {
  it('are never two, and always one in the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 12, maxLength: 30, size: 'max' }),
        fc.infiniteStream(fc.integer({ min: 0, max: 500 })),
        async (steps, jitter) => {
          const clock = createFakeClock();
          const delay = (): number => Number(jitter.next().value);
          const cluster = createLeaseCluster(clock, { call: delay, event: delay });
          const alive = new Map<string, RunningOwnership>();
          let eligible: readonly string[] = NODES;
          const doubles: string[] = [];
          const look = (): void => {
            for (const address of ADDRESSES) {
              const holders = [...alive].filter(([, one]) => one.holds(address)).map(([name]) => name);
              if (holders.length > 1) doubles.push(`${clock.now()} ms: ${address} on ${holders.join(' and ')}`);
            }
          };
          const ensure = (): void => {
            for (const one of alive.values()) for (const address of ADDRESSES) one.ensure(address, eligible);
          };
          for (const name of NODES) {
            const one = createLeaseOwnership({ node: name, times: TIMES, clock, store: cluster.store(name) });
            alive.set(name, one);
            one.onChange(look);
            await one.start();
          }
          ensure();
          await clock.advanceAsync(3000);
          for (const action of steps) {
            if (action.do === 'cut') cluster.cut(action.node, action);
            else if (action.do === 'mend') cluster.cut(action.node, { calls: false, watch: false });
            else if (action.do === 'eligible') {
              eligible = action.nodes;
              ensure();
            } else if (action.do === 'leave' && alive.size > 1) {
              const leaving = alive.get(action.node);
              void leaving?.stop();
              // Out of everybody's sight, but what it still holds counts.
              for (const address of ADDRESSES) expect(leaving?.holds(address) ?? false).toBe(false);
              alive.delete(action.node);
            }
            // In small steps, so that nothing happens between two looks.
            const time = action.do === 'wait' ? action.time : 50;
            for (let passed = 0; passed < time; passed += 50) {
              await clock.advanceAsync(Math.min(50, time - passed));
              look();
            }
            expect(doubles).toEqual([]);
          }
          for (const name of NODES) cluster.cut(name, { calls: false, watch: false });
          eligible = [...alive.keys()];
          ensure();
          await clock.advanceAsync(30_000);
          expect(doubles).toEqual([]);
          for (const address of ADDRESSES) {
            expect([...alive.values()].filter((one) => one.holds(address))).toHaveLength(1);
          }
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);
});
