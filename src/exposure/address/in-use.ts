/**
 * Who has which address, read from every LoadBalancer Service of the cluster: what we assigned, what it
 * asks for, and what its status says, whoever wrote it. Missing one of these is how duplicates are made.
 */
import { KEY } from '../../model/annotations.ts';
import { parseIp, type Ip } from '../../model/ip.ts';
import { keyOf, type Service, type ServiceKey } from '../../model/kubernetes.ts';
import { readAssigned } from './assigned.ts';

export interface Use {
  readonly service: ServiceKey;
  readonly ports: readonly number[];
}

/** Every address with its users. Placeholders for DHCP are no addresses. */
export function addressesInUse(services: Iterable<Service>): Map<Ip, Use[]> {
  const uses = new Map<Ip, Use[]>();
  for (const service of services) {
    if (service.spec.type !== 'LoadBalancer' && readAssigned(service) === undefined) continue;
    const use = { service: keyOf(service), ports: (service.spec.ports ?? []).map(({ port }) => port) };
    for (const ip of addressesOf(service)) uses.set(ip, [...(uses.get(ip) ?? []), use]);
  }
  return uses;
}

function addressesOf(service: Service): Set<Ip> {
  const assigned = readAssigned(service);
  const texts = [
    ...(assigned?.ips ?? []),
    ...(assigned?.next?.ips ?? []),
    ...(service.metadata.annotations?.[KEY.loadBalancerIPs]?.split(',') ?? []),
    service.spec.loadBalancerIP ?? '',
    ...(service.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? ''),
  ];
  const ips = texts.map((text) => parseIp(text.trim())).filter((ip): ip is Ip => ip !== undefined);
  return new Set(ips.filter((ip) => ip !== '0.0.0.0' && ip !== '::'));
}

/**
 * Whether a Service with `ports` may join the users of an address: all of theirs differ from all of its
 * (by number, as kube-vip's cloud provider compares). A user without ports cannot share.
 */
export function canShare(ports: readonly number[], users: readonly Use[]): boolean {
  if (ports.length === 0) return false;
  return users.every((user) => user.ports.length > 0 && !user.ports.some((port) => ports.includes(port)));
}
