/**
 * Agents that kubelet starts from a file of its node, as `kubevip init` and `join` put them there: nobody can change or end
 * them by way of the API. Where a cluster announces by BGP they serve Services as well, since a router takes one session
 * from a node.
 */
import type { Cluster } from '../../kube/client.ts';
import { CONTROL_PLANE_NAME, NAMESPACE } from '../../manifests/names.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import type { Pod } from '../../model/kubernetes.ts';

export interface AgentOfFile {
  readonly node: string;
  /** It serves Services as well as the virtual IP. */
  readonly serves: boolean;
  /** It ends with that when the record of the cluster says so. */
  readonly heedsRecord: boolean;
}

/** kubelet's mark of the shadow that a static pod has in the API. */
const MIRROR = 'kubernetes.io/config.mirror';

/** In the order of their nodes. @throws ApiError */
export async function agentsOfFiles(
  cluster: Pick<Cluster, 'resource'>,
  signal?: AbortSignal,
): Promise<readonly AgentOfFile[]> {
  const labelSelector = `app.kubernetes.io/name=${CONTROL_PLANE_NAME}`;
  const { items } = await cluster.resource('Pod').list({ namespace: NAMESPACE, labelSelector }, { signal });
  return items
    .filter(({ metadata }) => metadata.annotations?.[MIRROR] !== undefined)
    .map(agentOf)
    .sort((a, b) => a.node.localeCompare(b.node, 'en', { numeric: true }));
}

function agentOf({ metadata, spec }: Pod): AgentOfFile {
  const env = spec.containers.flatMap((container) => container.env ?? []);
  const valueOf = (name: string): string => env.find((one) => one.name === name)?.value ?? '';
  return {
    node: spec.nodeName ?? metadata.name,
    serves: valueOf('svc_enable') === 'true',
    heedsRecord: valueOf('kubevip_cluster_record') !== '',
  };
}

export function servingOf(agents: readonly AgentOfFile[]): readonly AgentOfFile[] {
  return agents.filter(({ serves }) => serves);
}

/** @throws KubevipError OLD_AGENTS (2) where Services would be served on whatever the record says. */
export function refuseOldAgents(agents: readonly AgentOfFile[]): void {
  const old = servingOf(agents).filter(({ heedsRecord }) => !heedsRecord);
  if (old.length === 0) return;
  const nodes = old.map(({ node }) => node).join(', ');
  throw new KubevipError(
    `the agents on ${nodes} serve Services, are started by files of their nodes, and of an earlier version that cannot be told to stop`,
    {
      code: 'OLD_AGENTS',
      exit: EXIT.usage,
      hints: [
        `On each of ${nodes}: \`kubevip init\` (on the first control plane) or \`kubevip join\` brings the file up to date; then this again.`,
        '`kubevip reset` takes a machine out of the cluster, with all that kubevip has put there.',
      ],
    },
  );
}
