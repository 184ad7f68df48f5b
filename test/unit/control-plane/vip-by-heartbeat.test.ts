/** The VIP's owner by heartbeats, with its Lease as the record, beside others that elect through that Lease. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createOneOwner } from '../../../src/exposure/control-plane/one-owner.ts';
import { createOneLease } from '../../../src/exposure/control-plane/one-lease.ts';
import { createVipRecord, type VipRecord } from '../../../src/exposure/control-plane/vip-record.ts';
import type { HeartbeatOwnership } from '../../../src/exposure/ownership/heartbeat/options.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { createHeartbeatLan, type HeartbeatLan, type LanAgent } from '../../support/heartbeat-lan.ts';
import { createLeaseCluster, type LeaseCluster } from '../../support/lease-cluster.ts';

const VIPS = [ip('10.0.0.250'), ip('fd00::250')];
const LEASE = 'plndr-cp-lock';

interface Agent {
  readonly node: string;
  readonly ownership: HeartbeatOwnership;
  readonly wire: LanAgent;
  /** Whether its API server serves. */
  ready: boolean;
  ensure(): void;
}

let lan: HeartbeatLan;
let cluster: LeaseCluster;
let agents: Agent[];
let annotation: string;

beforeEach(() => {
  lan = createHeartbeatLan();
  cluster = createLeaseCluster(lan.clock);
  agents = [];
  annotation = 'one';
});

async function add(node: string): Promise<Agent> {
  const record: VipRecord = createVipRecord({
    node,
    lease: LEASE,
    clock: lan.clock,
    store: cluster.store(node),
    others: { free: () => Promise.resolve() },
    live: () => wire.ownership.liveNodes(),
    annotations: () => ({ note: annotation }),
    onError: () => undefined,
  });
  const wire = lan.add(node, { record, eligibility: 'self' });
  const ownership = createOneOwner({ ownership: wire.ownership, record, clock: lan.clock });
  const agent: Agent = {
    node,
    ownership,
    wire,
    ready: true,
    ensure: () => {
      for (const vip of VIPS) ownership.ensure(vip, agent.ready ? [node] : []);
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

const holders = (vip: Ip): string[] => agents.filter(({ ownership }) => ownership.holds(vip)).map(({ node }) => node);
const recorded = (): string | undefined => cluster.leases.get(LEASE)?.spec?.holderIdentity;

describe('the control-plane VIP by heartbeats', () => {
  it('has one owner for all its addresses, which writes itself down, and what it says, rarely', async () => {
    for (const node of ['a', 'b', 'c']) await add(node);
    await lan.clock.advanceAsync(3000);
    const [owner = ''] = holders(VIPS[0]!);
    expect(VIPS.map(holders)).toEqual([[owner], [owner]]);
    expect(recorded()).toBe(owner);
    const before = cluster.writes.length;
    await lan.clock.advanceAsync(300_000);
    expect(cluster.writes.length - before).toBeLessThanOrEqual(5);
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
    const elected = createOneLease({
      node: 'z',
      lease: LEASE,
      times: { duration: 5000, renewDeadline: 3000, retryPeriod: 1000 },
      clock: lan.clock,
      store: cluster.store('z'),
      others: { free: () => Promise.resolve() },
    });
    const starting = elected.start();
    elected.ensure(VIPS[0]!, ['z']);
    await lan.clock.advanceAsync(2000);
    await starting;
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

  it('frees the Lease when its last agent ends', async () => {
    const agent = await add('a');
    await lan.clock.advanceAsync(3000);
    expect(recorded()).toBe('a');
    const ended = agent.ownership.stop();
    await lan.clock.advanceAsync(2000);
    await ended;
    expect(recorded()).toBe('');
  });
});
