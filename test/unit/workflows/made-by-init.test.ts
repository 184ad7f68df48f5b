import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { rulesUnder } from '../../../src/agent/cluster-record.ts';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import { clusterRecord, staticPodText } from '../../../src/cluster/objects.ts';
import { readClusterRecord, withoutServices } from '../../../src/cluster/record.ts';
import type { PodManifest } from '../../../src/manifests/objects.ts';
import type { ConfigMap, Pod } from '../../../src/model/kubernetes.ts';
import { agentsOfFiles, refuseOldAgents } from '../../../src/workflows/install/agents-of-files.ts';
import { refuseBgpOfInit } from '../../../src/workflows/install/by-init.ts';
import { createFakeCluster } from '../../support/fake-cluster.ts';

const configOf = (bgp: object) =>
  parseBootstrapConfig({ controlPlane: { vip: '10.9.0.1', ...bgp } }, 'init', { name: 'the test' });
const record = (bgp: object): ConfigMap => clusterRecord(configOf(bgp));
const ROUTED = { bgpPeers: ['10.0.0.1:65001'] };

describe('install', () => {
  it('is refused where static pods serve Services', async () => {
    const cluster = createFakeCluster();
    cluster.put('ConfigMap', record(ROUTED));
    await expect(refuseBgpOfInit(cluster)).rejects.toMatchObject({ code: 'MADE_BY_INIT', exit: 2 });
  });

  it('goes on anywhere else', async () => {
    const cluster = createFakeCluster();
    await refuseBgpOfInit(cluster);
    cluster.put('ConfigMap', record({}));
    await refuseBgpOfInit(cluster);
    cluster.put('ConfigMap', { metadata: record({}).metadata, data: { config: '{ [' } });
    await refuseBgpOfInit(cluster);
  });
});

describe('the record of a cluster', () => {
  it('says that Services are served, until it says that they are not', () => {
    const before = record(ROUTED);
    expect(readClusterRecord(before)).toEqual({ byBgp: true, servesServices: true });
    const config = withoutServices(before) ?? '';
    expect(readClusterRecord({ data: { config } })).toEqual({ byBgp: true, servesServices: false });
    // And nothing else has changed for machines that join.
    const [was, is] = [before.data?.['config'] ?? '', config].map((text) => parse(text) as { services: object });
    expect(is).toEqual({ ...was, services: { ...was?.services, enabled: false } });
    for (const config of ['', '{ [', 'text'])
      expect(readClusterRecord({ data: { config } })).toEqual({ byBgp: false, servesServices: true });
    expect(withoutServices({ data: { config: '{ [' } })).toBeUndefined();
  });

  it('is heeded by the agent of a file at once, and no longer when it changes back', () => {
    let tell: (key: string, object: ConfigMap | undefined) => void = () => undefined;
    const rules = rulesUnder(
      { className: 'kubevip', classOnly: false, withdraw: false },
      { onChange: (callback) => ((tell = callback as typeof tell), () => undefined) },
    );
    const on = record(ROUTED);
    const seen = [on, { ...on, data: { config: withoutServices(on) ?? '' } }, on, undefined].map((object) => {
      tell('kube-system/kubevip-cluster', object);
      return rules.withdraw;
    });
    expect(seen).toEqual([false, true, false, false]);
  });
});

describe('agents that files of their nodes start', () => {
  const shadow = (node: string, bgp: object): Pod => {
    const { metadata, spec } = parse(staticPodText(configOf(bgp))) as PodManifest;
    const annotations = { 'kubernetes.io/config.mirror': 'x' };
    return {
      metadata: { ...metadata, name: `${metadata.name}-${node}`, annotations },
      spec: { ...spec, nodeName: node },
    };
  };

  it('are known by kubelet’s mark, and by what they are told', async () => {
    const cluster = createFakeCluster();
    cluster.put('Pod', shadow('n2', ROUTED));
    cluster.put('Pod', shadow('n1', {}));
    const { metadata, spec } = shadow('n3', ROUTED);
    cluster.put('Pod', { metadata: { ...metadata, annotations: {} }, spec });
    const found = await agentsOfFiles(cluster);
    expect(found).toEqual([
      { node: 'n1', serves: false, heedsRecord: false },
      { node: 'n2', serves: true, heedsRecord: true },
    ]);
    refuseOldAgents(found);
  });

  it('are no matter for uninstall where they would serve on', () => {
    const old = { node: 'n1', serves: true, heedsRecord: false };
    expect(() => refuseOldAgents([old])).toThrow(expect.objectContaining({ code: 'OLD_AGENTS', exit: 2 }) as Error);
  });
});
