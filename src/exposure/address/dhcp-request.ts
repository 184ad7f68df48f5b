import type { Intent } from '../intent/port.ts';
import type { AssignedAddress, DhcpLease, DhcpRequest } from './port.ts';

/** What is told to the DHCP server of a lease that the Service carries. */
export function dhcpRequest(
  intent: Pick<Intent, 'service' | 'uid' | 'address'>,
  assigned: Pick<AssignedAddress, 'link'> | undefined,
  lease: DhcpLease | undefined,
): DhcpRequest | undefined {
  if (lease === undefined || assigned?.link === undefined) return undefined;
  const wanted = intent.address;
  const hostname = 'kind' in wanted && wanted.kind === 'dhcp' ? wanted.hostname : (intent.service.split('/')[1] ?? '');
  return { service: intent.service, uid: intent.uid, hostname, link: assigned.link, mac: lease.mac };
}
