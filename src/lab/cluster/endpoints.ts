/** The EndpointSlices of a Service, as the endpoint slice controller makes them: one per family and set of ports. */
import { isIPv6 } from 'node:net';
import type { EndpointSlice, Pod, Service, ServicePort } from '../../model/kubernetes.ts';
import { isReady, isTerminating, sameNamespace, selects, targetPortIn } from './pods.ts';

type AddressType = 'IPv4' | 'IPv6';

export const MANAGED_BY = 'kubevip-lab';

/**
 * The slices that `service` shall have, given every pod. None for a Service without selector: its endpoints are
 * somebody else's business. Pods whose ports have different numbers under the same name get slices of their own.
 */
export function endpointSlices(service: Service, pods: readonly Pod[]): EndpointSlice[] {
  const { selector, ports = [] } = service.spec;
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  const selected = pods.filter((pod) => sameNamespace(pod, service) && selects(selector, pod));
  return (service.spec.ipFamilies ?? ['IPv4']).flatMap((family) =>
    slicesOf(service, family === 'IPv6' ? 'IPv6' : 'IPv4', selected, ports),
  );
}

function slicesOf(
  service: Service,
  family: AddressType,
  pods: readonly Pod[],
  servicePorts: readonly ServicePort[],
): EndpointSlice[] {
  const groups = new Map<string, { ports: NonNullable<EndpointSlice['ports']>; pods: Pod[] }>();
  for (const pod of pods) {
    if (addressOf(pod, family) === undefined) continue;
    const resolved = servicePorts.flatMap((port) => {
      const number = targetPortIn(pod, port);
      return number === undefined ? [] : [{ name: port.name ?? '', port: number, protocol: port.protocol ?? 'TCP' }];
    });
    const key = JSON.stringify(resolved);
    const group = groups.get(key) ?? { ports: resolved, pods: [] };
    group.pods.push(pod);
    groups.set(key, group);
  }
  return [...groups.values()].map((group, i) => sliceOf(service, family, i, group.ports, group.pods));
}

function addressOf({ status }: Pod, family: AddressType): string | undefined {
  const addresses = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP]);
  return addresses.find((address) => isIPv6(address) === (family === 'IPv6'));
}

function sliceOf(
  service: Service,
  family: AddressType,
  index: number,
  ports: NonNullable<EndpointSlice['ports']>,
  pods: readonly Pod[],
): EndpointSlice {
  const { name, namespace = 'default', uid = '' } = service.metadata;
  const owner = { apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true };
  // The family is part of the name: what is there under a name cannot change it.
  const base = family === 'IPv6' ? `${name}-lab-v6` : `${name}-lab`;
  return {
    addressType: family,
    metadata: {
      name: index === 0 ? base : `${base}-${index}`,
      namespace,
      labels: {
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': MANAGED_BY,
      },
      ...{ ownerReferences: [owner] },
    },
    ports,
    endpoints: pods
      .map((pod) => endpointOf(pod, addressOf(pod, family) ?? ''))
      .sort((a, b) => (a.addresses[0] ?? '').localeCompare(b.addresses[0] ?? '')),
  };
}

function endpointOf(pod: Pod, address: string): NonNullable<EndpointSlice['endpoints']>[number] {
  const ready = isReady(pod) && !isTerminating(pod);
  const { name, namespace = 'default', uid = '' } = pod.metadata;
  return {
    addresses: [address],
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
