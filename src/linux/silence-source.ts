/** The node's own addresses by link, for questions that must not be asked in the name of another address. */
import { familyOf } from '../model/ip.ts';
import { isOurs } from './mark.ts';
import { allAddresses, allLinks, decodeAddress, decodeLink, RTM } from './netlink/route.ts';
import type { NetlinkSocket } from './netlink/socket.ts';
import type { Source } from './silence-script.ts';

/** IPv4: all of them, since a neighbour answers its own subnet only. IPv6: one for each link. */
export function readSources(route: NetlinkSocket): Source[] {
  const names = new Map<number, string>();
  for (const message of route.dump(RTM.GETLINK, allLinks(), 'list links')) {
    const link = decodeLink(message);
    if (link) names.set(link.index, link.name);
  }
  const own = route
    .dump(RTM.GETADDR, allAddresses(), 'list addresses')
    .flatMap((message) => decodeAddress(message) ?? [])
    .filter((address) => !isOurs(address))
    .flatMap(({ linkIndex, ip, prefixLength, tentative }) => {
      const link = names.get(linkIndex);
      return link === undefined ? [] : [{ link, ip, prefixLength, tentative }];
    });
  const v6 = new Map<string, Source>();
  for (const address of own.filter(({ ip, tentative }) => familyOf(ip) === 6 && !tentative)) {
    const known = v6.get(address.link);
    // The one of the link itself: every neighbour can answer it, and it stays when prefixes change.
    if (!known || (isLinkLocal(address) && !isLinkLocal(known))) v6.set(address.link, address);
  }
  return [...own.filter(({ ip }) => familyOf(ip) === 4), ...v6.values()].map(({ link, ip, prefixLength }) => ({
    link,
    ip,
    prefixLength,
  }));
}

function isLinkLocal({ ip }: Source): boolean {
  return /^fe[89ab]/.test(ip);
}
