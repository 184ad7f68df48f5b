/** Makes routes of the addresses that this node serves, as one peer is to be told of them. */
import { familyOf, type Ip } from '../../model/ip.ts';
import { GRACEFUL_SHUTDOWN } from '../../protocols/bgp/community.ts';
import { prefixOf, type Prefix } from '../../protocols/bgp/prefix.ts';
import type { Route } from '../../protocols/bgp/route.ts';
import type { RouteAttributes } from './config/wish.ts';

export interface ServedAddress {
  readonly ip: Ip;
  /** Prefer any other way (RFC 8326). */
  readonly leaving: boolean;
}

/** What a peer is told, and with which attributes. */
export interface RoutePolicy {
  /** Pools by name, `control-plane` among them; undefined: all. */
  readonly pools?: readonly string[] | undefined;
  readonly attributes: RouteAttributes;
}

export interface PoolOf {
  /** Names of the pools that hold the address. */
  (ip: Ip): readonly string[];
}

/**
 * @param ofPool attributes by pool; what the peer's own line says goes before, and communities of both are said.
 * A prefix that stands for several addresses is about to go once all of them are.
 */
export function routesFor(
  addresses: Iterable<ServedAddress>,
  { pools, attributes }: RoutePolicy,
  poolsOf: PoolOf,
  ofPool: ReadonlyMap<string, RouteAttributes>,
): Route[] {
  const leaving = new Map<Prefix, boolean>();
  const said = new Map<Prefix, RouteAttributes>();
  for (const { ip, leaving: leaves } of addresses) {
    const names = poolsOf(ip);
    if (pools !== undefined && !names.some((name) => pools.includes(name))) continue;
    const all = [attributes, ...names.flatMap((name) => ofPool.get(name) ?? [])];
    const merged = merge(all);
    const prefix = prefixFor(ip, merged);
    leaving.set(prefix, leaves && (leaving.get(prefix) ?? true));
    said.set(prefix, merged);
  }
  return [...said].map(([prefix, merged]) => routeOf(prefix, merged, leaving.get(prefix) === true));
}

function merge(all: readonly RouteAttributes[]): RouteAttributes {
  const communities = [...new Set(all.flatMap((one) => one.communities ?? []))];
  const largeCommunities = all.flatMap((one) => one.largeCommunities ?? []);
  return {
    ...Object.assign({}, ...[...all].reverse()),
    ...(communities.length > 0 ? { communities } : {}),
    ...(largeCommunities.length > 0 ? { largeCommunities } : {}),
  } as RouteAttributes;
}

function prefixFor(ip: Ip, { aggregate }: RouteAttributes): Prefix {
  return prefixOf(ip, familyOf(ip) === 4 ? aggregate?.v4 : aggregate?.v6);
}

function routeOf(prefix: Prefix, attributes: RouteAttributes, leaving: boolean): Route {
  const { communities = [], largeCommunities, localPref, med, prepend } = attributes;
  const all = leaving ? [...communities, GRACEFUL_SHUTDOWN] : communities;
  return {
    prefix,
    ...(all.length > 0 ? { communities: all } : {}),
    ...(largeCommunities === undefined ? {} : { largeCommunities }),
    ...(leaving ? { localPref: 0 } : localPref === undefined ? {} : { localPref }),
    ...(med === undefined ? {} : { med }),
    ...(prepend === undefined ? {} : { prepend }),
  };
}
