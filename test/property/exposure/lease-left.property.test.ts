/** Whatever happens to a Service, and however late anybody hears of it: in the end no DHCP lease is left. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAssigned } from '../../../src/exposure/address/assigned.ts';
import { KEY } from '../../../src/model/annotations.ts';
import type { Service, ServiceKey } from '../../../src/model/kubernetes.ts';
import { chanceFrom } from '../../support/chance.ts';
import { service } from '../../support/exposure.ts';
import { createSlowCluster, type SlowCluster } from '../../support/slow-cluster.ts';

const WEB: ServiceKey = 'default/web';

const event = fc.record({
  after: fc.nat(150),
  what: fc.constantFrom('dhcp', 'pool', 'hide', 'show', 'delete', 'router', 'hand over'),
});
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

const world = fc.record({
  seed: fc.nat(),
  /** Milliseconds that anything may take on its way. */
  longest: fc.nat(60),
  latency: fc.nat(20),
  generous: fc.boolean(),
  events: fc.array(event, { minLength: 1, maxLength: 8 }),
});

/** The record of a lease was still on its way when the wish for it was taken back, and the lease with it. */
const RECORDED_TOO_LATE: typeof world extends fc.Arbitrary<infer T> ? T : never = {
  seed: 2052683080,
  longest: 60,
  latency: 9,
  generous: false,
  events: [
    { after: 92, what: 'pool' },
    { after: 9, what: 'dhcp' },
    { after: 139, what: 'dhcp' },
    { after: 7, what: 'pool' },
  ],
};

describe('the lease of a Service', () => {
  it('is the one on its record as long as it is there, and none once it is gone', async () => {
    await fc.assert(
      fc.asyncProperty(world, async ({ seed, longest, latency, generous, events }) => {
        const cluster = createSlowCluster(chanceFrom(seed), longest, { latency, generous });
        const { clock, server } = cluster.lan;
        let born = 0;
        const make = (dhcp: boolean): Service => made(++born, dhcp);
        cluster.put(WEB, () => make(true));
        for (const { after, what } of events) {
          await clock.advanceAsync(after);
          change(cluster, what, make);
        }
        await clock.advanceAsync(20_000);
        expect([...server.leases.keys()]).toEqual(leasedTo(cluster));
        cluster.put(WEB, () => undefined);
        await clock.advanceAsync(20_000);
        expect(cluster.services.size).toBe(0);
        expect([...server.leases.keys()]).toEqual([]);
      }),
      { numRuns: 300, examples: [[RECORDED_TOO_LATE]] },
    );
  }, 120_000);
});

function made(number: number, dhcp: boolean): Service {
  const annotations = { [KEY.router]: '8080', ...(dhcp ? { [KEY.dhcp]: 'true' } : {}) };
  return service('web', { metadata: { uid: `uid-${number}`, annotations } });
}

function change(cluster: SlowCluster, what: Event['what'], make: (dhcp: boolean) => Service): void {
  if (what === 'hand over') {
    cluster.allocator = cluster.allocator === 'n1' ? 'n2' : 'n1';
    return cluster.again();
  }
  cluster.put(WEB, (before) => {
    if (!before) return what === 'delete' ? undefined : make(what !== 'pool');
    if (before.metadata.deletionTimestamp !== undefined) return before;
    switch (what) {
      case 'delete':
        return undefined;
      case 'hide':
      case 'show':
        return { ...before, spec: { ...before.spec, type: what === 'hide' ? 'ClusterIP' : 'LoadBalancer' } };
      case 'dhcp':
        return annotated(before, KEY.dhcp, 'true');
      case 'pool':
        return annotated(before, KEY.dhcp, undefined);
      case 'router':
        return annotated(before, KEY.router, before.metadata.annotations?.[KEY.router] === '8080' ? '8081' : '8080');
    }
  });
}

function annotated(before: Service, key: string, value: string | undefined): Service {
  const others = Object.entries(before.metadata.annotations ?? {}).filter(([name]) => name !== key);
  const annotations = Object.fromEntries(value === undefined ? others : [...others, [key, value]]);
  return { ...before, metadata: { ...before.metadata, annotations } };
}

function leasedTo({ services }: SlowCluster): string[] {
  return [...services.values()].flatMap((one) => readAssigned(one)?.lease?.ip ?? []);
}
