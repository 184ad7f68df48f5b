/** What sessions with the router of a lab are like in every row. */
import { join } from 'node:path';
import { LAN, type LabPaths } from '../../src/lab/layout.ts';
import type { LabOptionsInput } from '../../src/lab/options.ts';
import { BGP_ENV, bgpLab, ROUTER_AS, type BgpLab, type BgpLabOptions } from '../../test/support/bgp-lab.ts';
import type { BfdPace } from '../../test/support/bgp/router.ts';
import type { BenchLan } from '../expose/bench-lab.ts';
import { ahead } from '../failover/probe/priority.ts';
import { openRouteMonitor, type RouteMonitor } from './route-monitor.ts';

/** On a machine that is busy no session shall end for it. */
export const HOLD_SECONDS = 9;

/** A cluster without agents, and nothing else on its LAN. */
export const QUIET: LabOptionsInput = {
  agents: false,
  dhcp: { enabled: false },
  upnp: { igd: false, natPmp: false, pcp: false },
};

/** What an agent is told; each announces whatever it can serve. */
export function agentEnv(election: 'heartbeat' | 'lease', pace?: BfdPace): Record<string, string> {
  // kube-vip's form: password, multihop, port and next hops are left empty.
  const bfd = pace === undefined ? '' : `:::::true;${pace.intervalMs};${pace.intervalMs};${pace.multiplier}`;
  return {
    ...BGP_ENV,
    bgp_peers: `${LAN.router}:${ROUTER_AS}${bfd}`,
    bgp_hold_time: `${HOLD_SECONDS}`,
    bgp_keepalive_interval: `${Math.floor(HOLD_SECONDS / 3)}`,
    kubevip_election: election,
  };
}

/** The node's disk, for agents that are not the lab's own. */
export function stateDir(paths: LabPaths, node: string): Record<string, string> {
  return { kubevip_state_dir: join(paths.disks, node) };
}

/** Who announces a set of addresses, and is told when. */
export interface Announcer {
  readonly pid: number;
  /** @throws Error when it does not do it. */
  announce(): Promise<void>;
  withdraw(): Promise<void>;
  /** SIGTERM or what there is in its place, until it has ended. */
  stop(): Promise<void>;
}

export interface Peering {
  readonly router: BgpLab;
  readonly monitor: RouteMonitor;
}

export type RouterMake = NonNullable<BgpLabOptions['make']>;

/**
 * Each node is a neighbour of the router's. That is a machine of its own, which what happens on others does not make
 * late: its programs go before theirs. @param settings.pace with BFD.
 */
export async function withRouter<R>(
  lan: BenchLan,
  work: (peering: Peering) => Promise<R>,
  { make = 'FRR', pace }: { readonly make?: RouterMake; readonly pace?: BfdPace } = {},
): Promise<R> {
  const monitor = await openRouteMonitor(lan.paths);
  try {
    const neighbor = { hold: HOLD_SECONDS, ...(pace && { bfd: true }) };
    const over = Object.fromEntries(lan.nodes.map((node) => [node, neighbor]));
    const options = { nodes: lan.nodes, make, wrapper: ahead(), ...(pace && { bfdPace: pace }) };
    const router = await bgpLab(lan, over, options);
    try {
      return await work({ router, monitor });
    } finally {
      await router.kill();
    }
  } finally {
    monitor.close();
  }
}

/** The first so many addresses from 10.SECOND.0.0 on. */
export function addressesIn(second: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `10.${second}.${i >> 8}.${i & 255}`);
}
