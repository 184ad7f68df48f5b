/** The EndpointSlices of a Service, as the endpoint slice controller makes them (IPv4, one per set of ports). */
import type { EndpointSlice, Pod, Service } from '../../model/kubernetes.ts';
import { isReady, isTerminating, sameNamespace, selects, targetPortIn } from './pods.ts';

export const MANAGED_BY = 'kubevip-lab';

/**
 * The slices that `service` shall have, given every pod. None for a Service without selector: its endpoints are
 * somebody else's business. Pods whose ports have different numbers under the same name get slices of their own.
 */
export function endpointSlices(service: Service, pods: readonly Pod[]): EndpointSlice[] {
  const { selector, ports = [] } = service.spec;
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  const groups = new Map<string, { ports: NonNullable<EndpointSlice['ports']>; pods: Pod[] }>();
  for (const pod of pods) {
    if (!sameNamespace(pod, service) || !selects(selector, pod) || pod.status?.podIP === undefined) continue;
    const resolved = ports.flatMap((port) => {
      const number = targetPortIn(pod, port);
      return number === undefined ? [] : [{ name: port.name ?? '', port: number, protocol: port.protocol ?? 'TCP' }];
    });
    const key = JSON.stringify(resolved);
    const group = groups.get(key) ?? { ports: resolved, pods: [] };
    group.pods.push(pod);
    groups.set(key, group);
  }
  return [...groups.values()].map((group, i) => sliceOf(service, i, group.ports, group.pods));
}

function sliceOf(
  service: Service,
  index: number,
  ports: NonNullable<EndpointSlice['ports']>,
  pods: readonly Pod[],
): EndpointSlice {
  const { name, namespace = 'default', uid = '' } = service.metadata;
  const owner = { apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true };
  return {
    addressType: 'IPv4',
    metadata: {
      name: index === 0 ? `${name}-lab` : `${name}-lab-${index}`,
      namespace,
      labels: {
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': MANAGED_BY,
      },
      ...{ ownerReferences: [owner] },
    },
    ports,
    endpoints: pods
      .map((pod) => endpointOf(pod))
      .sort((a, b) => (a.addresses[0] ?? '').localeCompare(b.addresses[0] ?? '')),
  };
}

function endpointOf(pod: Pod): NonNullable<EndpointSlice['endpoints']>[number] {
  const ready = isReady(pod) && !isTerminating(pod);
  const { name, namespace = 'default', uid = '' } = pod.metadata;
  return {
    addresses: [pod.status?.podIP ?? ''],
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    conditions: { ready, serving: isReady(pod), terminating: isTerminating(pod) },
    ...{ targetRef: { kind: 'Pod', name, namespace, uid } },
  };
}

/** Whether what is stored says the same as what is wanted. */
export function sameSlice(a: EndpointSlice, b: EndpointSlice): boolean {
  const essence = ({ endpoints = [], ports = [], addressType }: EndpointSlice): string =>
    JSON.stringify([
      addressType,
      ports.map(({ name = '', port, protocol }) => [name, port, protocol]),
      endpoints.map(({ addresses, nodeName, conditions }) => [
        addresses,
        nodeName,
        conditions?.ready,
        conditions?.serving,
        conditions?.terminating,
      ]),
    ]);
  return essence(a) === essence(b);
}
