/** What the naming stage is asked to publish for a Service. */
import { KEY } from '../../model/annotations.ts';
import type { Ip } from '../../model/ip.ts';
import { keyOf, type Service } from '../../model/kubernetes.ts';
import type { Intent, NameRequest } from '../intent/port.ts';
import type { NamedPort, NameRequestOnLink } from './port.ts';
import { serviceTypeOf } from './service-types.ts';

export function nameRequestFor(
  service: Service,
  intent: Intent,
  name: NameRequest,
  ips: readonly Ip[],
  link: string,
): NameRequestOnLink {
  const { annotations } = service.metadata;
  // Neither has a comma in it: instances are called as the host is.
  const published = [annotations?.[KEY.publishedNames], annotations?.[KEY.publishedInstances]];
  const host = name.hosts[0] ?? '';
  const ports = intent.ports.map((port): NamedPort | undefined => {
    const type = serviceTypeOf(port);
    return type === undefined ? undefined : { type, port: port.port, txt: {} };
  });
  return {
    service: keyOf(service),
    hosts: name.hosts,
    ips,
    link,
    instance: host.replace(/\.local$/, ''),
    ports: ports.filter((port) => port !== undefined),
    verified: published.flatMap((names) => names?.split(',') ?? []).filter((one) => one !== ''),
  };
}
