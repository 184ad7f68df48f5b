import { describe, expect, it } from 'vitest';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import { clusterRecord } from '../../../src/cluster/objects.ts';
import type { ConfigMap } from '../../../src/model/kubernetes.ts';
import { refuseBgpOfInit } from '../../../src/workflows/install/by-init.ts';
import { createFakeCluster } from '../../support/fake-cluster.ts';

const record = (bgp: object): ConfigMap => {
  const controlPlane = { vip: '10.9.0.1', ...bgp };
  return clusterRecord(parseBootstrapConfig({ controlPlane }, 'init', { name: 'the test' }));
};

describe('install and uninstall', () => {
  it.each(['install', 'uninstall'] as const)('refuse to %s where static pods serve Services', async (verb) => {
    const cluster = createFakeCluster();
    cluster.put('ConfigMap', record({ bgpPeers: ['10.0.0.1:65001'] }));
    await expect(refuseBgpOfInit(cluster, verb)).rejects.toMatchObject({ code: 'MADE_BY_INIT', exit: 2 });
  });

  it('go on anywhere else', async () => {
    const cluster = createFakeCluster();
    await refuseBgpOfInit(cluster, 'install');
    cluster.put('ConfigMap', record({}));
    await refuseBgpOfInit(cluster, 'install');
    cluster.put('ConfigMap', { metadata: record({}).metadata, data: { config: '{ [' } });
    await refuseBgpOfInit(cluster, 'install');
  });
});
