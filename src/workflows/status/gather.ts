/** Reads from the cluster what a status report is made of. What may not be read is left out and said. */
import { isApiError } from '../../kube/errors.ts';
import type { Cluster } from '../../kube/client.ts';
import { KubevipError } from '../../model/errors.ts';
import { POOLS } from '../expose/check.ts';
import { readPresence } from '../expose/wait.ts';
import { statusReport, type StatusInput, type StatusReport } from './report.ts';

export interface StatusRequest {
  /** `'*'`: all namespaces. */
  readonly namespace: string;
  /** Only this Service. */
  readonly name?: string | undefined;
}

/** @throws ApiError, KubevipError NO_SUCH_SERVICE */
export async function readStatus(
  cluster: Pick<Cluster, 'resource'>,
  request: StatusRequest,
  now: Date,
  signal?: AbortSignal,
): Promise<StatusReport> {
  return statusReport({ ...(await gather(cluster, request, signal)), now });
}

/** @throws ApiError, KubevipError NO_SUCH_SERVICE */
export async function gather(
  cluster: Pick<Cluster, 'resource'>,
  request: StatusRequest,
  signal?: AbortSignal,
): Promise<Omit<StatusInput, 'now'>> {
  const list = (namespace: string) => cluster.resource('Service').list({ namespace }, { signal });
  const [shown, all, presence, pools, nodes] = await Promise.all([
    list(request.namespace),
    request.namespace === '*' ? undefined : unlessForbidden(list('*'), undefined),
    readPresence(cluster, signal),
    unlessForbidden(cluster.resource('ConfigMap').find(POOLS, { signal }), null),
    unlessForbidden(cluster.resource('Node').list({}, { signal }), undefined),
  ]);
  const services = shown.items.filter(({ metadata }) => [undefined, metadata.name].includes(request.name));
  if (request.name !== undefined && services.length === 0) {
    throw new KubevipError(`there is no Service ${request.name} in namespace ${request.namespace}`, {
      code: 'NO_SUCH_SERVICE',
      hints: ['`kubevip status -A` lists those of all namespaces.'],
    });
  }
  return {
    services,
    allServices: request.namespace === '*' ? shown.items : all?.items,
    presence,
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
