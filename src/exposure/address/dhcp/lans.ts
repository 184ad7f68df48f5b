/** The LANs on which Services use DHCP, as far as this node is in them. */
import type { Family } from '../../../model/ip.ts';
import type { Service } from '../../../model/kubernetes.ts';
import type { Link } from '../../../model/wire.ts';
import { readAssigned } from '../assigned.ts';
import { leaseOf } from '../leased.ts';
import { lanOf } from '../subnets.ts';

export interface Lan {
  /** Name of the interface. */
  readonly link: string;
  readonly lan: string;
}

/**
 * That of the interface where DHCP is spoken unless a Service says otherwise, and those where a Service has a lease.
 * @param preferred the interface set for Services; undefined: the one with the default route.
 */
export function dhcpLans(
  family: Family,
  links: readonly Link[],
  services: Iterable<Service>,
  preferred: string | undefined,
): Lan[] {
  const routed = links.find(({ gateway }) => gateway.v4 !== undefined)?.name;
  const first =
    preferred ?? routed ?? (family === 6 ? links.find(({ gateway }) => gateway.v6 !== undefined)?.name : undefined);
  const used = [...services].map(readAssigned).flatMap((one) => (leaseOf(one, family) ? [one?.link] : []));
  const names = new Set([first, ...used]);
  const lans = new Map<string, Lan>();
  for (const link of links.filter(({ name }) => names.has(name))) {
    const lan = lanOf(link);
    // Two interfaces on one LAN are one place to the server.
    if (!lans.has(lan)) lans.set(lan, { link: link.name, lan });
  }
  return [...lans.values()];
}
