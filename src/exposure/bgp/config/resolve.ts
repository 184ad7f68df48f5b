/** Makes sessions of what was asked for, with what this node's interfaces have. What does not fit is told and left out. */
import { familyOf, isLinkLocal, type Family, type Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';
import type { BfdTimers } from '../../../protocols/bfd/session.ts';
import type { Link } from '../../../model/wire.ts';
import type { NextHops } from '../../../protocols/bgp/export-policy.ts';
import type { Distance } from '../port.ts';
import { peerName, type PeerSettings } from '../settings.ts';
import { passwordKeyOf } from './values.ts';
import type { BgpProblem, NextHopPolicy, PeerWish, RouteAttributes } from './wish.ts';

/** What counts for peers that do not say themselves. */
export interface BgpDefaults {
  readonly as: number;
  readonly routerId?: Ip;
  readonly routerLink?: string;
  readonly sourceIp?: Ip;
  readonly sourceLink?: string;
  readonly nextHop?: NextHopPolicy;
  /** Seconds. */
  readonly holdTime: number;
  readonly keepalive: Milliseconds;
  /** Absent: the path is not watched. */
  readonly bfd?: BfdTimers;
  /** Seconds; 0: none. */
  readonly restartTime: number;
}

export interface ResolveContext {
  readonly defaults: BgpDefaults;
  readonly links: readonly Link[];
  /** A run before this one is known to have been here. */
  readonly restarted: boolean;
  /** Undefined: there is no such password. */
  readonly password: (key: string) => string | undefined;
  /** Where `password` looks, for messages. */
  readonly passwordsIn: string;
  /** The router on a link of an unnumbered peer; undefined: none has been heard. */
  readonly routerOn: (link: string) => Ip | undefined;
  /** Addresses that stand on this node for others. */
  readonly isOurs: (ip: Ip) => boolean;
}

export interface ResolvedPeer {
  readonly settings: PeerSettings;
  readonly source: string;
  readonly pools?: readonly string[];
  readonly attributes: RouteAttributes;
}

export interface Resolved {
  readonly peers: readonly ResolvedPeer[];
  readonly problems: readonly BgpProblem[];
}

class Unfit extends Error {}

/** Of two that are about one session the first counts, and the other is told. */
export function resolvePeers(wishes: readonly PeerWish[], context: ResolveContext): Resolved {
  const peers = new Map<string, ResolvedPeer>();
  const problems: BgpProblem[] = [];
  for (const wish of wishes) {
    try {
      const peer = resolve(wish, context, (message) => problems.push({ source: wish.source, message }));
      const name = peerName(peer.settings);
      const before = peers.get(name);
      if (before !== undefined)
        throw new Unfit(`${name} is a peer already, by ${before.source}, and that counts: leave one of them away`);
      peers.set(name, peer);
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      problems.push({ source: wish.source, message: error.message });
    }
  }
  return { peers: [...peers.values()], problems };
}

/** @param warn of what the peer can do without. */
function resolve(wish: PeerWish, context: ResolveContext, warn: (message: string) => void): ResolvedPeer {
  const { defaults, links } = context;
  const where = whereabouts(wish, context);
  if (links.some(({ addresses }) => addresses.some(({ ip }) => ip === where.ip)))
    throw new Unfit(`${where.ip} is an address of this node: name the router instead`);
  const sourceLink = wish.sourceLink ?? defaults.sourceLink;
  if (sourceLink !== undefined && !links.some(({ name }) => name === sourceLink))
    throw new Unfit(`this node has no interface ${sourceLink}, which sessions are to leave by`);
  const family = familyOf(where.ip);
  const asked = wish.sourceIp ?? defaults.sourceIp;
  if (wish.sourceIp !== undefined && familyOf(wish.sourceIp) !== family)
    throw new Unfit(`source address ${wish.sourceIp} and peer ${where.ip} are not of one family`);
  // One address for all peers is for those of its own family.
  const localIp = asked !== undefined && familyOf(asked) === family ? asked : undefined;
  if (localIp !== undefined && !links.some(({ addresses }) => addresses.some(({ ip }) => ip === localIp)))
    throw new Unfit(`${localIp} is to be the source address, and this node does not have it`);
  const link = where.link ?? sourceLink;
  const password = passwordOf(wish, where.ip, context);
  const as = wish.localAs ?? defaults.as;
  const timers = timersOf(wish, defaults);
  const nextHop = wish.nextHop ?? defaults.nextHop;
  const bfd = wish.bfd ?? defaults.bfd;
  const settings: PeerSettings = {
    ...where,
    localAs: as,
    peerAs: wish.as,
    identifier: identifierOf(wish, context, localIp),
    ...timers,
    families: [4, 6],
    distance: distanceOf(wish, as),
    nextHops: {
      ...nextHopsOf(nextHop, { family, localIp, link, sourceLink }, context, warn),
      // Who is known by the interface alone need not share an IPv4 subnet with us.
      ...('unnumbered' in wish.at && nextHop === undefined ? { prefersV6: true } : {}),
    },
    ...(wish.port === undefined ? {} : { port: wish.port }),
    ...(link === undefined ? {} : { link }),
    ...(localIp === undefined ? {} : { localIp }),
    ...(password === undefined ? {} : { password }),
    ...(bfd === undefined || bfd === 'off' ? {} : { bfd }),
    ...(wish.passive === true ? { passive: true } : {}),
    ...(defaults.restartTime === 0
      ? {}
      : { gracefulRestart: { seconds: defaults.restartTime, restarted: context.restarted } }),
  };
  return {
    settings,
    source: wish.source,
    attributes: wish.attributes ?? {},
    ...(wish.pools === undefined ? {} : { pools: wish.pools }),
  };
}

function whereabouts(
  { at }: PeerWish,
  { links, routerOn }: ResolveContext,
): { readonly ip: Ip; readonly link?: string } {
  const name = 'ip' in at ? at.link : at.unnumbered;
  if (name !== undefined && !links.some((link) => link.name === name))
    throw new Unfit(`this node has no interface ${name}: there are ${links.map((link) => link.name).join(', ')}`);
  if ('ip' in at) return at;
  const ip = routerOn(at.unnumbered);
  if (ip === undefined)
    throw new Unfit(
      `no router has advertised itself on ${at.unnumbered} yet: the peer has to send Router Advertisements`,
    );
  return { ip, link: at.unnumbered };
}

function passwordOf(wish: PeerWish, ip: Ip, { password, passwordsIn }: ResolveContext): string | undefined {
  if (wish.password !== undefined) return wish.password;
  if (wish.passwordKey === undefined) return password(passwordKeyOf(ip));
  const found = password(wish.passwordKey);
  if (found === undefined)
    throw new Unfit(`its password is missing: ${passwordsIn} has no ${wish.passwordKey}; it is not spoken to without`);
  return found;
}

function timersOf(wish: PeerWish, defaults: BgpDefaults): Pick<PeerSettings, 'holdTime' | 'keepalive'> {
  const holdTime = wish.holdTime ?? defaults.holdTime;
  const third = (holdTime * 1000) / 3;
  const keepalive = wish.keepalive ?? (wish.holdTime === undefined ? defaults.keepalive : third);
  if (holdTime > 0 && keepalive >= holdTime * 1000)
    throw new Unfit(`a keepalive each ${keepalive / 1000} s comes too late for a hold time of ${holdTime} s`);
  return { holdTime, keepalive };
}

function distanceOf({ multihop, ttlSecurity, as }: PeerWish, localAs: number): Distance {
  if (ttlSecurity !== undefined) return { kind: 'ttl-security', hops: ttlSecurity };
  if (multihop !== undefined) return { kind: 'multihop', ttl: multihop };
  return as === localAs ? { kind: 'any' } : { kind: 'direct' };
}

/** Alike on every start: a router takes two speakers of one ID for one. */
function identifierOf(wish: PeerWish, { defaults, links, isOurs }: ResolveContext, localIp: Ip | undefined): Ip {
  const given = wish.identifier ?? defaults.routerId;
  if (given !== undefined) return given;
  const four = (list: readonly Link[]): Ip[] =>
    list
      .flatMap(({ addresses }) => addresses.map(({ ip }) => ip))
      .filter((ip) => familyOf(ip) === 4 && !isLinkLocal(ip) && !isOurs(ip));
  if (defaults.routerLink !== undefined) {
    const [first] = four(links.filter(({ name }) => name === defaults.routerLink));
    if (first === undefined)
      throw new Unfit(`interface ${defaults.routerLink} has no IPv4 address for bgp_routerid: give that`);
    return first;
  }
  if (localIp !== undefined && familyOf(localIp) === 4) return localIp;
  const defaultRoute = links.filter(({ gateway }) => gateway.v4 !== undefined || gateway.v6 !== undefined);
  const [first] = [...four(defaultRoute), ...four(links)];
  if (first === undefined) throw new Unfit('this node has no IPv4 address for a router ID: set bgp_routerid');
  return first;
}

interface Session {
  readonly family: Family;
  readonly localIp: Ip | undefined;
  readonly link: string | undefined;
  readonly sourceLink: string | undefined;
}

/** Next hops of what is not of the session's own family; without a policy those of the interface it leaves by, if known. */
function nextHopsOf(
  policy: NextHopPolicy | undefined,
  session: Session,
  { links, isOurs }: ResolveContext,
  warn: (message: string) => void,
): NextHops {
  if (policy?.kind === 'fixed') {
    return {
      ...(policy.v4 === undefined ? {} : { v4: policy.v4 }),
      ...(policy.v6 === undefined ? {} : { v6: policy.v6 }),
    };
  }
  const other = session.family === 4 ? 6 : 4;
  const lacking = (why: string): NextHops => {
    warn(`it is not told of IPv${other} addresses: mpbgp_nexthop=${policy?.kind} ${why}`);
    return {};
  };
  const bySource = links.find(({ addresses }) => addresses.some(({ ip }) => ip === session.localIp));
  const byLink = links.find(({ name }) => name === (session.sourceLink ?? session.link));
  if (policy?.kind === 'auto_sourceip' && bySource === undefined)
    return lacking('needs bgp_sourceip, an address of this node in the family of the peer');
  if (policy?.kind === 'auto_sourceif' && session.sourceLink === undefined) return lacking('needs bgp_sourceif');
  const chosen = policy?.kind === 'auto_sourceip' ? bySource : policy === undefined ? (bySource ?? byLink) : byLink;
  const link = chosen ?? lanOf(links);
  const ip = link?.addresses.find(
    (each) => familyOf(each.ip) === other && !isLinkLocal(each.ip) && !isOurs(each.ip),
  )?.ip;
  if (ip === undefined) return policy === undefined ? {} : lacking(`finds no IPv${other} address on ${link?.name}`);
  return other === 4 ? { v4: ip } : { v6: ip };
}

/** Where traffic comes from when nothing is said: the interface of the default route. */
function lanOf(links: readonly Link[]): Link | undefined {
  return links.find(({ gateway }) => gateway.v4 !== undefined || gateway.v6 !== undefined);
}
