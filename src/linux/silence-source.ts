/** The node's own IPv4 addresses by link, for questions that must not be asked in the name of another address. */
import { familyOf } from '../model/ip.ts';
import { isOurs } from './mark.ts';
import { allAddresses, allLinks, decodeAddress, decodeLink, RTM } from './netlink/route.ts';
import type { NetlinkSocket } from './netlink/socket.ts';
import type { Source } from './silence-script.ts';

export function readSources(route: NetlinkSocket): Source[] {
  const names = new Map<number, string>();
  for (const message of route.dump(RTM.GETLINK, allLinks(), 'list links')) {
    const link = decodeLink(message);
    if (link) names.set(link.index, link.name);
  }
  return route
    .dump(RTM.GETADDR, allAddresses(), 'list addresses')
    .flatMap((message) => decodeAddress(message) ?? [])
    .filter((a) => familyOf(a.ip) === 4 && !isOurs(a))
    .flatMap(({ linkIndex, ip, prefixLength }) => {
      const link = names.get(linkIndex);
      return link === undefined ? [] : [{ link, ip, prefixLength }];
    });
}
