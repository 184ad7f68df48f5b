/** On which link an address belongs. */
import { cidr, contains, type Cidr } from '../../model/cidr.ts';
import { failed, type NotReady } from '../../model/decision.ts';
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Link } from '../../model/wire.ts';

/**
 * The link of that name; without a name the one whose subnet holds the address, the narrowest subnet first. A link
 * that is up goes before one that is down.
 */
export function chooseLink(links: readonly Link[], ip: Ip, name?: string): Link | NotReady {
  const candidates = name === undefined ? bySubnet(links, ip) : links.filter((link) => link.name === name);
  return candidates.find((candidate) => candidate.up) ?? candidates[0] ?? noLink(links, ip, name);
}

export function isLink(choice: Link | NotReady): choice is Link {
  return 'index' in choice;
}

function noLink(links: readonly Link[], ip: Ip, name: string | undefined): NotReady {
  if (name !== undefined) return failed('NoLink', `${ip} is not announced: this node has no interface ${name}`);
  const subnets = links.flatMap(({ name: link, addresses }) =>
    addresses
      .filter((address) => familyOf(address.ip) === familyOf(ip) && !isHost(address))
      .map((address) => `${address.ip}/${address.prefixLength} on ${link}`),
  );
  const known = subnets.length === 0 ? 'it has none of this family' : `it has ${subnets.join(', ')}`;
  return failed('NoLink', `${ip} is not announced: it lies in no subnet of this node (${known})`);
}

function bySubnet(links: readonly Link[], ip: Ip): Link[] {
  const lengths = new Map<Link, number>();
  for (const { link, range, prefixLength } of subnetsOf(links)) {
    if (contains(range, ip)) lengths.set(link, Math.max(prefixLength, lengths.get(link) ?? 0));
  }
  return [...lengths].sort(([, a], [, b]) => b - a).map(([link]) => link);
}

interface Subnet {
  readonly link: Link;
  readonly range: Cidr;
  readonly prefixLength: number;
}

/** A thousand addresses that fall to this node at once are asked for while its links are what they were. */
const known = new WeakMap<readonly Link[], readonly Subnet[]>();

function subnetsOf(links: readonly Link[]): readonly Subnet[] {
  const before = known.get(links);
  if (before) return before;
  const subnets = links.flatMap((link) =>
    link.addresses
      // Addresses of ours stand there by themselves and say nothing about the subnet; there may be a thousand.
      .filter((address) => !isHost(address))
      .flatMap((address) => {
        const range = cidr(address.ip, address.prefixLength);
        return range === undefined ? [] : [{ link, range, prefixLength: address.prefixLength }];
      }),
  );
  known.set(links, subnets);
  return subnets;
}

function isHost(address: Link['addresses'][number]): boolean {
  return address.prefixLength === hostPrefix(address.ip);
}

/** Length of the prefix that holds this address alone. */
export function hostPrefix(ip: Ip): number {
  return familyOf(ip) === 4 ? 32 : 128;
}
