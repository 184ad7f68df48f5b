/**
 * Equinix Metal (before: Packet), by its documented API: `GET /projects/{id}/devices`, and
 * `GET /devices/{id}/bgp/neighbors`. The service itself has been retired; what speaks its API can stand in.
 */
import { KubevipError, messageOf } from '../../../model/errors.ts';
import { isLinkLocal, parseIp } from '../../../model/ip.ts';
import { MULTIHOP_TTL, type PeerWish } from '../config/wish.ts';
import type { GetJson, PeerProvider } from './port.ts';

export const EQUINIX_METAL_API = 'https://api.equinix.com/metal/v1';

export interface EquinixMetalOptions {
  readonly get: GetJson;
  /** Read anew each time: it may be rotated. */
  readonly token: () => string;
  /** ID of the project that the machine is in. */
  readonly project: string;
  readonly api?: string;
}

/** A page of devices; a project has few enough. */
const PER_PAGE = 1000;

interface Neighbor {
  readonly address_family?: unknown;
  readonly customer_as?: unknown;
  readonly customer_ip?: unknown;
  readonly md5_enabled?: unknown;
  readonly md5_password?: unknown;
  readonly multihop?: unknown;
  readonly peer_as?: unknown;
  readonly peer_ips?: unknown;
}

export function createEquinixMetal({
  get,
  token,
  project,
  api = EQUINIX_METAL_API,
}: EquinixMetalOptions): PeerProvider {
  const ask = async (path: string): Promise<unknown> => {
    try {
      return await get(`${api}${path}`, { 'X-Auth-Token': token(), Accept: 'application/json' });
    } catch (error) {
      throw failed(`${path.split('?')[0]}: ${messageOf(error)}`);
    }
  };
  return {
    name: 'Equinix Metal',
    async peersOf(node) {
      const search = new URLSearchParams({ search: node, per_page: `${PER_PAGE}` });
      const devices = listIn(
        await ask(`/projects/${encodeURIComponent(project)}/devices?${search.toString()}`),
        'devices',
      );
      const device = devices.find((one) => one['hostname'] === node);
      if (device === undefined)
        throw failed(`project ${project} has no device with the hostname ${node}: set vip_nodename to its hostname`);
      const id = typeof device['id'] === 'string' ? device['id'] : '';
      const neighbors = listIn(await ask(`/devices/${encodeURIComponent(id)}/bgp/neighbors`), 'bgp_neighbors');
      if (neighbors.length === 0)
        throw failed(`device ${node} has no BGP session: enable BGP for it, in both families`);
      return neighbors.flatMap((neighbor, index) => peersOf(neighbor, `Equinix Metal, BGP neighbor ${index + 1}`));
    },
  };
}

function peersOf(neighbor: Neighbor, source: string): PeerWish[] {
  const { customer_as: localAs, peer_as: as, customer_ip: own, peer_ips: peers, md5_password: secret } = neighbor;
  const sourceIp = typeof own === 'string' ? parseIp(own) : undefined;
  if (typeof localAs !== 'number' || typeof as !== 'number' || !Array.isArray(peers) || sourceIp === undefined)
    throw failed(`${source} is not as documented: customer_as, customer_ip, peer_as and peer_ips are needed`);
  return peers.flatMap((text: unknown) => {
    const ip = typeof text === 'string' ? parseIp(text) : undefined;
    if (ip === undefined || (ip.includes(':') && isLinkLocal(ip))) return [];
    return [
      {
        source,
        at: { ip },
        as,
        localAs,
        sourceIp,
        ...(sourceIp.includes(':') ? {} : { identifier: sourceIp }),
        ...(neighbor.multihop === true ? { multihop: MULTIHOP_TTL } : {}),
        ...(neighbor.md5_enabled === true && typeof secret === 'string' ? { password: secret } : {}),
      },
    ];
  });
}

function listIn(document: unknown, key: string): Record<string, unknown>[] {
  const list =
    typeof document === 'object' && document !== null ? (document as Record<string, unknown>)[key] : undefined;
  if (!Array.isArray(list)) throw failed(`the answer has no ${key}`);
  return list.filter((one): one is Record<string, unknown> => typeof one === 'object' && one !== null);
}

function failed(message: string): KubevipError {
  return new KubevipError(`BGP peers from Equinix Metal: ${message}`, { code: 'PROVIDER_FAILED' });
}
