/** Reads from the cluster what a status report is made of. What may not be read is left out and said. */
import { isApiError } from '../../kube/errors.ts';
import type { Cluster } from '../../kube/client.ts';
import { KubevipError } from '../../model/errors.ts';
import type { ConfigMap, Service } from '../../model/kubernetes.ts';
import { POOLS } from '../expose/check.ts';
import { readPresence } from '../expose/wait.ts';
import { statusReport, type StatusReport } from './report.ts';

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
  const services = cluster.resource('Service');
  const [shown, all, presence, pools] = await Promise.all([
    services.list({ namespace: request.namespace }, { signal }),
    request.namespace === '*' ? undefined : listAll(cluster, signal),
    readPresence(cluster, signal),
    readConfigMap(cluster, signal),
  ]);
  const wanted =
    request.name === undefined ? shown.items : shown.items.filter(({ metadata }) => metadata.name === request.name);
  if (request.name !== undefined && wanted.length === 0) {
    throw new KubevipError(`there is no Service ${request.name} in namespace ${request.namespace}`, {
      code: 'NO_SUCH_SERVICE',
      hints: ['`kubevip status -A` lists those of all namespaces.'],
    });
  }
  return statusReport({ services: wanted, allServices: all ?? shown.items, presence, pools, now });
}

async function listAll(
  cluster: Pick<Cluster, 'resource'>,
  signal: AbortSignal | undefined,
): Promise<readonly Service[] | undefined> {
  try {
    return (await cluster.resource('Service').list({ namespace: '*' }, { signal })).items;
  } catch (error) {
    if (isApiError(error, 'FORBIDDEN')) return undefined;
    throw error;
  }
}

async function readConfigMap(
  cluster: Pick<Cluster, 'resource'>,
  signal: AbortSignal | undefined,
): Promise<ConfigMap | undefined | null> {
  try {
    return await cluster.resource('ConfigMap').find(POOLS, { signal });
  } catch (error) {
    if (isApiError(error, 'FORBIDDEN')) return null;
    throw error;
  }
}
