/** `kubeadm reset` (cmd/reset.go, cmd/phases/reset): best effort, node by node. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { trace, type NodeFacts } from '../node/facts.ts';
import { removeContainers } from '../node/containers.ts';
import { Api } from './api.ts';
import { initConfig, type Timeouts } from './config.ts';
import { Etcd, peerUrlOf } from './etcd.ts';
import { Failure, say, warn } from './failure.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { CONF, ETCD_DATA, KUBELET, manifestOf, MANIFESTS, PKI } from './paths.ts';
import { systemctl } from './phases.ts';
import type { KubeadmRules } from './rules.ts';

export async function reset(facts: NodeFacts, rules: KubeadmRules, force: boolean): Promise<void> {
  trace(facts, { event: 'reset' });
  if (!force) {
    throw new Failure('error execution phase preflight: aborted reset operation');
  }
  say('[preflight] Running pre-flight checks');
  const { timeouts } = initConfig([], rules, facts.patience);
  await removeEtcdMember(facts, timeouts);
  say('[reset] Stopping the kubelet service');
  systemctl('stop', 'kubelet');
  say(`[reset] Unmounting mounted directories in "${KUBELET}"`);
  await removeContainers();
  const folders = [MANIFESTS, KUBELET, PKI];
  say(`[reset] Deleting contents of directories: [${folders.join(' ')}]`);
  folders.forEach(empty);
  const files = Object.values(CONF);
  say(`[reset] Deleting files: [${files.join(' ')}]`);
  for (const file of files) rmSync(file, { force: true });
  say(
    '\nThe reset process does not perform cleanup of CNI plugin configuration,\nnetwork filtering rules and kubeconfig files.',
  );
}

async function removeEtcdMember(facts: NodeFacts, timeouts: Timeouts): Promise<void> {
  // A worker has no admin.conf and no etcd, but the folder is emptied all the same.
  if (existsSync(manifestOf('etcd'))) {
    try {
      const api = new Api(readKubeconfig(CONF.admin));
      await api.call('GET', '/api/v1/namespaces/kube-system/configmaps/kubeadm-config');
      const etcd = await Etcd.fromCluster(api, timeouts);
      await etcd.remove(peerUrlOf({ advertiseAddress: facts.ip }));
    } catch (error) {
      warn(
        `W [reset] Failed to remove etcd member: ${(error as Error).message}, please manually remove this etcd member using etcdctl`,
      );
    }
  }
  if (!existsSync(ETCD_DATA)) return;
  empty(ETCD_DATA);
  say(`[reset] Deleted contents of the etcd data directory: ${ETCD_DATA}`);
}

/** The folder itself stays. */
function empty(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
}
