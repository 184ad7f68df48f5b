/** What `kubevip init` costs over a plain `kubeadm init` of the same documents, with its images and manifests prepared. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initDocuments, renderDocuments } from '../../src/cluster/kubeadm/documents.ts';
import { parseBootstrapConfig } from '../../src/cluster/config.ts';
import { ip } from '../../src/model/ip.ts';
import { parse } from 'yaml';
import { clusterConfig } from '../support/real-cluster/config.ts';
import { binaries, createRealWorld, type RealWorld } from '../support/real-cluster/world.ts';

const lab = binaries();
if (lab === undefined) console.warn('SKIPPED, not passed: KUBE_LAB_DIR names no folder with kubeadm and the rest');

/** The project’s own bar, in ms. */
const BAR = 10_000;
const ROUNDS = 2;

describe.skipIf(lab === undefined)('kubevip init beside kubeadm init', () => {
  let world: RealWorld;
  beforeAll(async () => (world = await createRealWorld(lab ?? '')), 60_000);
  afterAll(async () => await world[Symbol.asyncDispose](), 60_000);

  it('takes at most 10 s more', async () => {
    const node = await world.prepare('n1');
    await node.must(['tee', '/root/cluster.yaml'], { input: clusterConfig() });
    const config = parseBootstrapConfig(parse(clusterConfig()) as object, 'init', { name: 'the test' });
    const facts = {
      nodeName: 'n1',
      nodeIps: [ip(node.ip), ip(node.ip6)] as const,
      kubeadm: { major: 1, minor: 36, patch: 2, text: 'v1.36.2' },
      cgroups: 1 as const,
    };
    await node.must(['tee', '/root/kubeadm.yaml'], { input: renderDocuments(initDocuments(config, facts)) });
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const started = performance.now();
      await work();
      return performance.now() - started;
    };
    const plain: number[] = [];
    const ours: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      plain.push(
        await timed(async () => node.must(['kubeadm', 'init', '--config', '/root/kubeadm.yaml', '--upload-certs'])),
      );
      await node.must(['kubeadm', 'reset', '--force']);
      await node.must(['sh', '-c', 'rm -rf /root/.kube /etc/cni/net.d/*; nft flush ruleset']);
      ours.push(
        await timed(async () => {
          const { code, stderr } = await node.kubevip(['init', '-f', '/root/cluster.yaml', '--yes']);
          expect(code, stderr).toBe(0);
        }),
      );
      expect((await node.kubevip(['reset', '--yes'])).code).toBe(0);
    }
    const seconds = (all: readonly number[]): string => all.map((ms) => (ms / 1000).toFixed(1)).join(', ');
    console.log(`kubeadm init: ${seconds(plain)} s; kubevip init, until the VIP answers: ${seconds(ours)} s`);
    expect(Math.min(...ours) - Math.min(...plain)).toBeLessThanOrEqual(BAR);
  }, 400_000);
});
