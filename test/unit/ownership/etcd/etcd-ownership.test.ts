import { beforeEach, describe, expect, it } from 'vitest';
import { ADDRESS, createEtcdWorld, ELECTION, type EtcdAgent } from '../../../support/etcd-world.ts';

type World = ReturnType<typeof createEtcdWorld>;

let world: World;
beforeEach(() => {
  world = createEtcdWorld();
});

async function started(...nodes: string[]): Promise<EtcdAgent[]> {
  const agents: EtcdAgent[] = [];
  for (const node of nodes) {
    agents.push(world.add(node));
    await world.clock.advanceAsync(100);
  }
  return agents;
}

describe('an owner by an election in etcd', () => {
  it('is whoever came first, at once, and the others wait in the order in which they came', async () => {
    const [a, b] = await started('a', 'b', 'c');
    expect(world.holders()).toEqual(['a']);
    expect(world.etcd.candidates(ELECTION)).toEqual(['a', 'b', 'c']);
    expect(a?.ensure()).toMatchObject({ state: 'ready', value: { node: 'a', mine: true } });
    expect(b?.ensure()).toMatchObject({ state: 'ready', value: { node: 'a', mine: false }, reason: 'Owned' });
    expect(b?.ownership.liveNodes()).toEqual(['a', 'b', 'c']);
    await world.clock.advanceAsync(60_000);
    expect(world.holders()).toEqual(['a']);
    expect(a?.written).toEqual(['owned']);
    expect(b?.written).toEqual([]);
  });

  it('that ends frees it: the next one has it within milliseconds, and says that the other left', async () => {
    const [a, b] = await started('a', 'b');
    await world.clock.advanceAsync(4700);
    const stopped = a?.ownership.stop();
    expect(a?.ownership.holds(ADDRESS)).toBe(false);
    await world.clock.advanceAsync(20);
    await stopped;
    expect(world.holders()).toEqual(['b']);
    expect(world.etcd.candidates(ELECTION)).toEqual(['b']);
    expect(b?.takeovers).toMatchObject([{ address: ADDRESS, from: 'a', cause: 'leaving' }]);
  });

  it('that dies is followed when its lease has run out, without a wait of another one', async () => {
    const [, b] = await started('a', 'b');
    await world.clock.advanceAsync(10_000);
    world.etcd.cut('a', true);
    const lost = world.clock.now();
    await world.clock.advanceAsync(5100);
    expect(world.holders()).toEqual(['b']);
    const [takeover] = b?.takeovers ?? [];
    expect(takeover).toMatchObject({ from: 'a', cause: 'death' });
    expect(takeover?.lastHeard).toBeLessThanOrEqual(lost);
    expect(takeover?.lastHeard).toBeGreaterThan(lost - 2100);
  });

  it('is none any more before its lease can have run out, and says why', async () => {
    const [a] = await started('a', 'b');
    await world.clock.advanceAsync(10_000);
    world.etcd.setDown(true);
    await world.clock.advanceAsync(1900);
    expect(world.holders()).toEqual(['a']);
    await world.clock.advanceAsync(1100);
    expect(world.holders()).toEqual([]);
    expect(a?.written).toEqual(['owned', 'released']);
    expect(a?.ensure()).toMatchObject({ state: 'failed', reason: 'EtcdUnreachable' });
    expect(a?.ensure().message).toContain('no answer in time');
    await world.clock.advanceAsync(3000);
    const other = world.agents[1]?.ensure();
    expect(other).toMatchObject({ state: 'failed', reason: 'EtcdUnreachable' });
    // etcd has kept its lease, and so its place.
    world.etcd.setDown(false);
    await world.clock.advanceAsync(2600);
    expect(world.holders()).toEqual(['a']);
    expect(a?.written).toEqual(['owned', 'released', 'owned']);
    expect(a?.takeovers).toEqual([]);
  });

  it('that stood still for too long does not answer, from the first moment on', async () => {
    const [a] = await started('a', 'b');
    await world.clock.advanceAsync(2000);
    world.clock.stall(3100);
    expect(a?.ownership.answers(ADDRESS)).toBe(false);
  });

  it('that may not have it does not contend, and frees what it had', async () => {
    const [a, b] = await started('a', 'b');
    a?.ensure(false);
    expect(a?.ownership.holds(ADDRESS)).toBe(false);
    await world.clock.advanceAsync(20);
    expect(world.holders()).toEqual(['b']);
    expect(a?.ensure(false)).toMatchObject({ state: 'ready', value: { node: 'b' } });
    a?.ensure(true);
    await world.clock.advanceAsync(100);
    expect(world.etcd.candidates(ELECTION)).toEqual(['b', 'a']);
    expect(b?.written).toEqual(['owned']);
  });

  it('whose key is taken away queues again', async () => {
    await started('a', 'b');
    world.etcd.delete(ELECTION, 'a');
    await world.clock.advanceAsync(20);
    expect(world.holders()).toEqual(['b']);
    expect(world.etcd.candidates(ELECTION)).toEqual(['b', 'a']);
  });

  it('of a node that an earlier life of it still leads waits until that has run out', async () => {
    await started('a');
    world.etcd.cut('a', true);
    const again = createAgain('a');
    await world.clock.advanceAsync(100);
    expect(again.ensure()).toMatchObject({ state: 'pending', reason: 'LeaseNotRenewed' });
    await world.clock.advanceAsync(5000);
    expect(again.ownership.holds(ADDRESS)).toBe(true);
    expect(again.takeovers).toEqual([]);
  });

  it('asks etcd twice a second, three times where another one leads', async () => {
    await started('a', 'b');
    await world.clock.advanceAsync(2000);
    const before = world.etcd.log.length;
    await world.clock.advanceAsync(10_000);
    const perSecond = (node: string): number =>
      world.etcd.log.slice(before).filter((line) => line.startsWith(`${node} `)).length / 10;
    expect(perSecond('a')).toBeLessThanOrEqual(2);
    expect(perSecond('b')).toBeLessThanOrEqual(3);
  });
});

/** A second life of a node, by a way to etcd of its own. */
function createAgain(node: string): EtcdAgent {
  const { etcd } = world;
  const real = etcd.wire;
  etcd.wire = () => real(`${node} again`);
  const agent = world.add(node);
  etcd.wire = real;
  return agent;
}
