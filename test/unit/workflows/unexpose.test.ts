import { beforeEach, describe, expect, it } from 'vitest';
import { KEY, FINALIZER } from '../../../src/model/annotations.ts';
import type { ObjectMeta, Service } from '../../../src/model/kubernetes.ts';
import type { Step } from '../../../src/workflows/steps.ts';
import { planUnexposure, unexpose, type UnexposeResult } from '../../../src/workflows/unexpose.ts';
import { annotated, settled } from '../../support/exposed.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { createFakeCluster, type FakeCluster } from '../../support/fake-cluster.ts';

let cluster: FakeCluster;
let clock: FakeClock;

beforeEach(() => {
  cluster = createFakeCluster();
  clock = createFakeClock();
});

function exposed(how: string): Service {
  const wish = { [KEY.loadBalancerIPs]: '0.0.0.0', [KEY.router]: '8080', [KEY.mdns]: 'web', [KEY.exposed]: how };
  const service: Service = {
    metadata: { name: 'web', namespace: 'default' },
    spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80 }] },
  };
  return settled(annotated(service, wish));
}

/** What the agent does in the end. */
function letGo(): void {
  cluster.change('Service', 'web', ({ metadata, spec }) => ({
    metadata: { ...without(metadata, KEY.assigned, KEY.routerMappings, KEY.publishedNames), finalizers: [] },
    spec,
  }));
}

function without(metadata: ObjectMeta, ...keys: readonly string[]): ObjectMeta {
  const left = Object.entries(metadata.annotations ?? {}).filter(([key]) => !keys.includes(key));
  return { ...metadata, annotations: Object.fromEntries(left) };
}

async function run(keepService = false, timeout = 10_000) {
  const plan = await planUnexposure(cluster, { namespace: 'default', name: 'web', keepService });
  const steps: Step[] = [];
  const work = async (): Promise<UnexposeResult> => {
    const generator = unexpose(plan, { cluster, clock, timeout });
    for (;;) {
      const next = await generator.next();
      if (next.done === true) return next.value;
      steps.push(next.value);
    }
  };
  const over = { yes: false };
  const end = work().then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => ({ result: undefined, error: error as { code: string; exit: number; message: string } }),
  );
  void end.then(() => (over.yes = true));
  for (let i = 0; i < 100 && !over.yes; i++) await clock.advanceAsync(250);
  return { ...(await end), steps };
}

describe('unexpose', () => {
  it('deletes what expose made, and waits until everything outside is undone', async () => {
    cluster.put('Service', exposed('created'));
    clock.after(1000, letGo);
    const { result, steps } = await run();
    expect(result).toMatchObject({ deleted: true, service: 'web' });
    expect(result?.undone.map(({ stage }) => stage)).toEqual(['name', 'router', 'lease', 'address']);
    expect(clock.now()).toBeGreaterThanOrEqual(1000);
    expect(steps.at(-1)).toEqual({ kind: 'done', text: 'Service default/web deleted' });
    expect(cluster.get('Service', 'web')).toBeUndefined();
    expect(cluster.watches).toBe(0);
  });

  it('gives a Service that was there before its type back', async () => {
    cluster.put('Service', exposed('NodePort'));
    clock.after(500, letGo);
    const { result } = await run();
    expect(result?.deleted).toBe(false);
    const service = cluster.get('Service', 'web');
    expect(service?.spec.type).toBe('NodePort');
    expect(service?.metadata.annotations).toEqual({ [KEY.vipHost]: 'n1' });
  });

  it('keeps it as ClusterIP when told to', async () => {
    cluster.put('Service', exposed('created'));
    clock.after(500, letGo);
    expect((await run(true)).result?.deleted).toBe(false);
    expect(cluster.get('Service', 'web')?.spec.type).toBe('ClusterIP');
  });

  it('exits 5 and says what hangs', async () => {
    cluster.put('Service', exposed('created'));
    const { error } = await run(false, 2000);
    expect(error).toMatchObject({ code: 'TIMED_OUT', exit: 5 });
    expect(error?.message).toContain('TCP port 8080 of router 10.77.0.1');
    expect(error?.message).toContain(FINALIZER);
  });

  it('asks before it deletes what somebody else made', async () => {
    const { metadata, spec, status } = exposed('created');
    cluster.put('Service', { metadata: without(metadata, KEY.exposed), spec, ...(status ? { status } : {}) });
    const plan = await planUnexposure(cluster, { namespace: 'default', name: 'web', keepService: false });
    expect(plan.question).toMatch(/not made by kubevip expose/);
  });

  it.each<[string, Service | undefined, string]>([
    ['nothing of that name', undefined, 'NO_SUCH_SERVICE'],
    ['a plain Service', { metadata: { name: 'web' }, spec: { type: 'ClusterIP' } }, 'NOT_EXPOSED'],
    [
      'another controller’s',
      { metadata: { name: 'web' }, spec: { type: 'LoadBalancer', loadBalancerClass: 'metallb.io/x' } },
      'NOT_EXPOSED',
    ],
  ])('refuses %s', async (_, service, code) => {
    if (service) cluster.put('Service', service);
    await expect(
      planUnexposure(cluster, { namespace: 'default', name: 'web', keepService: false }),
    ).rejects.toMatchObject({ code });
    expect(cluster.writes).toEqual([]);
  });
});
