/** Three agents, one Lease, an API server whose answers and watch events come late and in their own order of arrival. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Contest } from '../../../src/exposure/ownership/contest.ts';
import type { LeaseStore } from '../../../src/exposure/ownership/port.ts';
import type { Lease } from '../../../src/model/kubernetes.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

const TIMES = { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 };
const NAME = 'kubevip-10-0-0-1';

/** One truth, and for each agent a view of it that lags behind. */
function apiServer(
  clock: FakeClock,
  delay: () => number,
  up: () => boolean,
): { storeFor(): LeaseStore; current(): Lease | undefined } {
  let current: Lease | undefined;
  let version = 0;
  const views = new Set<(lease: Lease | undefined) => void>();
  const commit = (lease: Lease | undefined): Lease | undefined => {
    version++;
    current = lease && { ...lease, metadata: { ...lease.metadata, uid: 'u', resourceVersion: String(version) } };
    const seen = current;
    for (const view of views) clock.after(delay(), () => view(seen));
    return current;
  };
  const call = <T>(work: () => T, signal: AbortSignal): Promise<T> =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('given up')));
      clock.after(delay(), () => {
        if (!up() || signal.aborted) return;
        try {
          const answer = work();
          clock.after(delay(), () => resolve(answer));
        } catch (error) {
          clock.after(delay(), () => reject(error instanceof Error ? error : new Error(String(error))));
        }
      });
    });
  const expectVersion = (lease: Lease): void => {
    if (lease.metadata.resourceVersion !== current?.metadata.resourceVersion) throw new Error('409');
  };
  return {
    current: () => current,
    storeFor() {
      let view = current;
      const listeners = new Set<(name: string, lease: Lease | undefined) => void>();
      views.add((lease) => {
        // A watch delivers in order: a later event never comes before an earlier one.
        if (lease && view && Number(lease.metadata.resourceVersion) < Number(view.metadata.resourceVersion)) return;
        view = lease;
        for (const listener of listeners) listener(NAME, lease);
      });
      return {
        create: (lease, signal) =>
          call(() => {
            if (current) throw new Error('409');
            return commit(lease)!;
          }, signal),
        replace: (lease, signal) =>
          call(() => {
            expectVersion(lease);
            return commit(lease)!;
          }, signal),
        delete: (lease, signal) =>
          call(() => {
            expectVersion(lease);
            commit(undefined);
          }, signal),
        get: () => view,
        list: () => (view ? [view] : []),
        onChange: (callback) => {
          listeners.add(callback);
          return () => void listeners.delete(callback);
        },
        start: () => Promise.resolve(),
        stop: () => undefined,
      };
    },
  };
}

function contest(clock: FakeClock, server: ReturnType<typeof apiServer>, identity: string): Contest {
  const store = server.storeFor();
  const made = new Contest({
    name: NAME,
    namespace: 'kube-system',
    identity,
    times: TIMES,
    clock,
    store,
    onChange: () => undefined,
    onError: () => undefined,
  });
  store.onChange((_name, lease) => made.observe(lease));
  return made;
}

describe('a Lease among three agents', () => {
  it('never has two holders, whatever is late, and has one again once the API server answers', async () => {
    const outage = fc.record({
      from: fc.integer({ min: 0, max: 20_000 }),
      length: fc.integer({ min: 0, max: 12_000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 5, maxLength: 40 }),
        outage,
        async (delays, { from, length }) => {
          const clock = createFakeClock();
          let turn = 0;
          const delay = (): number => delays[turn++ % delays.length] ?? 0;
          const server = apiServer(clock, delay, () => clock.now() < from || clock.now() > from + length);
          const contests = ['n1', 'n2', 'n3'].map((node) => contest(clock, server, node));
          contests.forEach((one, rank) => one.contend(true, rank * 150));
          for (let at = 0; at < 45_000; at += 50) {
            await clock.advanceAsync(50);
            expect(contests.filter(({ election }) => election.holding).length).toBeLessThanOrEqual(1);
          }
          expect(contests.filter(({ election }) => election.holding).length).toBe(1);
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);

  it('stays where it is while everything answers', async () => {
    const clock = createFakeClock();
    const server = apiServer(
      clock,
      () => 5,
      () => true,
    );
    const contests = ['n1', 'n2', 'n3'].map((node) => contest(clock, server, node));
    contests.forEach((one, rank) => one.contend(true, rank * 150));
    await clock.advanceAsync(1000);
    for (let at = 0; at < 120_000; at += 500) {
      await clock.advanceAsync(500);
      expect(contests.map(({ election }) => election.holding)).toEqual([true, false, false]);
    }
    expect(server.current()?.spec?.leaseTransitions).toBe(0);
  });

  it('is taken at once when released, and within its duration when the holder is gone', async () => {
    const clock = createFakeClock();
    const server = apiServer(
      clock,
      () => 5,
      () => true,
    );
    const [first, second] = ['n1', 'n2'].map((node) => contest(clock, server, node));
    first!.contend(true);
    await clock.advanceAsync(100);
    second!.contend(true, 150);
    await clock.advanceAsync(1000);
    void first!.release();
    expect(first!.election.holding).toBe(false);
    await clock.advanceAsync(300);
    expect(second!.election.holding).toBe(true);
    // Restarted under its old name it does not take back what another has.
    const third = contest(clock, server, 'n1');
    third.contend(true);
    await clock.advanceAsync(20_000);
    expect(third.election.holding).toBe(false);
  });
});
