/** Who spares are to the server, and whose identity has gone to a Service. */
import { KEY } from '../../../model/annotations.ts';
import type { Family } from '../../../model/ip.ts';
import type { Service, ServiceKey } from '../../../model/kubernetes.ts';
import { parseMac, type Mac } from '../../../model/mac.ts';
import { identityOf } from '../../../protocols/dhcp4/identity.ts';
import { readAssigned } from '../assigned.ts';
import { leaseOf } from '../leased.ts';
import type { DhcpRequest } from '../port.ts';
import type { Lan } from './lans.ts';

export interface Slot extends Lan {
  readonly slot: number;
}

/** No namespace is called this. */
const PREFIX = '~spare/';

export function isSpare(key: ServiceKey): boolean {
  return key.startsWith(PREFIX);
}

/** In place of a Service's UID stands what every agent of the cluster arrives at alike. */
export function spareRequest(cluster: string, { link, lan, slot }: Slot): DhcpRequest {
  return {
    service: `${PREFIX}${lan} ${slot}`,
    uid: `${cluster} ${lan} spare ${slot}`,
    hostname: `kubevip-spare-${slot}`,
    link,
    standby: true,
  };
}

/** The lowest slots in each LAN whose identity no Service has taken along. */
export function freeSlots(cluster: string, lans: readonly Lan[], count: number, taken: ReadonlySet<Mac>): Slot[] {
  return lans.flatMap((lan) => {
    const free: Slot[] = [];
    for (let slot = 0; free.length < count; slot++) {
      const candidate = { ...lan, slot };
      if (!taken.has(identityOf(spareRequest(cluster, candidate).uid).mac)) free.push(candidate);
    }
    return free;
  });
}

/** More slots than Services with a lease from a spare on one LAN. */
const MOST_SLOTS = 1024;

/**
 * A Service that has lost the lease of a spare asks again as the client it was: the server would otherwise keep the old
 * lease for that one until its end. Of the identity only the hardware address still stands on the Service.
 */
export function asSpare(request: DhcpRequest, cluster: string, lan: string): DhcpRequest {
  if (request.mac === undefined) return request;
  for (let slot = 0; slot < MOST_SLOTS; slot++) {
    const { uid } = spareRequest(cluster, { link: request.link, lan, slot });
    if (identityOf(uid).mac === request.mac) return { ...request, uid };
  }
  return request;
}

/** A hardware address, which may be that of a spare of the other family, is nothing to a DHCPv6 server. */
export function asShown(request: DhcpRequest, family: Family): DhcpRequest {
  const { mac, ...others } = request;
  return family === 6 && mac !== undefined ? others : request;
}

/**
 * Hardware addresses that Services are known by in one family: as such to a DHCPv4 server, and as the name of an identity. Those they only used to have count too, as long as they stand on them:
 * a server that tells clients by hardware address would give both the same lease.
 */
export function carriedMacs(services: Iterable<Service>, family: Family): Set<Mac> {
  const macs = new Set<Mac>();
  for (const service of services) {
    const lease = leaseOf(readAssigned(service), family);
    const shown = family === 6 ? undefined : parseMac(service.metadata.annotations?.[KEY.hwaddr] ?? '');
    if (lease !== undefined) macs.add(lease.mac);
    if (shown !== undefined) macs.add(shown);
  }
  return macs;
}
