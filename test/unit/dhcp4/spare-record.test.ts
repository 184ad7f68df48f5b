import { describe, expect, it } from 'vitest';
import { createSpareRecord, type RecordedSpare } from '../../../src/exposure/address/dhcp/spare-record.ts';
import { KEY } from '../../../src/model/annotations.ts';
import { LEASE } from '../../support/exposure.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createLeaseCluster } from '../../support/lease-cluster.ts';

const NAME = 'kubevip-dhcp-spares';
const SPARE: RecordedSpare = { lan: '10.77.0.0/24', slot: 0, lease: LEASE };

describe('the record of spare leases', () => {
  it('stands in a Lease that is there only as long as there are any', async () => {
    const clock = createFakeClock();
    const cluster = createLeaseCluster(clock);
    const store = cluster.store('n1');
    const errors: unknown[] = [];
    const record = createSpareRecord({ family: 4, store, onError: (error) => errors.push(error) });
    expect(record.read()).toEqual([]);
    void record.write([]);
    await clock.advanceAsync(100);
    expect(cluster.writes).toEqual([]);
    void record.write([SPARE]);
    await clock.advanceAsync(100);
    expect(record.read()).toEqual([SPARE]);
    expect(createSpareRecord({ family: 4, store: cluster.store('n1'), onError: () => undefined }).read()).toEqual([
      SPARE,
    ]);
    void record.write([]);
    await clock.advanceAsync(100);
    expect(cluster.leases.has(NAME)).toBe(false);
    expect(errors).toEqual([]);
  });

  it('is the newest after many changes at once, and no more is written than is needed', async () => {
    const clock = createFakeClock();
    const cluster = createLeaseCluster(clock);
    const record = createSpareRecord({ family: 4, store: cluster.store('n1'), onError: () => undefined });
    for (let slot = 0; slot < 10; slot++) void record.write([{ ...SPARE, slot }]);
    await clock.advanceAsync(100);
    expect(record.read()).toEqual([{ ...SPARE, slot: 9 }]);
    void record.write([{ ...SPARE, slot: 9 }]);
    await clock.advanceAsync(100);
    expect(cluster.writes).toHaveLength(2);
  });

  it('is left as it is while the API server is away, and written when it is asked for again', async () => {
    const clock = createFakeClock();
    const cluster = createLeaseCluster(clock);
    const errors: unknown[] = [];
    const record = createSpareRecord({ family: 4, store: cluster.store('n1'), onError: (error) => errors.push(error) });
    cluster.cut('n1', { calls: true, watch: true });
    void record.write([SPARE]);
    await clock.advanceAsync(60_000);
    expect(errors).toHaveLength(1);
    expect(record.read()).toEqual([]);
    cluster.cut('n1', { calls: false, watch: false });
    void record.write([SPARE]);
    await clock.advanceAsync(100);
    expect(record.read()).toEqual([SPARE]);
  });

  it.each(['', '{', 'null', '{"lan":1}', '[1, null, {"lan":"a","slot":0}, {"lan":"a","slot":0,"lease":{"ip":"x"}}]'])(
    'edited to %j by hand is as if there were none',
    async (text) => {
      const clock = createFakeClock();
      const cluster = createLeaseCluster(clock);
      const store = cluster.store('n1');
      cluster.put({ metadata: { name: NAME, annotations: { [KEY.dhcpSpares]: text } } });
      await clock.advanceAsync(100);
      expect(createSpareRecord({ family: 4, store, onError: () => undefined }).read()).toEqual([]);
    },
  );
});
