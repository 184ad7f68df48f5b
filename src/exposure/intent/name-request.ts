/** Which names on the LAN a Service asks for: our annotation, or ExternalDNS’s hostnames that end in `.local`. */
import { KEY } from '../../model/annotations.ts';
import { failed, type NotReady } from '../../model/decision.ts';
import { mdnsHost } from '../../model/dns-label.ts';
import type { Service } from '../../model/kubernetes.ts';
import { annotation } from './annotation.ts';
import type { NameRequest } from './port.ts';

/** Undefined: nothing asked for. */
export function readNameRequest(service: Service): NameRequest | NotReady | undefined {
  const hosts = new Set<string>();
  const own = annotation(service, KEY.mdns);
  if (own !== undefined && own !== 'false') {
    const wanted = own === 'true' ? service.metadata.name : own;
    const host = mdnsHost(wanted);
    if (host === undefined) {
      return failed(
        'InvalidName',
        `${KEY.mdns}: ${JSON.stringify(wanted)} is not a host label (letters, digits and dashes, at most 63)`,
      );
    }
    hosts.add(host);
  }
  for (const key of [KEY.externalDnsHostname, KEY.externalDnsHostnameNew]) {
    for (const name of annotation(service, key)?.split(',') ?? []) {
      const trimmed = name.trim().replace(/\.$/, '').toLowerCase();
      // Other domains are ExternalDNS's business; names of several labels do not resolve everywhere (nss-mdns).
      if (!trimmed.endsWith('.local')) continue;
      const host = mdnsHost(trimmed);
      if (host === undefined)
        return failed('InvalidName', `${key}: ${JSON.stringify(trimmed)} is not of the form label.local`);
      hosts.add(host);
    }
  }
  return hosts.size === 0 ? undefined : { hosts: [...hosts] };
}
