/** The VIP's owner by an election in etcd, with its Lease as the record, beside others that elect through that Lease. */
import { describe, expect, it } from 'vitest';
import { createOneLease } from '../../../src/exposure/control-plane/one-lease.ts';
import { createOneOwner } from '../../../src/exposure/control-plane/one-owner.ts';
import { createVipRecord, type VipRecord } from '../../../src/exposure/control-plane/vip-record.ts';
import { createEtcdOwnership } from '../../../src/exposure/ownership/etcd/etcd-ownership.ts';
import type { HeartbeatOwnership } from '../../../src/exposure/ownership/heartbeat/options.ts';
import type { RunningOwnership } from '../../../src/exposure/ownership/port.ts';
import { ip } from '../../../src/model/ip.ts';
import { ELECTION, TIMES } from '../../support/etcd-world.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeEtcd } from '../../support/fake-etcd.ts';
import { createLeaseCluster } from '../../support/lease-cluster.ts';

const VIPS = [ip('10.0.0.250'), ip('fd00::250')] as const;
const LEASE = 'plndr-cp-lock';

function createWorld() {
  const clock = createFakeClock();
  const etcd = createFakeEtcd(clock);
  const cluster = createLeaseCluster(clock);
  const all = new Map<string, RunningOwnership>();
  const common = (node: string) => ({
    node,
    lease: LEASE,
    times: TIMES,
    clock,
    store: cluster.store(node),
    others: { free: () => Promise.resolve() },
  });
  const begin = async (node: string, ownership: RunningOwnership): Promise<void> => {
    const ensure = (): void => VIPS.forEach((vip) => void ownership.ensure(vip, [node]));
    all.set(node, ownership);
    ownership.onChange(ensure);
    const starting = ownership.start();
    ensure();
    await clock.advanceAsync(1500);
    await starting;
  };
  return {
    clock,
    etcd,
    cluster,
    inEtcd: async (node: string): Promise<HeartbeatOwnership> => {
      const record: VipRecord = createVipRecord({
        ...common(node),
        live: () => inner.liveNodes(),
        otherControlPlanes: () => 0,
        annotations: () => ({}),
        onError: () => undefined,
      });
      const inner = createEtcdOwnership({
        node,
        election: ELECTION,
        times: TIMES,
        clock,
        wire: etcd.wire(node),
        record,
        onError: () => undefined,
      });
      const ownership = createOneOwner({ ownership: inner, record, clock });
      await begin(node, ownership);
      return ownership;
    },
    byLease: async (node: string): Promise<RunningOwnership> => {
      const ownership = createOneLease(common(node));
      await begin(node, ownership);
      return ownership;
    },
    holders: () => VIPS.map((vip) => [...all].filter(([, one]) => one.holds(vip)).map(([node]) => node)),
    recorded: () => cluster.leases.get(LEASE)?.spec?.holderIdentity,
  };
}

describe('the control-plane VIP by an election in etcd', () => {
  it('has one owner for all its addresses, which writes itself down, rarely', async () => {
    const { clock, cluster, holders, recorded, inEtcd } = createWorld();
    for (const node of ['a', 'b']) await inEtcd(node);
    expect(holders()).toEqual([['a'], ['a']]);
    expect(recorded()).toBe('a');
    const before = cluster.writes.length;
    await clock.advanceAsync(120_000);
    expect(cluster.writes.length - before).toBeLessThanOrEqual(3);
    expect(holders()).toEqual([['a'], ['a']]);
  });

  it('is another’s at once when its owner ends, and the record follows', async () => {
    const { clock, holders, recorded, inEtcd } = createWorld();
    const a = await inEtcd('a');
    await inEtcd('b');
    void a.stop();
    await clock.advanceAsync(50);
    expect(holders()).toEqual([['b'], ['b']]);
    await clock.advanceAsync(2500);
    expect(recorded()).toBe('b');
  });

  it('is nobody’s in the record either while etcd is away, and its last owner’s when it is back', async () => {
    const { clock, etcd, holders, recorded, inEtcd } = createWorld();
    await inEtcd('a');
    await inEtcd('b');
    etcd.setDown(true);
    await clock.advanceAsync(3500);
    expect(holders()).toEqual([[], []]);
    expect(recorded()).toBe('');
    etcd.setDown(false);
    await clock.advanceAsync(4500);
    expect(holders()).toEqual([['a'], ['a']]);
    expect(recorded()).toBe('a');
  });

  it('does not depend on an API server', async () => {
    const { clock, cluster, holders, inEtcd } = createWorld();
    for (const node of ['a', 'b']) cluster.cut(node, { calls: true, watch: true });
    void inEtcd('a');
    await clock.advanceAsync(2000);
    expect(holders()).toEqual([['a'], ['a']]);
  });

  it('is left to whoever elects through the Lease, and taken when that ends; never is it on two', async () => {
    const { clock, holders, recorded, inEtcd, byLease } = createWorld();
    const z = await byLease('z');
    expect(holders()).toEqual([['z'], ['z']]);
    await inEtcd('a');
    for (let i = 0; i < 200; i++) {
      await clock.advanceAsync(50);
      expect(holders()).toEqual([['z'], ['z']]);
    }
    void z.stop();
    await clock.advanceAsync(1000);
    expect(holders()).toEqual([['a'], ['a']]);
    await clock.advanceAsync(3000);
    expect(recorded()).toBe('a');
    await byLease('y');
    for (let i = 0; i < 200; i++) {
      await clock.advanceAsync(500);
      expect(holders()).toEqual([['a'], ['a']]);
    }
  });
});
