/** Reads from the cluster what a status report is made of. What may not be read is left out and said. */
import { isApiError } from '../../kube/errors.ts';
import type { Cluster } from '../../kube/client.ts';
import { KubevipError } from '../../model/errors.ts';
import { POOLS } from '../expose/check.ts';
import { isPresence, PRESENCE } from '../expose/wait.ts';
import { askApiServers, controlPlaneLease } from './control-plane.ts';
import { statusReport, type StatusInput, type StatusReport } from './report.ts';

export interface StatusRequest {
  /** `'*'`: all namespaces. */
  readonly namespace: string;
  /** Only this Service. */
  readonly name?: string | undefined;
}

/** Without `askReadiness` nothing is said of the health of API servers. */
export type StatusCluster = Pick<Cluster, 'resource'> & Partial<Pick<Cluster, 'askReadiness'>>;

/** The EndpointSlice that says where API servers are. */
export const API_SERVERS = { name: 'kubernetes', namespace: 'default' } as const;

/** @throws ApiError, KubevipError NO_SUCH_SERVICE */
export async function readStatus(
  cluster: StatusCluster,
  request: StatusRequest,
  now: Date,
  signal?: AbortSignal,
): Promise<StatusReport> {
  return statusReport({ ...(await gather(cluster, request, signal)), now });
}

/** @throws ApiError, KubevipError NO_SUCH_SERVICE */
export async function gather(
  cluster: StatusCluster,
  request: StatusRequest,
  signal?: AbortSignal,
): Promise<Omit<StatusInput, 'now'>> {
  const list = (namespace: string) => cluster.resource('Service').list({ namespace }, { signal });
  const [shown, all, leases, pools, nodes, slice] = await Promise.all([
    list(request.namespace),
    request.namespace === '*' ? undefined : unlessForbidden(list('*'), undefined),
    unlessForbidden(cluster.resource('Lease').list({ namespace: PRESENCE.namespace }, { signal }), undefined),
    unlessForbidden(cluster.resource('ConfigMap').find(POOLS, { signal }), null),
    unlessForbidden(cluster.resource('Node').list({}, { signal }), undefined),
    unlessForbidden(cluster.resource('EndpointSlice').find(API_SERVERS, { signal }), undefined),
  ]);
  const services = shown.items.filter(({ metadata }) => [undefined, metadata.name].includes(request.name));
  if (request.name !== undefined && services.length === 0) {
    throw new KubevipError(`there is no Service ${request.name} in namespace ${request.namespace}`, {
      code: 'NO_SUCH_SERVICE',
      hints: ['`kubevip status -A` lists those of all namespaces.'],
    });
  }
  const slices = slice ? [slice] : [];
  const hasVip = leases && controlPlaneLease(leases.items) !== undefined;
  return {
    services,
    allServices: request.namespace === '*' ? shown.items : all?.items,
    presence: leases?.items.filter(isPresence),
    controlPlane: leases && {
      leases: leases.items,
      slices,
      answers: hasVip === true ? await askApiServers(cluster, slices) : new Map(),
    },
    pools,
    nodes: nodes?.items,
  };
}

async function unlessForbidden<T, E>(answer: Promise<T>, otherwise: E): Promise<T | E> {
  try {
    return await answer;
  } catch (error) {
    if (isApiError(error, 'FORBIDDEN')) return otherwise;
    throw error;
  }
}
