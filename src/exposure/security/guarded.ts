/** Which ports of which addresses are open: a pure function of the Services. */
import { KEY } from '../../model/annotations.ts';
import type { Ip } from '../../model/ip.ts';
import type { Service } from '../../model/kubernetes.ts';
import { readAssigned } from '../address/assigned.ts';
import { annotation } from '../intent/annotation.ts';
import type { GuardedAddress } from './port.ts';

/**
 * Sorted, so that the same Services give the same list on every node. An address that Services share is open at the
 * ports of all of them, and left alone as soon as one of them asks for that.
 */
export function guardedAddresses(services: Iterable<Service>): GuardedAddress[] {
  const byAddress = new Map<Ip, Map<string, GuardedAddress['ports'][number]>>();
  const exempt = new Set<Ip>();
  for (const service of services) {
    const assigned = readAssigned(service);
    for (const ip of [...(assigned?.ips ?? []), ...(assigned?.next?.ips ?? [])]) {
      if (annotation(service, KEY.ignoreServiceSecurity) === 'true') exempt.add(ip);
      const ports = byAddress.get(ip) ?? new Map<string, GuardedAddress['ports'][number]>();
      for (const { port, protocol = 'TCP' } of service.spec.ports ?? [])
        ports.set(`${protocol} ${port}`, { protocol, port });
      byAddress.set(ip, ports);
    }
  }
  return [...byAddress]
    .filter(([ip]) => !exempt.has(ip))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([address, ports]) => ({
      address,
      ports: [...ports].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port),
    }));
}
