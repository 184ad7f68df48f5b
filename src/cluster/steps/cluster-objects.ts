/** What the cluster itself holds of ours: rights, the settings for machines that join, and the services part. */
import { NAMESPACE } from '../../manifests/names.ts';
import type { BootstrapConfig } from '../config.ts';
import type { Step } from '../engine/step.ts';
import { CLUSTER_RECORD } from '../names.ts';
import { clusterObjects, clusterRecord } from '../objects.ts';
import { applyAll, askApi, VERIFY_TIMEOUT, withLocalApi, type StepParts } from './parts.ts';

export function clusterObjectsStep(parts: StepParts, config: BootstrapConfig): Step {
  const record = clusterRecord(config);
  return {
    id: 'services',
    title: config.services.enabled ? 'install the services part' : 'record the settings of the cluster',
    explain:
      'Server-side apply: the ConfigMap of the pools, account, rights and DaemonSet of the agents, and the ConfigMap ' +
      `${CLUSTER_RECORD} that machines which join read.`,
    // The record is applied last: where it is as wanted, the rest is there.
    verify: async () =>
      askApi(async () =>
        withLocalApi(parts, config, async (api) => {
          const ref = { kind: 'ConfigMap', name: CLUSTER_RECORD, namespace: NAMESPACE };
          const found = await api.find(ref, { timeoutMs: VERIFY_TIMEOUT });
          return dataOf(found) === record.data.config ? 'done' : 'not';
        }),
      ),
    run: async (context) => withLocalApi(parts, config, async (api) => applyAll(api, clusterObjects(config), context)),
    // Other machines may be in the cluster by now: what is in it goes with it.
    undo: () => Promise.resolve(),
  };
}

function dataOf(object: unknown): unknown {
  if (typeof object !== 'object' || object === null || !('data' in object)) return undefined;
  const { data } = object;
  return typeof data === 'object' && data !== null && 'config' in data ? data.config : undefined;
}
