import { describe, expect, it } from 'vitest';
import { createLeaseOwnership } from '../../../src/exposure/ownership/lease-ownership.ts';
import type { RunningOwnership, Takeover } from '../../../src/exposure/ownership/port.ts';
import { rankNodes } from '../../../src/exposure/ownership/rendezvous.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createLeaseCluster, type Delays } from '../../support/lease-cluster.ts';

const TIMES = { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 };
const VIP = ip('10.0.0.5');
const NODES = ['a', 'b', 'c'];
const [first = '', second = '', third = ''] = rankNodes(VIP, NODES);

function setup(nodes: readonly string[] = NODES, delays?: Delays) {
  const clock = createFakeClock();
  const cluster = createLeaseCluster(clock, delays);
  const owners = new Map<string, RunningOwnership>();
  const log: string[] = [];
  const start = async (node: string): Promise<void> => {
    const ownership = createLeaseOwnership({ node, times: TIMES, clock, store: cluster.store(node) });
    owners.set(node, ownership);
    ownership.onChange((address) => {
      if (address === undefined) log.push(`${node}: ${ownership.liveNodes().join()} live`);
      else log.push(`${node}: ${ownership.holds(address) ? 'has' : 'has not'} ${address}`);
      const holders = [...owners.values()].filter((one) => address !== undefined && one.holds(address));
      if (holders.length > 1) log.push('TWO HOLDERS');
    });
    await ownership.start();
  };
  const of = (node: string): RunningOwnership => owners.get(node) as RunningOwnership;
  const all = async (): Promise<void> => {
    for (const node of nodes) await start(node);
    await clock.advanceAsync(500);
    log.length = 0;
  };
  const ensure = (address: Ip = VIP, eligible: readonly string[] = nodes): void => {
    for (const ownership of owners.values()) ownership.ensure(address, eligible);
  };
  const holders = (address: Ip = VIP): string[] =>
    [...owners].filter(([, one]) => one.holds(address)).map(([node]) => node);
  return { clock, cluster, log, start, of, all, ensure, holders };
}

describe('owners by Lease', () => {
  it('gives a new address to its preferred node, within two messages', async () => {
    const { clock, cluster, all, ensure, of, holders } = setup();
    await all();
    ensure();
    await clock.advanceAsync(2);
    expect(holders()).toEqual([first]);
    await clock.advanceAsync(10);
    const owner = { node: first, since: '2026-01-01T00:00:00.500000Z', term: 0 };
    expect(of(first).ensure(VIP, NODES)).toMatchObject({
      state: 'ready',
      reason: 'Owned',
      value: { ...owner, mine: true },
    });
    expect(of(third).ensure(VIP, NODES)).toMatchObject({ state: 'ready', value: { ...owner, mine: false } });
    expect(cluster.leases.get('kubevip-10-0-0-5')).toMatchObject({
      metadata: {
        annotations: { 'kubevip.dev/address': '10.0.0.5' },
        labels: { 'app.kubernetes.io/managed-by': 'kubevip' },
      },
      spec: { holderIdentity: first },
    });
  });

  it('costs one write a second and agent, however many addresses there are', async () => {
    const { clock, cluster, all, ensure } = setup();
    await all();
    for (let i = 0; i < 100; i++) ensure(ip(`10.0.1.${i}`));
    await clock.advanceAsync(2000);
    cluster.writes.length = 0;
    await clock.advanceAsync(10_000);
    expect(cluster.writes).toHaveLength(30);
    expect(cluster.writes.every((write) => write.includes('kubevip-node-'))).toBe(true);
  });

  it('spreads addresses over the nodes, and leaves them when a better node comes', async () => {
    const { clock, all, ensure, start, holders, of } = setup(['a', 'b']);
    await all();
    const addresses = Array.from({ length: 50 }, (_, i) => ip(`10.0.1.${i}`));
    for (const address of addresses) ensure(address, ['a', 'b']);
    await clock.advanceAsync(500);
    const before = addresses.map((address) => holders(address));
    expect(before.filter(([node]) => node === 'a').length).toBeGreaterThan(10);
    expect(before.filter(([node]) => node === 'b').length).toBeGreaterThan(10);
    await start('c');
    await clock.advanceAsync(500);
    expect(of('a').liveNodes()).toEqual(['a', 'b', 'c']);
    for (const address of addresses) ensure(address, ['a', 'b', 'c']);
    await clock.advanceAsync(500);
    expect(addresses.map((address) => holders(address))).toEqual(before);
  });

  it('moves the address of a node that lost power once its presence has run out', async () => {
    const { clock, cluster, all, ensure, holders, log, of } = setup();
    await all();
    ensure();
    await clock.advanceAsync(1000);
    cluster.cut(first, { calls: true, watch: true });
    await clock.advanceAsync(4200);
    expect(holders()).toEqual([]); // the cut node fences itself after 3 s
    await clock.advanceAsync(1000);
    expect(holders()).toEqual([second]);
    expect(of(second).ensure(VIP, NODES)).toMatchObject({ value: { node: second, mine: true, term: 1 } });
    expect(log).not.toContain('TWO HOLDERS');
  });

  it('tells how an address came here: its owner died, gave it away, or left', async () => {
    const { clock, cluster, all, ensure, of } = setup();
    await all();
    ensure();
    await clock.advanceAsync(1000);
    const told: Takeover[] = [];
    for (const node of NODES) of(node).onTakeover((takeover) => told.push(takeover));

    ensure(VIP, [second, third]); // handed over, while its owner lives
    await clock.advanceAsync(500);
    expect(told).toMatchObject([{ address: VIP, from: first, cause: 'handover' }]);
    expect(told[0]?.lastHeard).toBeUndefined();

    const cutAt = clock.now();
    cluster.cut(second, { calls: true, watch: true });
    await clock.advanceAsync(6000);
    expect(of(third).lostNodes()).toEqual([second]);
    expect(told[1]).toMatchObject({ address: VIP, from: second, cause: 'death' });
    const { lastHeard = 0, detected = 0, decided = 0 } = told[1] ?? {};
    expect(lastHeard).toBeLessThanOrEqual(cutAt + 10);
    expect(lastHeard).toBeGreaterThan(cutAt - 1100);
    expect(detected - lastHeard).toBeGreaterThanOrEqual(5000);
    expect(decided).toBeGreaterThanOrEqual(detected);

    ensure(VIP, [first, third]);
    await Promise.all([of(third).stop(), clock.advanceAsync(500)]);
    await clock.advanceAsync(1000);
    expect(told[2]).toMatchObject({ address: VIP, from: third, cause: 'leaving' });
    expect(of(first).lostNodes()).toEqual([second]); // who said good-bye is not lost
    expect(told).toHaveLength(3);
  });

  it('tells of no takeover where an address is given anew, or taken back', async () => {
    const { clock, cluster, all, ensure, of } = setup();
    await all();
    const told: Takeover[] = [];
    for (const node of NODES) of(node).onTakeover((takeover) => told.push(takeover));
    ensure();
    await clock.advanceAsync(1000);
    for (const node of NODES) of(node).release(VIP);
    await clock.advanceAsync(1000);
    expect(cluster.leases.has('kubevip-10-0-0-5')).toBe(false);
    ensure(VIP, [third]); // another Service, another owner
    await clock.advanceAsync(1000);
    expect(told).toEqual([]);
  });

  it('lets the node that was cut off come back as a guest', async () => {
    const { clock, cluster, all, ensure, holders, log } = setup();
    await all();
    ensure();
    await clock.advanceAsync(1000);
    cluster.cut(first, { calls: true, watch: true });
    await clock.advanceAsync(10_000);
    cluster.cut(first, { calls: false, watch: false });
    await clock.advanceAsync(10_000);
    expect(holders()).toEqual([second]);
    expect(log).not.toContain('TWO HOLDERS');
  });

  it('takes back what nobody else took', async () => {
    const { clock, cluster, all, ensure, holders } = setup();
    await all();
    ensure(VIP, [first]);
    await clock.advanceAsync(1000);
    cluster.cut(first, { calls: true, watch: true });
    await clock.advanceAsync(10_000);
    expect(holders()).toEqual([]);
    cluster.cut(first, { calls: false, watch: false });
    await clock.advanceAsync(1100);
    expect(holders()).toEqual([first]);
    expect(cluster.leases.get('kubevip-10-0-0-5')?.spec?.leaseTransitions).toBe(0);
  });

  it('does not take from the living because its own watch is dead', async () => {
    const { clock, cluster, all, ensure, holders, log } = setup();
    await all();
    ensure();
    await clock.advanceAsync(1000);
    cluster.cut(second, { calls: false, watch: true });
    await clock.advanceAsync(30_000);
    expect(holders()).toEqual([first]);
    expect(log).toEqual(expect.not.arrayContaining([expect.stringContaining('live')]) as string[]);
  });

  it('hands everything over within milliseconds when an agent stops', async () => {
    const { clock, cluster, all, ensure, holders, of, log } = setup();
    await all();
    const addresses = Array.from({ length: 20 }, (_, i) => ip(`10.0.1.${i}`));
    for (const address of addresses) ensure(address);
    await clock.advanceAsync(700);
    const mine = addresses.filter((address) => holders(address)[0] === 'a');
    expect(mine.length).toBeGreaterThan(0);
    const stopped = of('a').stop();
    expect(mine.flatMap((address) => holders(address))).toEqual([]);
    // Release, event, take: four messages. Whoever is second for an address is first among those left.
    await clock.advanceAsync(8);
    expect(addresses.every((address) => holders(address).length === 1)).toBe(true);
    expect(log).not.toContain('TWO HOLDERS');
    await clock.advanceAsync(100);
    await stopped;
    expect(cluster.leases.has('kubevip-node-a')).toBe(false);
  });

  it('leaves nothing behind when the last agent stops', async () => {
    const { clock, cluster, all, ensure, of } = setup(['a']);
    await all();
    ensure();
    await clock.advanceAsync(100);
    const stopped = of('a').stop();
    await clock.advanceAsync(5000);
    await stopped;
    expect([...cluster.leases.keys()]).toEqual([]);
    expect(clock.pending()).toBe(0);
  });

  it('keeps the addresses of the only node through an outage of the API server', async () => {
    const { clock, cluster, all, ensure, holders, log } = setup(['a']);
    await all();
    ensure();
    await clock.advanceAsync(1000);
    log.length = 0;
    cluster.cut('a', { calls: true, watch: true });
    await clock.advanceAsync(60_000);
    cluster.cut('a', { calls: false, watch: false });
    await clock.advanceAsync(5000);
    expect([holders(), log]).toEqual([['a'], []]);
  });

  it('does not rely on being alone while a node that lost power could come back unseen', async () => {
    const { clock, cluster, all, ensure, holders, log } = setup(['a', 'b']);
    await all();
    ensure(VIP, ['a', 'b']);
    cluster.cut('b', { calls: true, watch: true });
    await clock.advanceAsync(10_000);
    expect(holders()).toEqual(['a']);
    cluster.cut('a', { calls: true, watch: true });
    cluster.cut('b', { calls: false, watch: false });
    await clock.advanceAsync(10_000);
    expect(holders()).toEqual(['b']);
    expect(log).not.toContain('TWO HOLDERS');
  });

  it('passes an address on when its node is no longer eligible', async () => {
    const { clock, cluster, all, ensure, holders, log } = setup();
    await all();
    ensure();
    await clock.advanceAsync(1000);
    ensure(VIP, [second, third]);
    expect(holders()).toEqual([]);
    await clock.advanceAsync(8);
    expect(holders()).toEqual([second]);
    ensure(VIP, []);
    await clock.advanceAsync(8);
    expect(holders()).toEqual([]);
    expect(cluster.leases.get('kubevip-10-0-0-5')?.spec?.holderIdentity).toBe('');
    expect(log).not.toContain('TWO HOLDERS');
  });

  it('says why an address has no owner', async () => {
    const { clock, cluster, all, of } = setup();
    await all();
    expect(of(third).ensure(VIP, [])).toMatchObject({ state: 'failed', reason: 'NoEligibleNode' });
    expect(of(third).ensure(VIP, NODES)).toMatchObject({ state: 'pending', reason: 'WaitingForOwner' });
    cluster.cut(third, { calls: true, watch: true });
    await clock.advanceAsync(4000);
    expect(of(third).ensure(ip('10.0.0.6'), NODES)).toMatchObject({ state: 'pending', reason: 'LeaseNotRenewed' });
  });

  it('removes the Lease when nobody wants the address any more', async () => {
    const { clock, cluster, all, ensure, of, holders } = setup();
    await all();
    ensure();
    await clock.advanceAsync(1000);
    for (const node of NODES) expect(of(node).release(VIP)).toMatchObject({ state: 'off' });
    expect(holders()).toEqual([]);
    await clock.advanceAsync(10);
    expect(cluster.leases.has('kubevip-10-0-0-5')).toBe(false);
    ensure();
    await clock.advanceAsync(10);
    expect(holders()).toEqual([first]);
  });

  it('removes the Lease of a dead node when nobody wants the address any more', async () => {
    const { clock, cluster, all, ensure, of } = setup();
    await all();
    ensure();
    await clock.advanceAsync(1000);
    cluster.cut(first, { calls: true, watch: true });
    for (const node of [second, third]) of(node).release(VIP);
    await clock.advanceAsync(10_000);
    expect(cluster.leases.has('kubevip-10-0-0-5')).toBe(false);
  });

  it('removes, after a quarter of a minute, what was forgotten while no agent ran', async () => {
    const { clock, cluster, all } = setup();
    const spec = { holderIdentity: 'a' };
    cluster.put({ metadata: { name: 'kubevip-10-0-0-9', annotations: { 'kubevip.dev/address': '10.0.0.9' } }, spec });
    await all();
    await clock.advanceAsync(10_000);
    expect(cluster.leases.has('kubevip-10-0-0-9')).toBe(true);
    await clock.advanceAsync(15_000);
    expect(cluster.leases.has('kubevip-10-0-0-9')).toBe(false);
  });

  it('clears away the presence of a node that does not come back within an hour', async () => {
    const { clock, cluster, all } = setup();
    await all();
    cluster.cut('a', { calls: true, watch: true });
    await clock.advanceAsync(59 * 60_000);
    expect(cluster.leases.has('kubevip-node-a')).toBe(true);
    await clock.advanceAsync(2 * 60_000);
    expect([...cluster.leases.keys()].sort()).toEqual(['kubevip-node-b', 'kubevip-node-c']);
  });

  it('recovers from an administrator who deletes Leases', async () => {
    const { clock, cluster, all, ensure, holders } = setup();
    await all();
    ensure();
    await clock.advanceAsync(1000);
    cluster.drop('kubevip-10-0-0-5');
    await clock.advanceAsync(500);
    expect(holders()).toHaveLength(1);
    for (const node of NODES) cluster.drop(`kubevip-node-${node}`);
    await clock.advanceAsync(500);
    expect(holders()).toHaveLength(1);
  });

  it('goes on after a restart without making anybody wait', async () => {
    const { clock, cluster, all, ensure, start, holders } = setup();
    await all();
    ensure();
    await clock.advanceAsync(1000);
    await start(first); // killed and started anew: the old object is not asked any more
    ensure();
    await clock.advanceAsync(10);
    expect(holders()).toEqual([first]);
    expect(cluster.leases.get('kubevip-10-0-0-5')?.spec?.leaseTransitions).toBe(0);
  });
});
