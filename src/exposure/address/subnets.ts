/** Which of this node's interfaces the hosts of a subnet are on. */
import { cidr, contains } from '../../model/cidr.ts';
import { familyOf, fromBigInt, isLinkLocal, type Ip } from '../../model/ip.ts';
import type { Link } from '../../model/wire.ts';

/** Name of the interface whose subnet holds `ip`. */
export function linkFor(links: readonly Link[], ip: Ip): string | undefined {
  return links.find((link) => subnets(link).some((subnet) => contains(subnet, ip)))?.name;
}

/** For messages: `eth0 192.168.1.11/24, …`. */
export function subnetsOf(links: readonly Link[]): string {
  return links
    .flatMap((link) => subnets(link).map(({ address, prefixLength }) => `${link.name} ${address}/${prefixLength}`))
    .join(', ');
}

/** What the LAN behind an interface is called on every node alike: its first IPv4 subnet, else the interface's own name. */
export function lanOf(link: Link): string {
  const subnet = subnets(link).find(({ address }) => familyOf(address) === 4);
  return subnet === undefined ? link.name : `${fromBigInt(subnet.first, 4)}/${subnet.prefixLength}`;
}

/** A host route (/32, /128) says nothing about who else is on the link, and link-local addresses are on every one. */
function subnets(link: Link): NonNullable<ReturnType<typeof cidr>>[] {
  return link.addresses
    .filter(({ ip, prefixLength }) => prefixLength < (familyOf(ip) === 4 ? 32 : 128) && !isLinkLocal(ip))
    .map(({ ip, prefixLength }) => cidr(ip, prefixLength))
    .filter((subnet) => subnet !== undefined);
}
