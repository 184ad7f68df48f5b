/** A cluster in which some agents elect through Leases and others by heartbeat: as during a change from one to the other. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { HeartbeatOwnership } from '../../../../src/exposure/ownership/heartbeat/options.ts';
import { createLeaseOwnership } from '../../../../src/exposure/ownership/lease-ownership.ts';
import type { RunningOwnership } from '../../../../src/exposure/ownership/port.ts';
import { besideLeases } from '../../../../src/exposure/ownership/record/beside-leases.ts';
import { createLeaseRecord, type LeaseRecord } from '../../../../src/exposure/ownership/record/lease-record.ts';
import { ip } from '../../../../src/model/ip.ts';
import { createHeartbeatLan, type HeartbeatLan, type LanAgent } from '../../../support/heartbeat-lan.ts';
import { createLeaseCluster, type LeaseCluster } from '../../../support/lease-cluster.ts';

const VIP = ip('10.0.0.200');
const TIMES = { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 };

interface Agent {
  readonly node: string;
  readonly ownership: RunningOwnership;
}

let lan: HeartbeatLan;
let cluster: LeaseCluster;
let agents: Agent[];

beforeEach(() => {
  lan = createHeartbeatLan();
  cluster = createLeaseCluster(lan.clock);
  agents = [];
});

/** As the reconciler does it: asks again whenever something changes. */
async function join(agent: Agent): Promise<Agent> {
  agents.push(agent);
  const ensure = (): void => void agent.ownership.ensure(VIP, agent.ownership.liveNodes());
  agent.ownership.onChange(ensure);
  const starting = agent.ownership.start();
  ensure();
  await lan.clock.advanceAsync(100);
  await starting;
  return agent;
}

async function byHeartbeat(node: string): Promise<Agent & { readonly record: LeaseRecord; readonly wire: LanAgent }> {
  const store = cluster.store(node);
  const record: LeaseRecord = createLeaseRecord({
    node,
    store,
    clock: lan.clock,
    times: TIMES,
    about: () => ({}),
    addresses: () => [],
    live: () => inner.liveNodes(),
    isAnswered: () => Promise.reject(new Error('there is no LAN to ask')),
    onError: () => undefined,
  });
  const wire = lan.add(node, { record });
  const inner: HeartbeatOwnership = wire.ownership;
  const ownership = besideLeases({ ownership: inner, record, store, clock: lan.clock });
  await join({ node, ownership });
  return { node, ownership, record, wire };
}

async function byLease(node: string): Promise<Agent> {
  const ownership = createLeaseOwnership({
    node,
    times: TIMES,
    clock: lan.clock,
    store: cluster.store(node),
  });
  return join({ node, ownership });
}

const holders = (): string[] => agents.filter(({ ownership }) => ownership.holds(VIP)).map(({ node }) => node);

describe('agents with heartbeats beside agents with Leases', () => {
  it('leave to them what they have, say so, and have it when they end', async () => {
    const old = await byLease('z');
    await lan.clock.advanceAsync(1000);
    expect(holders()).toEqual(['z']);
    const one = await byHeartbeat('a');
    const two = await byHeartbeat('b');
    for (let i = 0; i < 200; i++) {
      await lan.clock.advanceAsync(50);
      expect(holders()).toEqual(['z']);
    }
    expect(one.record.strangers()).toEqual([{ node: 'z', kind: 'lease' }]);
    expect(one.ownership.liveNodes()).toEqual(['a', 'b', 'z']);
    expect(one.ownership.ensure(VIP, ['a', 'b', 'z'])).toMatchObject({
      state: 'ready',
      value: { node: 'z', mine: false },
    });
    const ended = old.ownership.stop();
    await lan.clock.advanceAsync(3000);
    await ended;
    expect(holders()).toHaveLength(1);
    expect([one.node, two.node]).toContain(holders()[0]);
    expect(cluster.leases.get('kubevip-10-0-0-200')?.spec?.holderIdentity).toBe(holders()[0]);
  });

  it('are left alone by them in turn', async () => {
    await byHeartbeat('b');
    await lan.clock.advanceAsync(2000);
    expect(holders()).toEqual(['b']);
    await byLease('a');
    for (let i = 0; i < 200; i++) {
      await lan.clock.advanceAsync(50);
      expect(holders()).toEqual(['b']);
    }
  });

  it('do not wait for the Lease of a node of theirs that died', async () => {
    const one = await byHeartbeat('a');
    const two = await byHeartbeat('b');
    await lan.clock.advanceAsync(2000);
    const [first] = holders();
    const dead = first === 'a' ? one : two;
    lan.unplug(dead.wire);
    cluster.cut(dead.node, { calls: true, watch: true });
    await lan.clock.advanceAsync(400);
    expect(holders().filter((node) => node !== first)).toHaveLength(1);
  });

  it('that cannot hear each other agree by the Lease, whoever wrote it last', async () => {
    const one = await byHeartbeat('a');
    const two = await byHeartbeat('b');
    await lan.clock.advanceAsync(2000);
    expect(holders()).toHaveLength(1);
    lan.unplug(one.wire);
    await lan.clock.advanceAsync(1000);
    // Each is alone for all it knows, but for the Lease that one of them wrote over the other's.
    expect(holders()).toEqual([cluster.leases.get('kubevip-10-0-0-200')?.spec?.holderIdentity]);
    expect([one, two].flatMap(({ record }) => record.strangers().map(({ kind }) => kind))).toContain('unheard');
  });
});
