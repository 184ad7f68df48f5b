import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cluster } from '../../../src/kube/client.ts';
import { REFLECTOR_TIMES } from '../../../src/kube/watcher/machine.ts';
import { createWatcher, type Watcher } from '../../../src/kube/watcher/watcher.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { realClock, realEntropy, until } from '../../support/real-time.ts';
import { startScriptedApi, type ScriptedApi } from '../../support/scripted-api.ts';

const TIMES = { ...REFLECTOR_TIMES, backoff: [20, 100], denied: 30 } as const;
const serviceOf = (name: string, labels: Record<string, string> = {}): Service => ({
  metadata: { name, namespace: 'default', labels },
  spec: { type: 'LoadBalancer' },
});

let api: ScriptedApi;
let cluster: Cluster;
let watcher: Watcher<Service>;
let changes: string[];
let errors: unknown[];
const names = (): string[] => watcher.store.list().map(({ metadata }) => metadata.name);

beforeEach(async () => {
  api = await startScriptedApi();
  cluster = api.cluster();
  changes = [];
  errors = [];
  watcher = createWatcher({
    resource: cluster.resource('Service'),
    clock: realClock,
    entropy: realEntropy,
    times: TIMES,
    onError: (error) => errors.push(error),
  });
  watcher.onChange((key, object, previous) => {
    changes.push(`${previous ? (object ? '~' : '-') : '+'}${key}`);
  });
});
afterEach(async () => {
  watcher.stop();
  await api.close();
});

const create = async (name: string): Promise<Service> => cluster.resource('Service').create(serviceOf(name));
const synced = async (): Promise<void> => {
  watcher.start();
  expect(await watcher.synced).toBe(true);
  await until(() => api.watches === 1, 'the watch');
};

describe('a watcher', () => {
  it('lists, then follows every change, and sends bookmarks and a time-out along', async () => {
    await create('a');
    await synced();
    expect(changes).toEqual(['+default/a']);
    const b = await create('b');
    await cluster.resource('Service').replace({ ...b, metadata: { ...b.metadata, labels: { x: 'y' } } });
    await cluster.resource('Service').delete({ name: 'a' });
    await until(() => changes.length === 4, 'all changes');
    expect(changes).toEqual(['+default/a', '+default/b', '~default/b', '-default/a']);
    expect(api.requests.find((line) => line.includes('watch=true'))).toMatch(
      /allowWatchBookmarks=true&resourceVersion=\d+&timeoutSeconds=(2[789]\d|3[0123]\d)/,
    );
  });

  it('tells a handler that comes later what is there', async () => {
    await create('a');
    await synced();
    const seen: string[] = [];
    const off = watcher.onChange((key) => seen.push(key));
    expect(seen).toEqual(['default/a']);
    off();
    await create('b');
    await until(() => names().includes('b'), 'b');
    expect(seen).toEqual(['default/a']);
  });

  it('goes on after a reset without a new list, and says that the server answers again', async () => {
    await synced();
    let recovered = 0;
    watcher.onRecovered(() => recovered++);
    api.cutWatches();
    await create('a');
    await until(() => names().includes('a'), 'a');
    expect(recovered).toBe(1);
    expect(watcher.stats).toMatchObject({ relists: 0, restarts: 1, failures: 1, lastError: undefined });
  });

  it('goes on when the server ends the watch', async () => {
    await synced();
    api.endWatches();
    await create('a');
    await until(() => names().includes('a'), 'a');
    expect(watcher.stats.relists).toBe(0);
  });

  it('lists again when its version is too old, and finds what was deleted meanwhile', async () => {
    await create('a');
    await create('b');
    await synced();
    const up = api.failAll(500, (line) => line.includes('watch=true'));
    api.cutWatches();
    await cluster.resource('Service').delete({ name: 'a' });
    api.forgetHistory();
    up();
    await until(() => changes.includes('-default/a'), 'the deletion');
    expect(names()).toEqual(['b']);
    expect(watcher.stats.relists).toBe(1);
  });

  it.each([500, 503, 429, 401, 403])('survives %i on list and watch', async (status) => {
    const up = api.failAll(status);
    watcher.start();
    await until(() => watcher.stats.failures >= 3, 'three failures');
    expect([watcher.isSynced, watcher.stats.lastError]).toEqual([false, expect.stringContaining('scripted fault')]);
    up();
    await synced();
    expect(watcher.stats.lastError).toBeUndefined();
    const upAgain = api.failAll(status, (line) => line.includes('watch=true'));
    const before = watcher.stats.failures;
    api.cutWatches();
    await until(() => watcher.stats.failures >= before + 3, 'three more failures');
    upAgain();
    await create('a');
    await until(() => names().includes('a'), 'a');
  });

  it('waits out a server that is gone for a while', async () => {
    await create('a');
    await synced();
    await api.down();
    await until(() => watcher.stats.failures >= 3, 'three failures');
    expect(names()).toEqual(['a']);
    await api.up();
    await create('b');
    await until(() => names().includes('b'), 'b');
  });

  it('ends a watch that says nonsense, and begins anew', async () => {
    await synced();
    api.inject('{"type":"ADDED","obj\n');
    await until(() => watcher.stats.restarts === 1, 'a new watch');
    await create('a');
    await until(() => names().includes('a'), 'a');
  });

  it('keeps handlers apart: one that throws harms no other', async () => {
    watcher.onChange(() => {
      throw new Error('handler');
    });
    const seen: string[] = [];
    watcher.onChange((key) => seen.push(key));
    await synced();
    await create('a');
    await create('b');
    await until(() => seen.length === 2, 'both');
    expect(errors).toHaveLength(2);
  });

  it('opens nothing any more once stopped, also while it backs off', async () => {
    await synced();
    const up = api.failAll(500, (line) => line.includes('watch=true'));
    api.cutWatches();
    await until(() => watcher.stats.state === 'backing-off', 'a pause');
    watcher.stop();
    up();
    const before = api.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect([api.requests.length, api.watches]).toEqual([before, 0]);
  });

  it('opens a new watch on demand, missing nothing', async () => {
    await synced();
    api.silence(true);
    await create('unheard');
    api.silence(false);
    watcher.nudge();
    await until(() => names().includes('unheard'), 'what was not heard');
    expect(watcher.stats.relists).toBe(0);
  });

  it('is told false when stopped before the first list', async () => {
    api.failAll(500);
    watcher.start();
    watcher.stop();
    expect(await watcher.synced).toBe(false);
  });

  it('hears of an event within milliseconds', async () => {
    await synced();
    const delays: number[] = [];
    for (let i = 0; i < 20; i++) {
      const answered = create(`s${i}`);
      let heard = 0;
      const off = watcher.onChange((key) => {
        if (key === `default/s${i}`) heard = performance.now();
      });
      await answered;
      const at = performance.now();
      await until(() => heard > 0, 'the event');
      off();
      delays.push(heard - at);
    }
    // Usually heard before the answer to the write; the bound only guards against a buffer in between.
    expect(delays.sort((a, b) => a - b)[10]).toBeLessThan(50);
  });
});
