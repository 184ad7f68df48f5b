/**
 * Clusters of `kubevip init` that announce by BGP: on their control planes a static pod serves Services as well, since a
 * router takes one session from a node. `install` and `uninstall` know of DaemonSets only.
 */
import { parse } from 'yaml';
import { CLUSTER_RECORD, NODE_CONFIG } from '../../cluster/names.ts';
import type { Cluster } from '../../kube/client.ts';
import { NAMESPACE } from '../../manifests/names.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { ConfigMap } from '../../model/kubernetes.ts';

/** @throws KubevipError MADE_BY_INIT (2) in such a cluster; ApiError */
export async function refuseBgpOfInit(
  cluster: Pick<Cluster, 'resource'>,
  verb: 'install' | 'uninstall',
  signal?: AbortSignal,
): Promise<void> {
  const record = await cluster.resource('ConfigMap').find({ name: CLUSTER_RECORD, namespace: NAMESPACE }, { signal });
  if (record === undefined || !announcesByBgp(record)) return;
  throw new KubevipError(
    `this cluster was made by kubevip init and announces by BGP: static pods of its control planes serve Services, which kubevip ${verb} does not know of`,
    {
      code: 'MADE_BY_INIT',
      exit: EXIT.usage,
      hints: [
        verb === 'install'
          ? `Change ${NODE_CONFIG} on the first control plane and run \`kubevip init\` there again.`
          : '`kubevip reset` takes a machine out of the cluster, with all that kubevip has put there.',
      ],
    },
  );
}

/** What cannot be read says nothing. */
export function announcesByBgp({ data }: ConfigMap): boolean {
  let config: unknown;
  try {
    config = parse(data?.['config'] ?? '');
  } catch {
    return false;
  }
  const { controlPlane } = (config ?? {}) as { readonly controlPlane?: { readonly bgpPeers?: unknown } };
  return Array.isArray(controlPlane?.bgpPeers) && controlPlane.bgpPeers.length > 0;
}
