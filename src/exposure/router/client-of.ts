/** From a record of a mapping to the client that can go on with it, without asking the router who it is. */
import { bracketed, familyOf, type Ip } from '../../model/ip.ts';
import { isPinholeService, isUniqueId } from '../../protocols/igd/pinhole.ts';
import type { EpochHeard, RouterClient } from './client.ts';
import type { Route } from './discovery.ts';
import type { RouterIo } from './exchange.ts';
import { createIgdClient } from './igd-client.ts';
import { createNatPmpClient } from './natpmp-client.ts';
import { createPcpClient } from './pcp-client.ts';
import { createPinholeClient } from './pinhole-client.ts';
import type { MappingRecord } from './port.ts';

/** Undefined for a record of another router, or one that lacks what it takes. */
export function clientOf(
  io: RouterIo,
  route: Route,
  record: MappingRecord,
  heard: EpochHeard,
): RouterClient | undefined {
  if (record.gateway !== route.gateway) return undefined;
  const { method, gateway, controlUrl, serviceType } = record;
  if (method === 'pcp') return createPcpClient({ ...io, ...route, heard });
  if (method === 'nat-pmp') return createNatPmpClient({ ...io, ...route, heard });
  if (controlUrl === undefined || serviceType === undefined || !isOn(controlUrl, gateway)) return undefined;
  if (familyOf(gateway) === 4) return createIgdClient({ ...io, method, gateway, controlUrl, serviceType });
  const { uniqueId } = record;
  if (!isPinholeService(serviceType) || (uniqueId !== undefined && !isUniqueId(uniqueId))) return undefined;
  return createPinholeClient({ ...io, ...route, controlUrl, serviceType });
}

/** A record is an annotation, which a user may have edited: orders go to the router or nowhere. */
function isOn(url: string, gateway: Ip): boolean {
  return URL.canParse(url) && new URL(url).protocol === 'http:' && new URL(url).hostname === bracketed(gateway);
}
