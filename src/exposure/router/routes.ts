/** Which routers the links of this node lead to. */
import { cidr, contains } from '../../model/cidr.ts';
import { isLinkLocal, type Family, type Ip } from '../../model/ip.ts';
import type { Link } from '../../model/wire.ts';
import type { OtherRouter } from './other-routers.ts';

/** The default gateway of a link. */
export function gatewayOf(links: readonly Link[], name: string, family: Family): Ip | undefined {
  const gateway = links.find((link) => link.name === name)?.gateway;
  return family === 6 ? gateway?.v6 : gateway?.v4;
}

/** The default gateways of all other links. */
export function gatewaysElsewhere(links: readonly Link[], name: string, family: Family): OtherRouter[] {
  return links.flatMap((link) => {
    const ip = gatewayOf(links, link.name, family);
    return ip === undefined || link.name === name ? [] : [{ ip, link: link.name }];
  });
}

/** Whether an address is reached from a link without a router in between. */
export function isOnLink({ addresses }: Link, address: Ip): boolean {
  if (isLinkLocal(address)) return true;
  return addresses.some(({ ip, prefixLength }) => {
    const subnet = cidr(ip, prefixLength);
    return subnet !== undefined && contains(subnet, address);
  });
}
