/**
 * Clusters of `kubevip init` that announce by BGP: on their control planes a static pod serves Services as well, since a
 * router takes one session from a node. `install` knows of DaemonSets only.
 */
import { CLUSTER_RECORD, NODE_CONFIG } from '../../cluster/names.ts';
import { readClusterRecord } from '../../cluster/record.ts';
import type { Cluster } from '../../kube/client.ts';
import { NAMESPACE } from '../../manifests/names.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';

/** @throws KubevipError MADE_BY_INIT (2) in such a cluster; ApiError */
export async function refuseBgpOfInit(cluster: Pick<Cluster, 'resource'>, signal?: AbortSignal): Promise<void> {
  const record = await cluster.resource('ConfigMap').find({ name: CLUSTER_RECORD, namespace: NAMESPACE }, { signal });
  if (!readClusterRecord(record).byBgp) return;
  throw new KubevipError(
    'this cluster was made by kubevip init and announces by BGP: static pods of its control planes serve Services, which kubevip install does not know of',
    {
      code: 'MADE_BY_INIT',
      exit: EXIT.usage,
      hints: [`Change ${NODE_CONFIG} on the first control plane and run \`kubevip init\` there again.`],
    },
  );
}
