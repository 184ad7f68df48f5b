import { describe, expect, it } from 'vitest';
import { createElection } from '../../../src/exposure/ownership/election/election.ts';
import { checkLeaseTimes } from '../../../src/exposure/ownership/election/times.ts';
import type { Election } from '../../../src/exposure/ownership/port.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createLeaseCluster } from '../../support/lease-cluster.ts';

const TIMES = { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 };

function setup(names: readonly string[], lenient = false) {
  const clock = createFakeClock();
  const cluster = createLeaseCluster(clock);
  const log: string[] = [];
  const elections = new Map<string, Election>();
  let most = 0;
  for (const name of names) {
    const store = cluster.store(name);
    const election = createElection({
      name: 'lock',
      identity: name,
      times: TIMES,
      clock,
      store,
      lenient: () => lenient,
    });
    elections.set(name, election);
    election.onChange(() => {
      log.push(`${clock.now()} ${name} ${election.isLeader ? 'leads' : 'follows'}`);
      most = Math.max(most, [...elections.values()].filter(({ isLeader }) => isLeader).length);
    });
    void store.start();
  }
  const of = (name: string): Election => elections.get(name) as Election;
  return { clock, cluster, log, of, spec: () => cluster.leases.get('lock')?.spec, most: () => most };
}

describe('an election', () => {
  it('is won at once when the Lease is free, and renewed every second', async () => {
    const { clock, cluster, log, of, spec } = setup(['a']);
    of('a').start();
    await clock.advanceAsync(10_000);
    expect(log).toEqual(['2 a leads']);
    expect(cluster.writes[0]).toBe('a create lock');
    expect(cluster.writes).toHaveLength(10);
    expect(spec()).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 5,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:09.000000Z',
      leaseTransitions: 0,
    });
  });

  it('has one winner when all begin at once', async () => {
    const { clock, log, of, most } = setup(['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c']) of(name).start();
    await clock.advanceAsync(60_000);
    expect(log).toHaveLength(1);
    expect(most()).toBe(1);
  });

  it('passes on within milliseconds of a release', async () => {
    const { clock, log, of, spec } = setup(['a', 'b']);
    of('a').start();
    await clock.advanceAsync(100);
    of('b').start();
    await clock.advanceAsync(4500);
    const stopped = of('a').stop();
    expect(of('a').isLeader).toBe(false);
    await clock.advanceAsync(20);
    await stopped;
    expect(log).toEqual(['2 a leads', '4600 a follows', '4605 b leads']);
    expect(spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  it('lets a holder go that cannot renew, before another takes over', async () => {
    const { clock, cluster, log, of, most } = setup(['a', 'b']);
    of('a').start();
    await clock.advanceAsync(100);
    of('b').start();
    await clock.advanceAsync(10_000);
    cluster.cut('a', { calls: true, watch: true });
    await clock.advanceAsync(20_000);
    const at = (line: number): number => Number(log[line]?.split(' ')[0]);
    expect(log.map((line) => line.replace(/^\d+ /, ''))).toEqual(['a leads', 'a follows', 'b leads']);
    // a counts from when it sent its last renewal, b from when it saw it 3 ms later.
    expect(at(2) - at(1)).toBeGreaterThanOrEqual(2000);
    expect(at(2) - at(1)).toBeLessThan(2020);
    expect(at(2)).toBeLessThan(10_100 + 5020);
    cluster.cut('a', { calls: false, watch: false });
    await clock.advanceAsync(60_000);
    expect([of('a').isLeader, of('b').isLeader, most()]).toEqual([false, true, 1]);
  });

  it('is not impressed by the clock of another machine', async () => {
    const { clock, cluster, log, of } = setup(['a']);
    const years = { acquireTime: '1999-01-01T00:00:00.000000Z', renewTime: '1999-01-01T00:00:00.000000Z' };
    cluster.put({
      metadata: { name: 'lock' },
      spec: { holderIdentity: 'old', leaseDurationSeconds: 5, leaseTransitions: 3, ...years },
    });
    await clock.advanceAsync(10);
    of('a').start();
    await clock.advanceAsync(4900);
    expect(log).toEqual([]);
    await clock.advanceAsync(200);
    expect(log).toHaveLength(1);
    expect(cluster.leases.get('lock')?.spec?.leaseTransitions).toBe(4);
  });

  it('goes on at once with the Lease it held before a restart', async () => {
    const { clock, cluster, log, of } = setup(['a']);
    cluster.put({
      metadata: { name: 'lock' },
      spec: { holderIdentity: 'a', leaseDurationSeconds: 5, leaseTransitions: 3, acquireTime: 'then' },
    });
    await clock.advanceAsync(10);
    of('a').start();
    await clock.advanceAsync(10);
    expect(log).toEqual(['12 a leads']);
    expect(cluster.leases.get('lock')?.spec).toMatchObject({ leaseTransitions: 3, acquireTime: 'then' });
  });

  it.each([
    ['deletes the Lease', (cluster: ReturnType<typeof createLeaseCluster>) => cluster.drop('lock')],
    [
      'takes the holder out',
      (cluster: ReturnType<typeof createLeaseCluster>) =>
        cluster.put({ metadata: { name: 'lock' }, spec: { holderIdentity: '' } }),
    ],
  ])('recovers when somebody %s', async (_, act) => {
    const { clock, cluster, of, most } = setup(['a', 'b']);
    of('a').start();
    of('b').start();
    await clock.advanceAsync(2500);
    act(cluster);
    await clock.advanceAsync(100);
    expect([of('a').isLeader, of('b').isLeader].filter(Boolean)).toHaveLength(1);
    await clock.advanceAsync(10_000);
    expect(most()).toBe(1);
  });

  it('keeps the Lease while slow answers arrive in time', async () => {
    const clock = createFakeClock();
    const cluster = createLeaseCluster(clock, { call: () => 600, event: () => 50 });
    const store = cluster.store('a');
    const election = createElection({ name: 'lock', identity: 'a', times: TIMES, clock, store });
    let changes = 0;
    election.onChange(() => changes++);
    election.start();
    await clock.advanceAsync(60_000);
    expect([election.isLeader, changes]).toEqual([true, 1]);
  });

  it('is lost at the deadline by the clock, not only when a timer fires', async () => {
    const { clock, cluster, of } = setup(['a']);
    of('a').start();
    await clock.advanceAsync(10);
    cluster.cut('a', { calls: true, watch: true });
    // The event loop stands still: time passes and no timer is called.
    clock.stall(5000);
    expect(of('a').isLeader).toBe(false);
  });

  it('is kept through any outage by the only one there is', async () => {
    const { clock, cluster, log, of } = setup(['a'], true);
    of('a').start();
    await clock.advanceAsync(10);
    cluster.cut('a', { calls: true, watch: true });
    await clock.advanceAsync(60_000);
    expect(of('a').isLeader).toBe(true);
    cluster.cut('a', { calls: false, watch: false });
    await clock.advanceAsync(3000);
    expect(log).toEqual(['2 a leads']);
    expect(of('a').term).toBe(1);
  });

  it('leaves nothing running once stopped', async () => {
    const { clock, cluster, of } = setup(['a']);
    of('a').start();
    await clock.advanceAsync(1500);
    const stopped = of('a').stop();
    await clock.advanceAsync(5000);
    await stopped;
    const { length } = cluster.writes;
    await clock.advanceAsync(60_000);
    expect([cluster.writes.length, clock.pending()]).toEqual([length, 0]);
    expect(cluster.leases.get('lock')?.spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
  });

  it('refuses times under which two could hold, or none for long', () => {
    expect(() => checkLeaseTimes(TIMES)).not.toThrow();
    const bad = expect.objectContaining({ code: 'BAD_LEASE_TIMES', exit: 2 }) as Error;
    expect(() => checkLeaseTimes({ duration: 3000, renewDeadline: 3000, retryPeriod: 1000 })).toThrow(bad);
    expect(() => checkLeaseTimes({ duration: 5000, renewDeadline: 1200, retryPeriod: 1000 })).toThrow(bad);
    expect(() => checkLeaseTimes({ duration: Number.NaN, renewDeadline: 3000, retryPeriod: 1000 })).toThrow(bad);
  });
});
