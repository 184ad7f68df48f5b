/** What the naming stage is asked to publish for a Service. */
import { KEY } from '../../model/annotations.ts';
import type { Ip } from '../../model/ip.ts';
import { keyOf, type Service } from '../../model/kubernetes.ts';
import { readPorts } from '../intent/ports.ts';
import type { NamedPort, NameRequestOnLink } from './port.ts';
import { serviceTypeOf } from './service-types.ts';

export function nameRequestFor(
  service: Service,
  hosts: readonly string[],
  ips: readonly Ip[],
  link: string,
): NameRequestOnLink {
  const ports = readPorts(service).map((port): NamedPort | undefined => {
    const type = serviceTypeOf(port);
    return type === undefined ? undefined : { type, port: port.port, txt: {} };
  });
  return {
    service: keyOf(service),
    hosts,
    ips,
    link,
    instance: (hosts[0] ?? '').replace(/\.local$/, ''),
    ports: ports.filter((port) => port !== undefined),
    verified: [...readPublished(service), ...listed(service, KEY.publishedInstances)],
  };
}

/** The hosts that are published for the Service, according to its record. */
export function readPublished(service: Service): string[] {
  return listed(service, KEY.publishedNames);
}

/** No name has a comma in it: instances are called as the host is. */
function listed(service: Service, key: string): string[] {
  return (service.metadata.annotations?.[key] ?? '').split(',').filter((one) => one !== '');
}
