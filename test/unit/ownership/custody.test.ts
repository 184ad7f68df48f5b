import { describe, expect, it } from 'vitest';
import { UNCONFIRMED, withCustody } from '../../../src/exposure/ownership/custody.ts';
import { createLeaseOwnership } from '../../../src/exposure/ownership/lease-ownership.ts';
import type { RunningOwnership } from '../../../src/exposure/ownership/port.ts';
import { rankNodes } from '../../../src/exposure/ownership/rendezvous.ts';
import { ip } from '../../../src/model/ip.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createLeaseCluster } from '../../support/lease-cluster.ts';

const TIMES = { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 };
const VIP = ip('10.0.0.5');
const NODES = ['a', 'b', 'c'];
const [first = ''] = rankNodes(VIP, NODES);

async function world() {
  const clock = createFakeClock();
  const cluster = createLeaseCluster(clock);
  const owners = new Map<string, RunningOwnership>();
  /** As the pipeline acts on it: whoever is told asks again. */
  const serving = new Map<string, boolean>();
  const ask = (node: string): void => {
    const decision = owners.get(node)?.ensure(VIP, NODES);
    serving.set(node, decision?.state === 'ready' && decision.value.mine);
  };
  for (const node of NODES) {
    const inner = createLeaseOwnership({ node, times: TIMES, clock, store: cluster.store(node) });
    const ownership = withCustody({ clock, ownership: inner });
    owners.set(node, ownership);
    ownership.onChange(() => ask(node));
    await ownership.start();
  }
  await clock.advanceAsync(500);
  NODES.forEach(ask);
  await clock.advanceAsync(500);
  const cut = (node: string, away: boolean): void => cluster.cut(node, { calls: away, watch: away });
  const servers = (): string[] => NODES.filter((node) => serving.get(node));
  const of = (node: string): RunningOwnership => owners.get(node)!;
  return { clock, cluster, cut, servers, of, ask };
}

describe('an address while the API server is away', () => {
  it('stays where it is, for minutes, and is confirmed without a change of owner when the server is back', async () => {
    const { clock, cut, servers, of, cluster } = await world();
    const before = cluster.leases.get('kubevip-10-0-0-5');
    NODES.forEach((node) => cut(node, true));
    await clock.advanceAsync(180_000);
    expect(servers()).toEqual([first]);
    expect(of(first).holds(VIP)).toBe(false);
    expect(of(first).ensure(VIP, NODES)).toMatchObject({ state: 'ready', reason: UNCONFIRMED });
    NODES.forEach((node) => cut(node, false));
    await clock.advanceAsync(10_000);
    expect(servers()).toEqual([first]);
    expect(of(first).ensure(VIP, NODES)).toMatchObject({ state: 'ready', reason: 'Owned' });
    expect(cluster.leases.get('kubevip-10-0-0-5')?.spec?.leaseTransitions).toBe(before?.spec?.leaseTransitions);
  });

  it('is let go the moment another machine claims it, which may have reached the server', async () => {
    const { clock, cut, servers, of } = await world();
    cut(first, true);
    await clock.advanceAsync(3500);
    expect(servers()).toEqual([first]);
    await clock.advanceAsync(3000);
    const [next = ''] = servers().filter((node) => node !== first);
    expect(servers()).toEqual([first, next].sort());
    // What the announcement hears on the LAN when the next one takes over.
    of(first).doubt(VIP);
    expect(servers()).toEqual([next]);
    cut(first, false);
    await clock.advanceAsync(10_000);
    expect(servers()).toEqual([next]);
  });

  it('is let go when the server says that it is another’s', async () => {
    const { clock, cut, servers } = await world();
    cut(first, true);
    await clock.advanceAsync(8000);
    cut(first, false);
    await clock.advanceAsync(2000);
    expect(servers()).toHaveLength(1);
    expect(servers()).not.toEqual([first]);
  });

  it('is let go by a process that stood still', async () => {
    const { clock, cut, servers, ask } = await world();
    NODES.forEach((node) => cut(node, true));
    await clock.advanceAsync(60_000);
    clock.stall(2000);
    ask(first);
    expect(servers()).toEqual([]);
  });

  it('is not taken up by an agent that did not have it', async () => {
    const { clock, cut, servers, of } = await world();
    NODES.forEach((node) => cut(node, true));
    await clock.advanceAsync(60_000);
    of(first).doubt(VIP);
    await clock.advanceAsync(60_000);
    expect(servers()).toEqual([]);
  });

  it('goes with the last Service that wants it', async () => {
    const { clock, cut, of } = await world();
    NODES.forEach((node) => cut(node, true));
    await clock.advanceAsync(10_000);
    of(first).release(VIP);
    expect(of(first).ensure(VIP, NODES)).not.toMatchObject({ state: 'ready' });
  });
});
