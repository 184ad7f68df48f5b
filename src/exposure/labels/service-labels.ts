/** Which Services this node serves, as labels. */
import type { Ip } from '../../model/ip.ts';
import { keyOf, type Service } from '../../model/kubernetes.ts';
import { readAssigned } from '../address/assigned.ts';
import { addressesLabel, serviceLabel } from './names.ts';

export function serviceLabels(services: Iterable<Service>, holds: (ip: Ip) => boolean): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const service of services) {
    const own = (readAssigned(service)?.ips ?? []).filter(holds);
    if (own.length > 0 && service.metadata.deletionTimestamp === undefined)
      labels[serviceLabel(keyOf(service))] = addressesLabel(own);
  }
  return labels;
}
