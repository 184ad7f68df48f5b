/** Makes the announcement stage of one part of the agent, in the way that the settings ask for. */
import { createAnnouncement } from '../exposure/announcement/announcement.ts';
import type { ClosableAnnouncement } from '../exposure/announcement/port.ts';
import type { LifeSeconds } from '../exposure/announcement/lifetime.ts';
import { createRoutedAnnouncement } from '../exposure/announcement/routed/routed.ts';
import { createRouteTableSink } from '../exposure/announcement/routed/table/sink.ts';
import type { FlightRecorder } from '../exposure/failover/recorder.ts';
import { reporting } from '../exposure/failover/reporting.ts';
import { PROFILES, timeoutOf } from '../exposure/ownership/heartbeat/profile.ts';
import { createAddressTable } from '../linux/address-table.ts';
import type { Instance } from '../linux/mark.ts';
import { createRouteTable, type RouteTableOptions } from '../linux/route-table.ts';
import { createSilenceFilter } from '../linux/silence-filter.ts';
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
}

/**
 * Takes away what an earlier run left behind, unless routers may still send traffic to it.
 * @throws OsError without the right to change addresses, KubevipError for a way that there is not
 */
export function createAnnouncer(
  config: Pick<AgentConfig, 'mode' | 'netns' | 'election' | 'routingTable' | 'link' | 'controlPlane'>,
  { instance, network, clock, recorder, mayAnswer }: AnnouncerWorld,
): ClosableAnnouncement {
  const { mode, netns, election, routingTable } = config;
  const where = { instance, ...(netns === undefined ? {} : { netns }) };
  if (mode.kind !== 'routing-table') clearRoutes({ ...where, ...routingTable });
  switch (mode.kind) {
    case 'arp':
      return createAnnouncement({
        network,
        addressTable: reporting(createAddressTable(where), (ip) => recorder.placed(ip)),
        silence: createSilenceFilter(where),
        clock,
        life: lifeOf(election),
        onAnnounced: (ip) => recorder.announced(ip),
        ...(mayAnswer ? { mayAnswer } : {}),
      });
    case 'routing-table': {
      const link = instance === 'control-plane' ? config.controlPlane?.link : config.link;
      return createRoutedAnnouncement({
        network,
        addressTable: reporting(createAddressTable(where), (ip) => recorder.placed(ip)),
        silence: createSilenceFilter(where),
        clock,
        sink: createRouteTableSink({
          table: createRouteTable({ ...where, ...routingTable }),
          reach: instance === 'control-plane' ? mode.reach.controlPlane : mode.reach.services,
          clock,
          cleansStrangers: routingTable.cleansStrangers,
        }),
        onAnnounced: (ip) => recorder.announced(ip),
        ...(link === undefined ? {} : { link }),
      });
    }
    case 'bgp':
      throw new KubevipError(`addresses cannot be announced by ${mode.kind} yet: set vip_arp=true`, {
        code: 'BAD_CONFIG',
        exit: EXIT.usage,
      });
  }
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
