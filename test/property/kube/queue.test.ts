import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WorkQueue } from '../../../src/kube/queue.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { fixedEntropy } from '../../support/real-time.ts';

const action = fc.oneof(
  fc.record({ type: fc.constant('add' as const), key: fc.integer({ min: 0, max: 4 }) }),
  fc.record({
    type: fc.constant('later' as const),
    key: fc.integer({ min: 0, max: 4 }),
    delay: fc.integer({ min: 0, max: 50 }),
  }),
  fc.record({ type: fc.constant('wait' as const), delay: fc.integer({ min: 0, max: 30 }) }),
);
const job = fc.record({ takes: fc.integer({ min: 0, max: 20 }), fails: fc.boolean() });

describe('the work queue, whatever happens', () => {
  it('never works on one key twice at once, keeps to its places, and works after every add', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 60 }),
        fc.array(job, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 3 }),
        async (actions, jobs, concurrency) => {
          const clock = createFakeClock();
          const running = new Set<number>();
          const dirty = new Set<number>();
          let next = 0;
          const queue = new WorkQueue<number>({
            clock,
            entropy: fixedEntropy(),
            concurrency,
            backoff: [5, 50],
            work: async (key) => {
              expect(running.has(key)).toBe(false);
              running.add(key);
              expect(running.size).toBeLessThanOrEqual(concurrency);
              dirty.delete(key);
              const { takes, fails } = jobs[next++ % jobs.length] ?? { takes: 0, fails: false };
              await new Promise<void>((resolve) => void clock.after(takes, resolve));
              running.delete(key);
              // Failures come to an end, or the queue would have no reason to.
              if (fails && next < 200) throw new Error('scripted');
              return undefined;
            },
          });
          for (const step of actions) {
            if (step.type === 'wait') await clock.advanceAsync(step.delay);
            else {
              dirty.add(step.key);
              if (step.type === 'add') queue.add(step.key);
              else queue.addAfter(step.key, step.delay);
            }
          }
          await clock.advanceAsync(60_000);
          expect([...dirty]).toEqual([]);
          expect([queue.size, queue.busy, clock.pending()]).toEqual([0, 0, 0]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
