/**
 * The address from a pool where kube-vip's cloud provider writes it, so that either can go on: annotation, label and
 * `spec.loadBalancerIP`. It goes with the address: left behind, it would be a wish for an address that others have.
 */
import { IMPLEMENTATION_LABEL, KEY } from '../../model/annotations.ts';
import type { Service } from '../../model/kubernetes.ts';
import { isOwnRecord, readAssigned } from '../address/assigned.ts';
import type { AssignedAddress } from '../address/port.ts';
import type { Intent } from '../intent/port.ts';
import type { ServicePatch } from './port.ts';

type PoolRecord = Pick<ServicePatch, 'annotations' | 'labels' | 'loadBalancerIP'>;

/** @param assigned what the Service has from now on. */
export function poolRecord(service: Service, intent: Intent, assigned: AssignedAddress | undefined): PoolRecord {
  if (assigned?.source !== 'pool') return withoutPoolRecord(service);
  // Not over a new wish of the user's.
  if (!('kind' in intent.address) || intent.address.kind !== 'pool') return {};
  return {
    annotations: { [KEY.loadBalancerIPs]: assigned.ips.join(',') },
    labels: { [IMPLEMENTATION_LABEL.key]: IMPLEMENTATION_LABEL.value },
    loadBalancerIP: assigned.ips[0] ?? '',
  };
}

/** Takes away what stands there of the pool's, and leaves what the user has written since. */
export function withoutPoolRecord(service: Service): PoolRecord {
  const assigned = readAssigned(service);
  if (assigned?.source !== 'pool') return {};
  const isOwn = (text: string | undefined): boolean => text !== undefined && isOwnRecord(text, assigned);
  return {
    ...(isOwn(service.metadata.annotations?.[KEY.loadBalancerIPs])
      ? { annotations: { [KEY.loadBalancerIPs]: undefined } }
      : {}),
    labels: { [IMPLEMENTATION_LABEL.key]: undefined },
    ...(isOwn(service.spec.loadBalancerIP) ? { loadBalancerIP: '' } : {}),
  };
}
