/** What a control plane that joins has to know of its cluster: read from there, and kept on the machine. */
import { parse } from 'yaml';
import { NAMESPACE } from '../../manifests/names.ts';
import { KubevipError } from '../../model/errors.ts';
import type { KubeObject } from '../../model/kubernetes.ts';
import { parseBootstrapConfig, type BootstrapConfig } from '../config.ts';
import type { Step } from '../engine/step.ts';
import { mergePatch, type Document } from '../kubeadm/merge-patch.ts';
import { ADMIN_KUBECONFIG, CLUSTER_RECORD, NODE_CONFIG } from '../names.ts';
import { readNodeConfig, renderConfig } from './node-config.ts';
import { readKubeconfig, type Settings, type StepParts } from './parts.ts';

/** @param local what was said for this machine; the cluster’s settings go before it. */
export function clusterSettingsStep(parts: StepParts, local: BootstrapConfig): Step {
  return {
    id: 'settings',
    title: 'take over the settings of the cluster',
    explain: `Reads the ConfigMap ${CLUSTER_RECORD} and writes ${NODE_CONFIG}. No secret is in either.`,
    verify: async () => ((await parts.files.exists(NODE_CONFIG)) ? 'done' : 'not'),
    run: async ({ signal }) => {
      const api = parts.api.connect(await readKubeconfig(parts.files, ADMIN_KUBECONFIG));
      try {
        const found = await api.find({ kind: 'ConfigMap', name: CLUSTER_RECORD, namespace: NAMESPACE }, { signal });
        await parts.files.write(NODE_CONFIG, renderConfig(withRecord(local, found)));
      } finally {
        api.close();
      }
    },
    undo: async () => parts.files.remove(NODE_CONFIG),
  };
}

/** The settings that {@link clusterSettingsStep} has kept. */
export function keptSettings({ files }: StepParts): Settings {
  return async () => {
    const config = await readNodeConfig(files);
    if (config !== undefined) return config;
    throw new KubevipError(`${NODE_CONFIG} is gone`, {
      code: 'NO_NODE_CONFIG',
      hints: ['Run the same command again.'],
    });
  };
}

function withRecord(local: BootstrapConfig, record: KubeObject | undefined): BootstrapConfig {
  const data = record !== undefined && 'data' in record ? (record.data as Readonly<Record<string, string>>) : {};
  if (data['config'] === undefined) {
    throw new KubevipError(`the cluster has no ConfigMap ${CLUSTER_RECORD} in ${NAMESPACE}`, {
      code: 'NO_CLUSTER_RECORD',
      hints: ['Was it made by `kubevip init`, and did that come to its end? Run it again on the first machine.'],
    });
  }
  const shared = parse(data['config']) as Document;
  return parseBootstrapConfig(mergePatch(local, shared), 'init', { name: `ConfigMap ${CLUSTER_RECORD}` });
}
