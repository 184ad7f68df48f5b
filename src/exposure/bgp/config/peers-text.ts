/**
 * kube-vip's `bgp_peers`: `ADDRESS:AS:PASSWORD:MULTIHOP:PORT:MPBGP:BFD`, separated by commas. The address is an IPv4
 * address, `[IPV6]` or `unnumbered:INTERFACE`; MPBGP is `mpbgp_nexthop=…;mpbgp_ipv4=…;mpbgp_ipv6=…`, which older
 * versions had behind a slash at the end; BFD is `true;300;300;3`. Only the address and the AS are needed.
 */
import { isLinkLocal } from '../../../model/ip.ts';
import {
  address,
  asNumber,
  BadValue,
  bfdOfKubeVip,
  bool,
  linkName,
  nextHopPolicy,
  password,
  portNumber,
} from './values.ts';
import { MULTIHOP_TTL, type BgpProblem, type NextHopPolicy, type PeerWish, type Wishes } from './wish.ts';

/** An entry that is wrong spoils itself only. */
export function parsePeers(text: string): Wishes {
  const peers: PeerWish[] = [];
  const problems: BgpProblem[] = [];
  for (const [index, entry] of splitEntries(text).entries()) {
    if (entry === '') continue;
    const source = `bgp_peers, entry ${index + 1}`;
    try {
      peers.push(parsePeer(entry, source));
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      problems.push({ source, message: error.message });
    }
  }
  return { peers, problems };
}

function splitEntries(text: string): string[] {
  return text.split(',').map((entry) => entry.trim());
}

function parsePeer(entry: string, source: string): PeerWish {
  const { at, rest, unnumbered } = whereabouts(entry);
  const { fields, ...named } = splitOptions(rest);
  if (fields.length > 6) {
    throw new BadValue(
      'it has more than ADDRESS:AS:PASSWORD:MULTIHOP:PORT:MPBGP:BFD; an IPv6 address needs [brackets]',
    );
  }
  const [as = '', secret = '', multihop = '', port = '', mpbgp = named.mpbgp ?? '', bfd = named.bfd ?? ''] = fields;
  if (as === '') {
    throw new BadValue(
      unnumbered ? 'it has no AS: write unnumbered:INTERFACE:AS' : 'it has no AS: ADDRESS:AS is the least',
    );
  }
  const nextHop = options(mpbgp);
  const timers = bfd === '' ? undefined : bfdOfKubeVip(bfd);
  return {
    source,
    at,
    as: asNumber('AS', as),
    ...(secret === '' ? {} : { password: password(secret) }),
    ...(multihop !== '' && bool('multihop', multihop) ? { multihop: MULTIHOP_TTL } : {}),
    ...(port === '' ? {} : { port: portNumber(port) }),
    ...(nextHop === undefined ? {} : { nextHop }),
    ...(timers === undefined ? {} : { bfd: timers }),
  };
}

interface Whereabouts {
  readonly at: PeerWish['at'];
  /** What follows, from the colon on. */
  readonly rest: string;
  readonly unnumbered?: true;
}

function whereabouts(entry: string): Whereabouts {
  const unnumbered = /^unnumbered:([^:/]*)(.*)$/.exec(entry);
  if (unnumbered) {
    const [, link = '', rest = ''] = unnumbered;
    return { at: { unnumbered: linkName('interface', link) }, rest, unnumbered: true };
  }
  const v6 = /^\[([^\]%]*)(?:%([^\]]*))?\](.*)$/.exec(entry);
  if (v6) {
    const [, text = '', link, rest = ''] = v6;
    const ip = address('address', text, 6);
    if (isLinkLocal(ip) && link === undefined) {
      throw new BadValue(`${ip} is link-local: say on which interface, [${ip}%eth0]`);
    }
    return { at: { ip, ...(link === undefined ? {} : { link: linkName('interface', link) }) }, rest };
  }
  if (entry.startsWith('[')) throw new BadValue('a [ has no ]');
  if (/^[0-9a-f]{0,4}:/i.test(entry) && entry.includes('::')) throw new BadValue('an IPv6 address needs [brackets]');
  const colon = entry.indexOf(':');
  const text = colon < 0 ? entry : entry.slice(0, colon);
  return { at: { ip: address('address', text, 4) }, rest: colon < 0 ? '' : entry.slice(colon) };
}

/** @returns the options of next hops, BFD behind them, and the fields before, from the AS on. */
function splitOptions(rest: string): { readonly mpbgp?: string; readonly bfd?: string; readonly fields: string[] } {
  // By name, not by counting colons: an option may be an IPv6 address.
  const options = /[:/](mpbgp_.*)$/.exec(rest);
  const before = options === null ? rest : rest.slice(0, options.index);
  const fields = before === '' ? [] : before.slice(1).split(':');
  if (options === null) return { fields };
  const text = options[1] ?? '';
  const bfd = /:([^:;=]*;[^:;=]*;[^:;=]*;[^:;=]*)$/.exec(text);
  return bfd === null ? { mpbgp: text, fields } : { mpbgp: text.slice(0, bfd.index), bfd: bfd[1] ?? '', fields };
}

const OPTIONS = ['mpbgp_nexthop', 'mpbgp_ipv4', 'mpbgp_ipv6'] as const;

function options(text: string): NextHopPolicy | undefined {
  const values: Record<string, string> = {};
  for (const pair of text === '' ? [] : text.split(';')) {
    const [name = '', ...value] = pair.split('=');
    if (!OPTIONS.some((known) => known === name)) {
      throw new BadValue(`it has the unknown option ${JSON.stringify(name)}: there are ${OPTIONS.join(', ')}`);
    }
    if (value.join('=') === '') throw new BadValue(`option ${name} has no value`);
    values[name] = value.join('=');
  }
  return nextHopPolicy(values['mpbgp_nexthop'] ?? '', values['mpbgp_ipv4'] ?? '', values['mpbgp_ipv6'] ?? '');
}
