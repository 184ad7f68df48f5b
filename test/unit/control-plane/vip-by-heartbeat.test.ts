/** The VIP's owner by heartbeats, with its Lease as the record, beside others that elect through that Lease. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createOneOwner } from '../../../src/exposure/control-plane/one-owner.ts';
import { createOneLease } from '../../../src/exposure/control-plane/one-lease.ts';
import { StayAway } from '../../../src/exposure/control-plane/stay-away.ts';
import { createVipRecord, type VipRecord } from '../../../src/exposure/control-plane/vip-record.ts';
import type { HeartbeatOwnership } from '../../../src/exposure/ownership/heartbeat/options.ts';
import type { RunningOwnership } from '../../../src/exposure/ownership/port.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { createHeartbeatLan, type HeartbeatLan, type LanAgent } from '../../support/heartbeat-lan.ts';
import { createLeaseCluster, type LeaseCluster } from '../../support/lease-cluster.ts';

const VIPS = [ip('10.0.0.250'), ip('fd00::250')];
const LEASE = 'plndr-cp-lock';
const TIMES = { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 };

interface Agent {
  readonly node: string;
  readonly ownership: HeartbeatOwnership;
  readonly wire: LanAgent;
  /** Whether its API server serves. */
  ready: boolean;
  /** Whether it is handed over. */
  away: boolean;
  ensure(): void;
}

let lan: HeartbeatLan;
let cluster: LeaseCluster;
let agents: Agent[];
let annotation: string;
/** Nodes with an API server. */
let controlPlanes: number;

beforeEach(() => {
  lan = createHeartbeatLan();
  cluster = createLeaseCluster(lan.clock);
  agents = [];
  annotation = 'one';
  controlPlanes = 1;
});

async function add(node: string): Promise<Agent> {
  const record: VipRecord = createVipRecord({
    node,
    lease: LEASE,
    clock: lan.clock,
    store: cluster.store(node),
    others: { free: () => Promise.resolve() },
    live: () => wire.ownership.liveNodes(),
    otherControlPlanes: () => controlPlanes - 1,
    times: TIMES,
    annotations: () => ({ note: annotation }),
    onError: () => undefined,
  });
  const wire = lan.add(node, { record, eligibility: 'self' });
  const ownership = createOneOwner({ ownership: wire.ownership, record, clock: lan.clock });
  const stayAway = new StayAway({
    clock: lan.clock,
    isWished: () => agent.away,
    makesBeforeBreak: true,
    others: {
      anyReady: () => Promise.resolve(agents.some((one) => one !== agent && one.ready) ? 'ready' : 'none'),
    },
    onChange: () => agent.ensure(),
  });
  const agent: Agent = {
    node,
    ownership,
    wire,
    ready: true,
    away: false,
    ensure: () => {
      const owners = VIPS.map((vip) => ownership.ensure(vip, agent.ready && !stayAway.isAway ? [node] : []));
      stayAway.note(owners[0]);
    },
  };
  agents.push(agent);
  ownership.onChange(() => agent.ensure());
  const starting = ownership.start();
  agent.ensure();
  await lan.clock.advanceAsync(50);
  await starting;
  return agent;
}

/** An agent, or kube-vip, that knows of nothing but the Lease. */
async function electing(node: string): Promise<RunningOwnership> {
  const elected = createOneLease({
    node,
    lease: LEASE,
    times: TIMES,
    clock: lan.clock,
    store: cluster.store(node),
    others: { free: () => Promise.resolve() },
  });
  const starting = elected.start();
  elected.ensure(VIPS[0]!, [node]);
  await lan.clock.advanceAsync(2000);
  await starting;
  return elected;
}

const holders = (vip: Ip): string[] => agents.filter(({ ownership }) => ownership.holds(vip)).map(({ node }) => node);
const recorded = (): string | undefined => cluster.leases.get(LEASE)?.spec?.holderIdentity;

describe('the control-plane VIP by heartbeats', () => {
  it('has one owner for all its addresses, which writes itself down, and what it says, rarely', async () => {
    controlPlanes = 3;
    for (const node of ['a', 'b', 'c']) await add(node);
    await lan.clock.advanceAsync(3000);
    const [owner = ''] = holders(VIPS[0]!);
    expect(VIPS.map(holders)).toEqual([[owner], [owner]]);
    expect(recorded()).toBe(owner);
    const before = cluster.writes.length;
    await lan.clock.advanceAsync(70_000);
    expect(cluster.writes.length - before).toBeLessThanOrEqual(2);
    annotation = 'two';
    await lan.clock.advanceAsync(3000);
    expect(cluster.leases.get(LEASE)?.metadata.annotations?.['note']).toBe('two');
    expect(agents[0]!.ownership.ensure(VIPS[1]!, ['a']).message).toContain('fd00::250');
  });

  it('goes to a node whose API server serves, and stays where none does', async () => {
    const all = [await add('a'), await add('b')];
    await lan.clock.advanceAsync(3000);
    const [first] = holders(VIPS[0]!);
    const owner = all.find(({ node }) => node === first)!;
    const other = all.find(({ node }) => node !== first)!;
    owner.ready = false;
    owner.ensure();
    await lan.clock.advanceAsync(300);
    expect(holders(VIPS[0]!)).toEqual([other.node]);
    other.ready = false;
    other.ensure();
    await lan.clock.advanceAsync(2000);
    expect(holders(VIPS[0]!)).toEqual([other.node]);
    await lan.clock.advanceAsync(3000);
    expect(recorded()).toBe(other.node);
  });

  it('is left to whoever elects through the Lease, from the first moment on, and taken when that ends', async () => {
    const elected = await electing('z');
    expect(elected.holds(VIPS[0]!)).toBe(true);
    const agent = await add('a');
    for (let i = 0; i < 200; i++) {
      await lan.clock.advanceAsync(50);
      expect(holders(VIPS[0]!)).toEqual([]);
      expect(elected.holds(VIPS[0]!)).toBe(true);
    }
    expect(agent.ownership.ensure(VIPS[0]!, ['a'])).toMatchObject({
      state: 'ready',
      value: { node: 'z', mine: false },
    });
    const ended = elected.stop();
    await lan.clock.advanceAsync(1000);
    await ended;
    expect(holders(VIPS[0]!)).toEqual(['a']);
    await lan.clock.advanceAsync(3000);
    expect(recorded()).toBe('a');
  });

  it('is renewed as by election beside one that may elect, which waits for it no longer than it would for its own kind', async () => {
    controlPlanes = 2;
    const agent = await add('a');
    await lan.clock.advanceAsync(3000);
    expect(recorded()).toBe('a');
    expect(cluster.leases.get(LEASE)?.spec?.leaseDurationSeconds).toBe(5);
    const elected = await electing('z');
    for (let i = 0; i < 200; i++) {
      await lan.clock.advanceAsync(50);
      expect([holders(VIPS[0]!), elected.holds(VIPS[0]!)]).toEqual([['a'], false]);
    }
    lan.unplug(agent.wire);
    cluster.cut('a', { calls: true, watch: true });
    await lan.clock.advanceAsync(8000);
    expect(elected.holds(VIPS[0]!)).toBe(true);
  });

  it('is let go of for one that elects by a node whose API server does not serve', async () => {
    controlPlanes = 2;
    const agent = await add('a');
    await lan.clock.advanceAsync(3000);
    const elected = await electing('z');
    agent.ready = false;
    agent.ensure();
    await lan.clock.advanceAsync(5000);
    expect([holders(VIPS[0]!), elected.holds(VIPS[0]!)]).toEqual([[], true]);
    agent.ready = true;
    agent.ensure();
    for (let i = 0; i < 100; i++) {
      await lan.clock.advanceAsync(50);
      expect([holders(VIPS[0]!), elected.holds(VIPS[0]!)]).toEqual([[], true]);
    }
  });

  it('goes at once from a node that died a moment after it had renewed the Lease, and that nobody can write over', async () => {
    controlPlanes = 3;
    for (const node of ['a', 'b', 'c']) await add(node);
    await lan.clock.advanceAsync(3000);
    const [first = ''] = holders(VIPS[0]!);
    annotation = 'news';
    await lan.clock.advanceAsync(2100);
    for (const { node } of agents) cluster.cut(node, { calls: true, watch: true });
    lan.unplug(agents.find(({ node }) => node === first)!.wire);
    for (let i = 0; i < 60; i++) {
      await lan.clock.advanceAsync(500);
      const others = holders(VIPS[0]!).filter((node) => node !== first);
      expect(others).toHaveLength(1);
    }
  });

  it('has one owner when two that do not hear each other begin one after the other', async () => {
    controlPlanes = 2;
    await add('a');
    await lan.clock.advanceAsync(3000);
    for (const way of ['a>b', 'b>a']) lan.cuts.add(way);
    await add('b');
    for (let i = 0; i < 400; i++) {
      await lan.clock.advanceAsync(50);
      expect(holders(VIPS[0]!)).toEqual(['a']);
    }
    cluster.cut('a', { calls: true, watch: true });
    await lan.clock.advanceAsync(8000);
    expect(holders(VIPS[0]!)).toContain('b');
  });

  it('frees the Lease when its last agent ends', async () => {
    const agent = await add('a');
    await lan.clock.advanceAsync(3000);
    expect(recorded()).toBe('a');
    const ended = agent.ownership.stop();
    await lan.clock.advanceAsync(2000);
    await ended;
    expect(recorded()).toBe('');
  });

  it('is handed over, make before break, stays away, and comes back when nobody else is left', async () => {
    const all = [await add('a'), await add('b')];
    await lan.clock.advanceAsync(3000);
    const [first] = holders(VIPS[0]!);
    const owner = all.find(({ node }) => node === first)!;
    const other = all.find(({ node }) => node !== first)!;
    /** Lets time pass, with the look each second that the control plane has. */
    const pass = async (time: number): Promise<number> => {
      let fewest = 9;
      for (let passed = 0; passed < time; passed += 25) {
        if (passed % 1000 === 0) for (const agent of all) agent.ensure();
        await lan.clock.advanceAsync(25);
        fewest = Math.min(fewest, holders(VIPS[0]!).length);
      }
      return fewest;
    };
    owner.away = true;
    expect(await pass(1500)).toBe(1);
    expect(VIPS.map(holders)).toEqual([[other.node], [other.node]]);
    // With the only API server that serves it has the VIP all the same.
    other.ready = false;
    expect(await pass(5000)).toBe(1);
    expect(holders(VIPS[0]!)).toEqual([owner.node]);
    other.ready = true;
    expect(await pass(5000)).toBe(1);
    expect(holders(VIPS[0]!)).toEqual([other.node]);
    const leaving = other.ownership.stop();
    await pass(5500);
    await leaving;
    expect(holders(VIPS[0]!)).toEqual([owner.node]);
    expect(await pass(1500)).toBe(1);
  });
});
