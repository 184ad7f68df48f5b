/** Which methods a router offers: all of them asked at once, the best that answers used first. */
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import type { CheckAnswer, EpochHeard, RouterClient } from './client.ts';
import type { RouterIo } from './exchange.ts';
import { openIgd } from './igd-discovery.ts';
import { createNatPmpClient } from './natpmp-client.ts';
import { createPcpClient } from './pcp-client.ts';
import { searchFirewall } from './firewall-search.ts';
import { searchIgd, type SearchOptions, type SsdpFound } from './ssdp-search.ts';

export interface Route {
  readonly gateway: Ip;
  /** Interface by name. */
  readonly link: string;
}

/** What was found by one method. */
export interface Offer {
  readonly client?: RouterClient;
  /** The question never left this node, so that nothing is known. */
  readonly local?: true;
  /** The outer address, if the search told it. */
  readonly externalIp?: Ip;
}

export interface Discovery {
  readonly startedAt: Milliseconds;
  /** In order of preference: PCP, NAT-PMP, UPnP. Each settles as soon as it is known, none of them rejects. */
  readonly offers: readonly Promise<Offer>[];
  /** Where UPnP is described, with the router's boot id. */
  readonly ssdp: Promise<SsdpFound | undefined>;
}

/**
 * PCP and NAT-PMP answer from a LAN within milliseconds. The second sending is for a lost packet; a router that is
 * slower still is found by UPnP, or by the next search.
 */
const QUICK: readonly Milliseconds[] = [100, 150];

/** @param source a virtual IP that stands on `route.link` now, of the gateway's family. */
export function discover(
  io: RouterIo,
  route: Route,
  source: Ip,
  heard: EpochHeard,
  { signal, other }: Pick<SearchOptions, 'signal' | 'other'> = {},
): Discovery {
  const options = { ...io, ...route, heard };
  const quick = { ...options, pauses: QUICK };
  const offer = async (probe: RouterClient, client: RouterClient): Promise<Offer> =>
    offerOf(client, await probe.check(source, signal));
  const pcp = offer(createPcpClient(quick), createPcpClient(options));
  const startedAt = io.clock.now();
  if (familyOf(route.gateway) === 6) {
    const firewall = searchFirewall(io, route, source, { signal, other });
    return {
      startedAt,
      offers: [pcp, firewall.then((found) => (found ? { client: found.client } : {}))],
      ssdp: firewall.then((found) => found?.ssdp),
    };
  }
  const ssdp = searchIgd(io, route, source, { signal, other });
  return {
    startedAt,
    offers: [
      pcp,
      offer(createNatPmpClient(quick), createNatPmpClient(options)),
      ssdp.then(async (found) => {
        const client = found && (await openIgd(io, route.gateway, found.location, source, signal));
        return client ? { client } : {};
      }),
    ],
    ssdp,
  };
}

function offerOf(client: RouterClient, answer: CheckAnswer): Offer {
  if (answer.kind === 'alive')
    return { client, ...(answer.externalIp === undefined ? {} : { externalIp: answer.externalIp }) };
  return answer.local ? { local: true } : {};
}

/** The best client there is, once all better ones are known to be absent. */
export async function firstClient(offers: readonly Promise<Offer>[]): Promise<RouterClient | undefined> {
  for (const offer of offers) {
    const { client } = await offer;
    if (client) return client;
  }
  return undefined;
}
