import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cluster } from '../../../src/kube/client.ts';
import { until } from '../../support/real-time.ts';
import { startScriptedApi, type ScriptedApi } from '../../support/scripted-api.ts';

let api: ScriptedApi;
let cluster: Cluster;
beforeEach(async () => {
  api = await startScriptedApi();
  cluster = api.cluster();
});
afterEach(async () => api.close());

describe('calls to the API', () => {
  it('say when nobody answers, with exit code 4', async () => {
    await api.down();
    await expect(cluster.version()).rejects.toMatchObject({ code: 'API_UNREACHABLE', exit: 4 });
  });

  it('end after their time', async () => {
    const release = api.hang();
    await expect(cluster.version({ timeoutMs: 30 })).rejects.toMatchObject({ code: 'API_TIMEOUT', exit: 4 });
    release();
  });

  it('end when given up', async () => {
    const release = api.hang();
    const controller = new AbortController();
    const call = cluster.version({ signal: controller.signal });
    await until(() => api.requests.length === 1, 'the request');
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(cluster.version({ signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(api.requests).toHaveLength(1);
    release();
  });

  it('notice that the server closed an idle connection, and try again', async () => {
    expect(await cluster.version()).toBe('v1.36.0');
    await api.down();
    await api.up();
    expect(await cluster.version()).toBe('v1.36.0');
  });

  it('find nothing where there is nothing, and tell it from an error', async () => {
    const services = cluster.resource('Service');
    expect(await services.find({ name: 'none' })).toBeUndefined();
    await expect(services.get({ name: 'none' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    api.failNext(403);
    await expect(services.find({ name: 'none' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('go where the kind lives', async () => {
    await cluster.resource('Deployment').find({ name: 'web', namespace: 'shop' });
    await cluster.resource('Node').find({ name: 'n1' });
    await cluster
      .resource('Lease')
      .list({ namespace: '*' })
      .catch(() => undefined);
    expect(api.requests).toEqual([
      'GET /apis/apps/v1/namespaces/shop/deployments/web',
      'GET /api/v1/nodes/n1',
      'GET /apis/coordination.k8s.io/v1/leases?limit=500',
    ]);
  });
});
