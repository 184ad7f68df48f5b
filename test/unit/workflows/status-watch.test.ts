import { expect, describe, it } from 'vitest';
import type { Service } from '../../../src/model/kubernetes.ts';
import { watchStatus } from '../../../src/workflows/status/watch.ts';
import { condition, presence, settled, withConditions } from '../../support/exposed.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeCluster } from '../../support/fake-cluster.ts';

const now = new Date('2026-01-01T00:10:00Z');
const entropy = { bytes: (length: number) => new Uint8Array(length), fraction: () => 0.5 };
const web: Service = { metadata: { name: 'web', namespace: 'default' }, spec: { type: 'LoadBalancer' } };

function setUp() {
  const cluster = createFakeCluster();
  const clock = createFakeClock();
  cluster.put('Service', settled(web));
  cluster.put('Lease', presence('n1', '2026-01-01T00:09:59.000000Z'));
  return { cluster, clock };
}

describe('status --watch', () => {
  it('follows the cluster by watches, and asks it for nothing more', async () => {
    const { cluster, clock } = setUp();
    const watch = await watchStatus(cluster, { namespace: 'default' }, { clock, entropy });
    expect(watch.report(now)).toMatchObject({ services: [{ name: 'web', ready: true }], problems: [] });
    expect(cluster.watches).toBe(4);

    let told = false;
    const news = watch.news(60_000).then(() => (told = true));
    await clock.advanceAsync(1000);
    expect(told).toBe(false);
    cluster.change('Service', 'web', (service) =>
      withConditions(service, condition('address', 'False', 'LeaseLost', 'gone')),
    );
    await clock.advanceAsync(1000);
    await news;
    expect(watch.report(now).problems).toMatchObject([{ what: 'Service default/web', reason: 'LeaseLost' }]);
    expect(watch.trouble).toBeUndefined();
    watch.close();
    expect(cluster.watches).toBe(0);
  });

  it('looks at the time without any news: an agent that falls silent gives no sign of it', async () => {
    const { cluster, clock } = setUp();
    const watch = await watchStatus(cluster, { namespace: '*' }, { clock, entropy });
    const news = watch.news(1000);
    await clock.advanceAsync(1000);
    await news;
    expect(watch.report(new Date('2026-01-01T00:20:00Z')).problems).toMatchObject([{ reason: 'NoAgent' }]);
    watch.close();
  });

  it('leaves out what may not be read, and refuses a name that is not there', async () => {
    const { cluster, clock } = setUp();
    cluster.refuse('Node', 'list', 403, 'Forbidden');
    cluster.refuse('ConfigMap', 'get', 403, 'Forbidden');
    const watch = await watchStatus(cluster, { namespace: 'default', name: 'web' }, { clock, entropy });
    expect(cluster.watches).toBe(2);
    expect(watch.report(now).problems).toMatchObject([{ what: 'ConfigMap kubevip', reason: 'Forbidden' }]);
    watch.close();
    await expect(watchStatus(cluster, { namespace: 'default', name: 'wbe' }, { clock, entropy })).rejects.toMatchObject(
      {
        code: 'NO_SUCH_SERVICE',
      },
    );
  });

  it('says while the API server is away that it is not up to date', async () => {
    const { cluster, clock } = setUp();
    const watch = await watchStatus(cluster, { namespace: '*' }, { clock, entropy });
    cluster.endWatches('Service', 503);
    expect(watch.trouble).toMatch(/cannot watch services/);
    expect(watch.report(now).services).toHaveLength(1);
    await clock.advanceAsync(60_000);
    expect(watch.trouble).toBeUndefined();
    watch.close();
  });
});
