/** Attributes and next hop of a route as one session says them. */
import { familyOf, type Family, type Ip } from '../../model/ip.ts';
import { ownPath } from './as-path.ts';
import type { PathAttributes } from './attributes.ts';
import { GRACEFUL_SHUTDOWN } from './community.ts';
import { familyOfPrefix } from './prefix.ts';
import type { Route } from './route.ts';

/** Where packets for our routes shall be sent. What is not set is taken from the session's own address. */
export interface NextHops {
  readonly v4?: Ip;
  readonly v6?: Ip;
  /** IPv4 routes have the next hop of IPv6 where the peer takes that (RFC 8950), whatever `v4` is. */
  readonly prefersV6?: boolean;
  /** Said besides a global IPv6 next hop, to peers on the same link (RFC 2545 §3). */
  readonly linkLocal?: Ip;
}

export interface ExportContext {
  readonly localAs: number;
  /** iBGP. */
  readonly internal: boolean;
  readonly families: ReadonlySet<Family>;
  /** IPv4 routes may have IPv6 next hops (RFC 8950). */
  readonly extendedNextHop: boolean;
  /** Our address of the connection. */
  readonly localIp: Ip;
  readonly nextHops: NextHops;
  /** Announce that every route is about to go (RFC 8326). */
  readonly gracefulShutdown: boolean;
}

export interface Exported {
  readonly attributes: PathAttributes;
  readonly nextHops: readonly Ip[];
}

const DEFAULT_LOCAL_PREF = 100;

/** @returns why the peer cannot be told of it, if it cannot. */
export function exportRoute(route: Route, context: ExportContext): Exported | string {
  const family = familyOfPrefix(route.prefix);
  if (!context.families.has(family)) return `the peer takes no IPv${family} routes`;
  const nextHops = family === 4 ? nextHops4(context) : nextHops6(context);
  if (nextHops.length === 0) {
    return `no next hop: an IPv${family} address is needed for a session over IPv${familyOf(context.localIp)}`;
  }
  return { attributes: attributesOf(route, context), nextHops };
}

function attributesOf(route: Route, { localAs, internal, gracefulShutdown }: ExportContext): PathAttributes {
  const communities = new Set(route.communities ?? []);
  if (gracefulShutdown) communities.add(GRACEFUL_SHUTDOWN);
  const localPref = gracefulShutdown ? 0 : (route.localPref ?? DEFAULT_LOCAL_PREF);
  return {
    origin: 'igp',
    asPath: internal ? [] : ownPath(localAs, 1 + (route.prepend ?? 0)),
    ...(route.med !== undefined && { med: route.med }),
    ...(internal && { localPref }),
    ...(communities.size > 0 && { communities: [...communities].sort((a, b) => a - b) }),
    ...(route.largeCommunities?.length && { largeCommunities: route.largeCommunities }),
  };
}

function nextHops4({ nextHops, localIp, extendedNextHop, ...rest }: ExportContext): readonly Ip[] {
  const extended = extendedNextHop && nextHops.prefersV6 === true;
  if (nextHops.v4 !== undefined && !extended) return [nextHops.v4];
  if (familyOf(localIp) === 4 && !extended) return [localIp];
  return extendedNextHop ? nextHops6({ nextHops, localIp, extendedNextHop, ...rest }) : [];
}

function nextHops6({ nextHops, localIp }: ExportContext): readonly Ip[] {
  const global = nextHops.v6 ?? (familyOf(localIp) === 6 ? localIp : undefined);
  if (global === undefined) return [];
  return nextHops.linkLocal === undefined || nextHops.linkLocal === global ? [global] : [global, nextHops.linkLocal];
}
