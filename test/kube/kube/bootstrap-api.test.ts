/** The API server as bootstrapping sees it, against the embedded one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterApi } from '../../../src/cluster/ports/api.ts';
import { createApiConnector } from '../../../src/kube/bootstrap-api.ts';
import { parseListenSpec } from '../../../src/lab/apiserver/listen.ts';
import { startApiServer, type ApiServer } from '../../../src/lab/apiserver/server.ts';

let server: ApiServer;
let api: ClusterApi;
beforeAll(async () => {
  server = await startApiServer({ listen: [parseListenSpec('127.0.0.1:0')] });
  api = createApiConnector('kubevip-test/0').connect(server.kubeconfig());
});
afterAll(async () => {
  api.close();
  await server.stop();
});

const NAMESPACE = 'kube-system';
const record = (value: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'record', namespace: NAMESPACE },
  data: { value },
});

describe('the API server while a cluster is made', () => {
  it('keeps what is applied, as often as one likes', async () => {
    const ref = { kind: 'ConfigMap', name: 'record', namespace: NAMESPACE };
    expect(await api.find(ref)).toBeUndefined();
    for (const value of ['a', 'b', 'b']) await api.apply(record(value));
    expect(await api.find(ref)).toMatchObject({ data: { value: 'b' } });
    await api.remove(ref);
    await api.remove(ref);
    expect(await api.find(ref)).toBeUndefined();
  });

  it('lists one namespace, all of them, and what is in none', async () => {
    for (const namespace of [NAMESPACE, 'default']) {
      await api.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: `in-${namespace}`, namespace } });
    }
    await api.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } });
    const names = async (kind: string, namespace?: string): Promise<string[]> =>
      (await api.list(kind, namespace)).map(({ metadata }) => metadata.name);
    expect(await names('Secret', NAMESPACE)).toEqual(['in-kube-system']);
    expect(await names('Secret')).toEqual(expect.arrayContaining(['in-default', 'in-kube-system']));
    expect(await names('Node')).toEqual(['n1']);
  });

  it('says its version, and which kinds it is not asked for', async () => {
    expect(await api.version()).toMatch(/^v1\./);
    await expect(api.list('Gateway')).rejects.toMatchObject({ code: 'INVALID' });
  });
});
