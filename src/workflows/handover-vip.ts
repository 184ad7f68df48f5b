/** The control-plane VIP in `kubevip handover`: whether it can leave a node, and the wish on its Lease that it does. */
import { apiEndpoints } from '../kube/api-servers.ts';
import type { Cluster } from '../kube/client.ts';
import { isApiError } from '../kube/errors.ts';
import { KEY } from '../model/annotations.ts';
import { readControlPlaneRecord, readStayAway } from '../model/control-plane-record.ts';
import type { EndpointSlice, Lease, Node } from '../model/kubernetes.ts';
import { holderOf } from '../model/lease.ts';
import { controlPlaneLease } from './status/control-plane.ts';

export interface VipWorld {
  readonly leases: readonly Lease[];
  readonly slices: readonly EndpointSlice[];
  readonly nodes: readonly Node[];
}

/** The VIP on a node that is to be left. */
export interface HeldVip {
  readonly lease: string;
  readonly addresses: readonly string[];
  /** Why it stays; undefined: it can leave. */
  readonly obstacle: string | undefined;
}

const ATTEMPTS = 10;
const OWNER_OF_SERVICE = 'kubernetes.io/service-name';

/** Undefined where the node does not have it. */
export function vipOn(node: string, world: VipWorld): HeldVip | undefined {
  const lease = controlPlaneLease(world.leases);
  const { addresses = [], everyNode } = readControlPlaneRecord(lease);
  const isThere = lease !== undefined && (holderOf(lease) === node || (everyNode === true && hasApi(node, world)));
  if (!isThere) return undefined;
  const shown = addresses.length > 0 ? addresses : ['control-plane VIP'];
  return { lease: lease.metadata.name, addresses: shown, obstacle: obstacleOf(node, lease, world) };
}

function hasApi(node: string, world: VipWorld): boolean {
  return apiHosts(world).some((host) => host.node === node);
}

/** Where the API servers are, and on which node that is; undefined: on none that is known. */
function apiHosts({ slices, nodes }: VipWorld): { readonly host: string; readonly node: string | undefined }[] {
  const ofApi = slices.filter(
    ({ metadata }) => metadata.namespace === 'default' && metadata.labels?.[OWNER_OF_SERVICE] === 'kubernetes',
  );
  const nodeOf = (host: string): string | undefined =>
    nodes.find(({ status }) => status?.addresses?.some(({ address }) => address === host))?.metadata.name;
  return apiEndpoints(ofApi).map(({ host }) => ({ host, node: nodeOf(host) }));
}

function obstacleOf(node: string, lease: Lease, world: VipWorld): string | undefined {
  if (readControlPlaneRecord(lease).handsOver !== true)
    return 'its agent there is kube-vip, or of an earlier version: the VIP leaves when that or the API server there ends';
  const away = [node, ...readStayAway(lease)];
  const others = apiHosts(world).filter((one) => one.node !== node);
  if (others.length === 0) return 'no other node has an API server';
  if (others.every((one) => one.node !== undefined && away.includes(one.node)))
    return 'every other control plane is handed over itself';
  return undefined;
}

/** Writes down that the VIP is to stay away from the node, or that it may come again. @throws ApiError */
export async function keepVipAway(
  node: string,
  away: boolean,
  { cluster, signal }: { readonly cluster: Pick<Cluster, 'resource'>; readonly signal?: AbortSignal | undefined },
  lease: Lease | undefined,
): Promise<void> {
  const ref = lease && { name: lease.metadata.name, namespace: lease.metadata.namespace ?? 'kube-system' };
  if (!ref) return;
  const leases = cluster.resource('Lease');
  // Its owner may renew it at the same moment.
  for (let attempt = 1; ; attempt++) {
    const current = await leases.find(ref, { signal });
    if (!current) return;
    const before = readStayAway(current);
    if (before.includes(node) === away) return;
    const names = away ? [...before, node].sort() : before.filter((name) => name !== node);
    const { resourceVersion } = current.metadata;
    const annotations = { [KEY.stayAway]: names.length === 0 ? null : names.join() };
    try {
      await leases.patch(ref, { metadata: { annotations, resourceVersion } }, { type: 'merge', signal });
      return;
    } catch (error) {
      if (attempt >= ATTEMPTS || !isApiError(error, 'CONFLICT')) throw error;
    }
  }
}
