/** Routes in a table for a routing daemon, by rtnetlink. */
import type { RouteTable } from '../exposure/announcement/routed/table/port.ts';
import { familyOf, ipToBytes, type Family, type Ip } from '../model/ip.ts';
import { loadLibc } from './libc.ts';
import { MARKS, type Instance } from './mark.ts';
import { attribute, NLM, viewOf } from './netlink/message.ts';
import { decodeRoute, routeBody, RTA, RTM, type RouteRecord } from './netlink/route.ts';
import { NETLINK_ROUTE, openNetlink, type NetlinkSocket } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { OsError } from './os-error.ts';

/** RTN_* of the kernel. */
export const ROUTE_TYPES = { unicast: 1, local: 2, blackhole: 6, unreachable: 7, prohibit: 8 } as const;
export type RouteType = (typeof ROUTE_TYPES)[keyof typeof ROUTE_TYPES];

/** kube-vip's, and what a configuration of a daemon is written for. */
export const DEFAULT_ROUTES = { table: 198, protocol: 248, type: ROUTE_TYPES.unicast } as const;

const SCOPE = { universe: 0, link: 253, host: 254, nowhere: 255 } as const;

export interface RouteTableOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
  /** Whose routes these are: agents of one node leave those of each other alone. */
  readonly instance: Instance;
  readonly table: number;
  /** RTPROT_*, 1 to 255. */
  readonly protocol: number;
  readonly type: RouteType;
}

export interface LinuxRouteTable extends RouteTable {
  close(): void;
}

/** @throws OsError when netlink cannot be opened */
export function createRouteTable(options: RouteTableOptions): LinuxRouteTable {
  const { netns, instance, table, protocol, type } = options;
  const libc = loadLibc();
  const netlink = withNetns(netns, () => openNetlink(libc, NETLINK_ROUTE), libc);
  const { metric } = MARKS[instance];
  const all = (): RouteRecord[] => hostRoutes(netlink, table).filter((route) => route.protocol === protocol);
  const isOurs = (route: RouteRecord): boolean => route.metric === metric;
  return {
    name: `routing table ${table}`,
    set: (ip, linkIndex) => {
      const header = { v4: familyOf(ip) === 4, prefixLength: hostLength(ip), protocol, scope: scopeOf(type), type };
      // What leads nowhere leads by no interface.
      const by = type === ROUTE_TYPES.unicast || type === ROUTE_TYPES.local ? [attribute(RTA.OIF, u32(linkIndex))] : [];
      const body = routeBody(header, ...destinationOf({ ip, table, metric }), ...by);
      netlink.request(RTM.NEWROUTE, NLM.CREATE | NLM.REPLACE, body, `write the route to ${ip} into table ${table}`);
    },
    remove: (ip) => removeRoute(netlink, { ip, table, protocol, metric }),
    owned: () =>
      all()
        .filter(isOurs)
        .map(({ destination, linkIndex }) => ({ ip: destination, linkIndex })),
    removeStrangers: () => {
      const ours = new Set(Object.values(MARKS).map((mark) => mark.metric));
      for (const { destination: ip, metric: theirs } of all())
        if (!ours.has(theirs)) removeRoute(netlink, { ip, table, protocol, metric: theirs });
    },
    close: () => netlink.close(),
  };
}

/** Routes that our agents wrote with kube-vip's protocol, in whatever table. @throws OsError */
export function agentRoutes(netns?: string): { readonly ip: Ip; readonly table: number; remove(): void }[] {
  const libc = loadLibc();
  const netlink = withNetns(netns, () => openNetlink(libc, NETLINK_ROUTE), libc);
  try {
    const marks = new Set(Object.values(MARKS).map(({ metric }) => metric));
    return hostRoutes(netlink)
      .filter((route) => route.protocol === DEFAULT_ROUTES.protocol && marks.has(route.metric))
      .map(({ destination: ip, table, protocol, metric }) => ({
        ip,
        table,
        remove: () => {
          const own = withNetns(netns, () => openNetlink(libc, NETLINK_ROUTE), libc);
          try {
            removeRoute(own, { ip, table, protocol, metric });
          } finally {
            own.close();
          }
        },
      }));
  } finally {
    netlink.close();
  }
}

/** @param table all of them when absent */
function hostRoutes(netlink: NetlinkSocket, table?: number): RouteRecord[] {
  const family = (which: Family): RouteRecord[] => {
    const header = { v4: which === 4, prefixLength: 0, protocol: 0, scope: 0, type: 0 };
    const body = routeBody(header, ...(table === undefined ? [] : [attribute(RTA.TABLE, u32(table))]));
    try {
      return netlink.dump(RTM.GETROUTE, body, 'list routes').flatMap((message) => decodeRoute(message) ?? []);
    } catch (error) {
      // A table that nobody has written to is not there, and so is a family that the kernel lacks.
      if (error instanceof OsError && (error.errno === 'ENOENT' || error.errno === 'EOPNOTSUPP')) return [];
      throw error;
    }
  };
  return [...family(4), ...family(6)]
    .filter((route) => route.prefixLength === hostLength(route.destination))
    .filter((route) => table === undefined || route.table === table);
}

interface Entry {
  readonly ip: Ip;
  readonly table: number;
  readonly metric: number;
}

function removeRoute(netlink: NetlinkSocket, entry: Entry & { readonly protocol: number }): void {
  const { ip, protocol } = entry;
  // Of any type and scope.
  const header = { v4: familyOf(ip) === 4, prefixLength: hostLength(ip), protocol, scope: SCOPE.nowhere, type: 0 };
  try {
    const body = routeBody(header, ...destinationOf(entry));
    netlink.request(RTM.DELROUTE, 0, body, `take the route to ${ip} out of table ${entry.table}`);
  } catch (error) {
    if (!(error instanceof OsError && error.errno === 'ESRCH')) throw error;
  }
}

function destinationOf({ ip, table, metric }: Entry): Uint8Array[] {
  return [
    attribute(RTA.DST, ipToBytes(ip)),
    attribute(RTA.TABLE, u32(table)),
    // The kernel wants none for IPv4 where it is 0.
    ...(metric === 0 ? [] : [attribute(RTA.PRIORITY, u32(metric))]),
  ];
}

/** As ip(8) has it. */
function scopeOf(type: RouteType): number {
  if (type === ROUTE_TYPES.unicast) return SCOPE.link;
  return type === ROUTE_TYPES.local ? SCOPE.host : SCOPE.universe;
}

function hostLength(ip: Ip): number {
  return familyOf(ip) === 4 ? 32 : 128;
}

function u32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  viewOf(out).setUint32(0, value, true);
  return out;
}
