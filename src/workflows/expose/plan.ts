/** What has to be written for a wish, decided before anything is written. */
import type { Intent } from '../../exposure/intent/port.ts';
import type { Cluster } from '../../kube/client.ts';
import type { Service } from '../../model/kubernetes.ts';
import { KEY } from '../../model/annotations.ts';
import { readBackend } from './backend.ts';
import { checkService, readPools } from './check.ts';
import { checkServiceName, type ExposeRequest } from './request.ts';
import { changedService, checkSelects, MANAGED_BY, newService } from './service.ts';
import { checkOwnPorts, servicePorts } from './service-ports.ts';

export interface Plan {
  readonly request: ExposeRequest;
  /** The Service as it will be. */
  readonly service: Service;
  /** What is there now. One that is being deleted counts as not there. */
  readonly existing?: Service;
  /** Merge patch of `existing`. */
  readonly patch?: unknown;
  /** An earlier Service of this name has to go first. */
  readonly leaving?: Service;
  readonly intent: Intent;
  /** Somebody else's Service becomes a LoadBalancer: worth a question. */
  readonly question?: string;
  readonly warnings: readonly string[];
}

/**
 * Reads what there is, and decides. Nothing is written.
 * @throws ApiError, and KubevipError for every wish that cannot be met: see checkService, readBackend, servicePorts.
 */
export async function planExposure(
  cluster: Pick<Cluster, 'resource'>,
  request: ExposeRequest,
  signal?: AbortSignal,
): Promise<Plan> {
  const { namespace, target } = request;
  const name = checkServiceName(request.name ?? target.name);
  const ofService = target.kind === 'Service';
  const [backend, found, pools] = await Promise.all([
    readBackend(cluster, namespace, target, signal),
    cluster.resource('Service').find({ namespace, name: ofService ? target.name : name }, { signal }),
    readPools(cluster, signal),
  ]);
  const leaving = found?.metadata.deletionTimestamp === undefined ? undefined : found;
  const existing = leaving ? undefined : found;
  if (existing && !ofService) checkSelects(existing, backend);
  if (existing && ofService) checkOwnPorts(request.ports, existing);
  const ports = ofService ? undefined : servicePorts(request.ports, backend, existing);
  const change = existing && changedService(request, existing, ports);
  const service = change?.result ?? newService(request, name, backend, ports ?? []);
  const intent = checkService(service, pools);
  return {
    request,
    service,
    intent,
    ...(existing && change ? { existing, patch: change.patch } : {}),
    ...(leaving ? { leaving } : {}),
    ...(existing && !ofService && isForeign(existing)
      ? {
          question: `Service ${namespace}/${name} is there, of type ${existing.spec.type ?? 'ClusterIP'}. Expose it on the LAN?`,
        }
      : {}),
    warnings: pools
      ? pools.problems.map((problem) => `ConfigMap kubevip, key ${problem.key}: ${problem.message}`)
      : [NO_POOLS_SEEN],
  };
}

const NO_POOLS_SEEN =
  'ConfigMap kubevip in kube-system may not be read: whether the pools have an address is not known here';

function isForeign({ metadata, spec }: Service): boolean {
  return (
    spec.type !== 'LoadBalancer' &&
    metadata.labels?.[MANAGED_BY.key] !== MANAGED_BY.value &&
    metadata.annotations?.[KEY.exposed] === undefined
  );
}
