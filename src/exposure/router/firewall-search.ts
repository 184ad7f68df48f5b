/** Finds the IPv6 firewall of a router: searched for by both families, since many describe themselves by IPv4 only. */
import { familyOf, type Ip } from '../../model/ip.ts';
import { PINHOLE_SEARCH_TARGETS } from '../../protocols/ssdp/message.ts';
import type { RouterClient } from './client.ts';
import type { RouterIo } from './exchange.ts';
import { openFirewall } from './igd-discovery.ts';
import { searchIgd, type SearchOptions, type SsdpFound } from './ssdp-search.ts';

export interface FoundFirewall {
  readonly client: RouterClient;
  readonly ssdp: SsdpFound;
}

/** The first of the two searches that leads to a firewall which can be opened; undefined if neither does. */
export async function searchFirewall(
  io: RouterIo,
  route: { readonly link: string; readonly gateway: Ip },
  source: Ip,
  options: Pick<SearchOptions, 'signal' | 'other'>,
): Promise<FoundFirewall | undefined> {
  const search = async (by: { readonly gateway: Ip; readonly from: Ip }): Promise<FoundFirewall | undefined> => {
    const asking = { ...options, targets: PINHOLE_SEARCH_TARGETS };
    const ssdp = await searchIgd(io, { link: route.link, gateway: by.gateway }, by.from, asking);
    const client = ssdp && (await openFirewall(io, route, ssdp.location, source, options.signal));
    return client && { client, ssdp };
  };
  const link = io.network.links().find(({ name }) => name === route.link);
  const v4 = link?.gateway.v4;
  // Nothing is ordered from here, so that any address of this node will do.
  const own = link?.addresses.find(({ ip }) => familyOf(ip) === 4)?.ip;
  const searches = [
    search({ gateway: route.gateway, from: source }),
    ...(v4 === undefined || own === undefined ? [] : [search({ gateway: v4, from: own })]),
  ];
  return new Promise((resolve) => {
    const settled = searches.map(async (each) => {
      const found = await each;
      if (found) resolve(found);
    });
    void Promise.all(settled).then(() => resolve(undefined));
  });
}
