/**
 * Peers and what is said of routes, as ConfigMap `kubevip-bgp` has them. A line is a list of NAME=VALUE, separated by
 * white space:
 *
 *     peer-tor1: address=10.0.0.1 as=65001 password=tor1 bfd=50x3 nodes=n1,n2
 *     pool-cidr-global: communities=65000:100,no-export local-preference=200
 *
 * A line that is wrong spoils itself only, and says what to do. Nobody finds out from a line that was ignored.
 */
import { isLinkLocal } from '../../../model/ip.ts';
import { parseCommunity, parseLargeCommunity } from '../../../protocols/bgp/community.ts';
import {
  address,
  asNumber,
  BadValue,
  bfd,
  bool,
  holdTime,
  integer,
  linkName,
  nextHopPolicy,
  portNumber,
} from './values.ts';
import type { BgpProblem, PeerWish, RouteAttributes, Wishes } from './wish.ts';

export interface BgpMap extends Wishes {
  /** By key of a pool (`cidr-global`), and `control-plane`. */
  readonly pools: ReadonlyMap<string, RouteAttributes>;
}

export const CONTROL_PLANE_POOL = 'control-plane';

const ROUTE_NAMES = ['communities', 'local-preference', 'med', 'prepend', 'aggregate', 'aggregate6'] as const;
const PEER_NAMES = [
  'address',
  'interface',
  'as',
  'local-as',
  'port',
  'password',
  'multihop',
  'ttl-security',
  'source-address',
  'source-interface',
  'next-hop',
  'next-hop4',
  'next-hop6',
  'bfd',
  'hold',
  'keepalive',
  'passive',
  'nodes',
  'pools',
  ...ROUTE_NAMES,
] as const;

type Pairs = ReadonlyMap<string, string>;

/** @param node only peers of this node. @param name of the ConfigMap, for messages. */
export function readBgpMap(data: Readonly<Record<string, string>>, node: string, name: string): BgpMap {
  const peers: PeerWish[] = [];
  const pools = new Map<string, RouteAttributes>();
  const problems: BgpProblem[] = [];
  for (const [key, line] of Object.entries(data)) {
    const source = `ConfigMap ${name}, key ${key}`;
    try {
      const [, kind, rest = ''] = /^(peer|pool)-(.+)$/.exec(key) ?? [];
      if (kind === undefined) throw new BadValue('keys are peer-NAME and pool-POOL');
      if (kind === 'pool') pools.set(rest, attributes(pairsOf(line, ROUTE_NAMES)));
      else {
        const pairs = pairsOf(line, PEER_NAMES);
        const nodes = list(pairs, 'nodes');
        const peer = peerOf(pairs, source);
        if (nodes === undefined || nodes.includes(node)) peers.push(peer);
      }
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      problems.push({ source, message: error.message });
    }
  }
  return { peers, pools, problems };
}

function pairsOf(line: string, names: readonly string[]): Pairs {
  const pairs = new Map<string, string>();
  for (const word of line.split(/\s+/).filter((each) => each !== '')) {
    const equals = word.indexOf('=');
    const [name, value] = equals < 0 ? [word, ''] : [word.slice(0, equals), word.slice(equals + 1)];
    if (!names.includes(name))
      throw new BadValue(`unknown option ${JSON.stringify(name)}: there are ${names.join(', ')}`);
    if (value === '') throw new BadValue(`option ${name} has no value: write ${name}=VALUE`);
    if (pairs.has(name)) throw new BadValue(`option ${name} is there twice: leave one of them`);
    pairs.set(name, value);
  }
  return pairs;
}

function peerOf(pairs: Pairs, source: string): PeerWish {
  const read = <T>(name: (typeof PEER_NAMES)[number], parse: (text: string) => T): T | undefined => {
    const text = pairs.get(name);
    return text === undefined ? undefined : parse(text);
  };
  const as = read('as', (text) => asNumber('as', text));
  if (as === undefined) throw new BadValue('it has no as: write as=NUMBER, the AS of the peer');
  const policy = nextHopPolicy(
    pairs.get('next-hop') ?? (pairs.has('next-hop4') || pairs.has('next-hop6') ? 'fixed' : ''),
    pairs.get('next-hop4') ?? '',
    pairs.get('next-hop6') ?? '',
  );
  const given = {
    localAs: read('local-as', (text) => asNumber('local-as', text)),
    port: read('port', portNumber),
    passwordKey: read('password', secretKey),
    multihop: read('multihop', (text) => integer('multihop', text, [2, 255])),
    ttlSecurity: read('ttl-security', (text) => integer('ttl-security', text, [1, 254])),
    sourceIp: read('source-address', (text) => address('source-address', text)),
    sourceLink: read('source-interface', (text) => linkName('source-interface', text)),
    nextHop: policy,
    bfd: read('bfd', bfd),
    holdTime: read('hold', holdTime),
    keepalive: read('keepalive', (text) => integer('keepalive', text, [1, 21_845]) * 1000),
    passive: read('passive', (text) => bool('passive', text)),
    pools: list(pairs, 'pools'),
  };
  if (given.multihop !== undefined && given.ttlSecurity !== undefined)
    throw new BadValue('multihop and ttl-security exclude each other: leave one of them');
  return { source, at: whereabouts(pairs), as, ...defined(given), attributes: attributes(pairs) };
}

function whereabouts(pairs: Pairs): PeerWish['at'] {
  const text = pairs.get('address');
  const link = pairs.get('interface');
  if (text === undefined) {
    if (link === undefined) throw new BadValue('it has no address: write address=IP, or interface=NAME alone');
    return { unnumbered: linkName('interface', link) };
  }
  const ip = address('address', text);
  if (isLinkLocal(ip) && link === undefined)
    throw new BadValue(`${ip} is link-local: say on which interface with interface=NAME`);
  return { ip, ...(link === undefined ? {} : { link: linkName('interface', link) }) };
}

function secretKey(text: string): string {
  if (/^[-._a-zA-Z0-9]{1,253}$/.test(text)) return text;
  // It may be the password itself, which is not to be repeated.
  throw new BadValue('password is not the name of a key of the Secret: the password itself belongs into that Secret');
}

function attributes(pairs: Pairs): RouteAttributes {
  const number = (name: (typeof ROUTE_NAMES)[number], range: readonly [number, number]): number | undefined => {
    const text = pairs.get(name);
    return text === undefined ? undefined : integer(name, text, range);
  };
  const words = list(pairs, 'communities') ?? [];
  const communities = words.flatMap((word) => parseCommunity(word) ?? []);
  const largeCommunities = words.flatMap((word) => {
    const large = parseLargeCommunity(word);
    return large === undefined ? [] : [large];
  });
  const wrong = words.find((word) => parseCommunity(word) === undefined && parseLargeCommunity(word) === undefined);
  if (wrong !== undefined)
    throw new BadValue(
      `${JSON.stringify(wrong)} is no community: write 65000:100, 65000:1:2, or a name such as no-export`,
    );
  const aggregate = defined({ v4: number('aggregate', [1, 32]), v6: number('aggregate6', [1, 128]) });
  return {
    ...(communities.length > 0 ? { communities } : {}),
    ...(largeCommunities.length > 0 ? { largeCommunities } : {}),
    ...defined({
      localPref: number('local-preference', [0, 4_294_967_295]),
      med: number('med', [0, 4_294_967_295]),
      prepend: number('prepend', [0, 50]),
    }),
    ...(Object.keys(aggregate).length > 0 ? { aggregate } : {}),
  };
}

function list(pairs: Pairs, name: string): string[] | undefined {
  return pairs
    .get(name)
    ?.split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

type Defined<T> = { [K in keyof T]?: NonNullable<T[K]> };

function defined<T extends object>(given: T): Defined<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>;
}
