/** The settings of routing-table mode. */
import { ROUTE_TYPES, type RouteType } from '../linux/route-table.ts';
import { EXIT, KubevipError } from '../model/errors.ts';

export interface RoutingTableSettings {
  readonly vip_routingtableid: number;
  readonly vip_routingtabletype: number;
  readonly vip_routingprotocol: number;
  readonly vip_cleanroutingtable: boolean;
}

export interface RoutingTableConfig {
  readonly table: number;
  /** RTPROT_* */
  readonly protocol: number;
  readonly type: RouteType;
  /** Routes of others under that protocol go as well. */
  readonly cleansStrangers: boolean;
}

/** @throws KubevipError BAD_CONFIG naming the variable that is wrong. */
export function readRoutingTable(v: RoutingTableSettings): RoutingTableConfig {
  return {
    table: v.vip_routingtableid,
    protocol: v.vip_routingprotocol,
    type: readType(v.vip_routingtabletype),
    cleansStrangers: v.vip_cleanroutingtable,
  };
}

function readType(number: number): RouteType {
  const type = Object.values(ROUTE_TYPES).find((one) => one === number);
  if (type !== undefined) return type;
  const known = Object.entries(ROUTE_TYPES).map(([name, value]) => `${value} (${name})`);
  throw new KubevipError(
    `vip_routingtabletype: ${number} is no type of a route to one address: give ${known.slice(0, -1).join(', ')} or ${known.at(-1)}`,
    { code: 'BAD_CONFIG', exit: EXIT.usage },
  );
}
