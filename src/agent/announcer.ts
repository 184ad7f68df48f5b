/** Makes the announcement stage of one part of the agent, in the way that the settings ask for. */
import { createAnnouncement } from '../exposure/announcement/announcement.ts';
import type { ClosableAnnouncement, Reach } from '../exposure/announcement/port.ts';
import type { RouteSink } from '../exposure/announcement/routed/port.ts';
import type { LifeSeconds } from '../exposure/announcement/lifetime.ts';
import { createRoutedAnnouncement } from '../exposure/announcement/routed/routed.ts';
import { createRouteTableSink } from '../exposure/announcement/routed/table/sink.ts';
import type { TunnelBook } from '../exposure/announcement/tunnel/port.ts';
import { createTunnelAnnouncement } from '../exposure/announcement/tunnel/tunnels.ts';
import type { FlightRecorder } from '../exposure/failover/recorder.ts';
import { reporting } from '../exposure/failover/reporting.ts';
import { PROFILES, timeoutOf } from '../exposure/ownership/heartbeat/profile.ts';
import { createAddressTable } from '../linux/address-table.ts';
import { lookUp } from '../linux/look-up.ts';
import type { Instance } from '../linux/mark.ts';
import { createRouteTable, type RouteTableOptions } from '../linux/route-table.ts';
import { createSilenceFilter } from '../linux/silence-filter.ts';
import { createTunnelDevices } from '../linux/tunnel-devices.ts';
import { createTunnelWays } from '../linux/tunnel-ways.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import type { Ip } from '../model/ip.ts';
import type { Clock, Milliseconds } from '../model/time.ts';
import type { Network } from '../model/wire.ts';
import type { AgentConfig } from './config.ts';
import type { ElectionConfig } from './election-config.ts';

const MOMENT: Milliseconds = 500;

export interface AnnouncerWorld {
  /** Whose addresses they are: each part leaves those of the other alone. */
  readonly instance: Instance;
  readonly network: Network;
  readonly clock: Clock;
  readonly recorder: Pick<FlightRecorder, 'placed' | 'announced'>;
  /** Whether this node may speak for an address now, where it is announced by its owner alone. */
  readonly mayAnswer?: (ip: Ip) => boolean;
  readonly ways: Ways;
}

/** What parts that announce share, as the mode has it. */
export interface Ways {
  /** With BGP. */
  readonly routes?: RouteSinks;
  /** With WireGuard. */
  readonly tunnels?: TunnelBook;
}

/** Where the addresses of a part become routes. */
export interface RouteSinks {
  sink(part: Instance, reach: Reach): RouteSink;
}

/**
 * Takes away what an earlier run left behind, unless routers may still send traffic to it.
 * @throws OsError without the right to change addresses, KubevipError for a way that there is not
 */
export function createAnnouncer(
  config: Pick<AgentConfig, 'mode' | 'netns' | 'election' | 'routingTable' | 'standOn'>,
  { instance, network, clock, recorder, mayAnswer, ways }: AnnouncerWorld,
): ClosableAnnouncement {
  const { mode, netns, election, routingTable, standOn } = config;
  const where = { instance, ...(netns === undefined ? {} : { netns }) };
  if (mode.kind !== 'routing-table') clearRoutes({ ...where, ...routingTable });
  if (mode.kind !== 'wireguard') clearTunnels(where);
  const common = {
    network,
    addressTable: reporting(createAddressTable(where), (ip) => recorder.placed(ip)),
    silence: createSilenceFilter(where),
    clock,
    onAnnounced: (ip: Ip) => recorder.announced(ip),
  };
  if (mode.kind === 'arp')
    return createAnnouncement({ ...common, life: lifeOf(election), ...(mayAnswer ? { mayAnswer } : {}) });
  if (mode.kind === 'wireguard') {
    if (ways.tunnels === undefined) throw noWay('through tunnels, and nobody knows them', 'NO_TUNNELS');
    return createTunnelAnnouncement({
      ...common,
      book: ways.tunnels,
      devices: createTunnelDevices(where),
      ways: createTunnelWays(where),
      lookUp,
      ...(mayAnswer ? { mayAnswer } : {}),
    });
  }
  const part = instance === 'services' ? 'services' : 'controlPlane';
  const reach = mode.reach[part];
  const link = standOn[part];
  const sink =
    mode.kind === 'bgp'
      ? ways.routes?.sink(instance, reach)
      : createRouteTableSink({
          table: createRouteTable({ ...where, ...routingTable }),
          reach,
          clock,
          cleansStrangers: routingTable.cleansStrangers,
        });
  if (sink === undefined) throw noWay('by BGP, and nobody speaks it', 'NO_SPEAKER');
  return createRoutedAnnouncement({ ...common, sink, ...(link === undefined ? {} : { link }) });
}

function noWay(what: string, code: string): KubevipError {
  return new KubevipError(`addresses are to be announced ${what}`, { code, exit: EXIT.bug });
}

/** What a run that made tunnels has left. What leads their traffic leads nothing then; it goes with the next end of one. */
function clearTunnels(where: Parameters<typeof createTunnelDevices>[0]): void {
  const devices = createTunnelDevices(where);
  const left = devices.owned();
  for (const name of left) devices.remove(name);
  const ways = createTunnelWays(where);
  if (left.length === 0 && ways.owned().length === 0) return ways.close();
  void ways
    .clear()
    .catch(() => undefined)
    .finally(() => ways.close());
}

/** What a run that wrote routes has left. */
function clearRoutes(options: RouteTableOptions): void {
  const table = createRouteTable(options);
  try {
    for (const { ip } of table.owned()) table.remove(ip);
  } finally {
    table.close();
  }
}

/** Where others take over within a moment the address need not stay for long on a node whose agent is dead. */
function lifeOf({ kind, profile }: ElectionConfig): LifeSeconds {
  return kind === 'heartbeat' && timeoutOf(PROFILES[profile]) < MOMENT ? 1 : 2;
}
