/** VLAN interfaces in the kernel, by rtnetlink (rtnetlink(7), linux/if_link.h). */
import type { VlanLinks } from '../exposure/vlan/port.ts';
import { concat } from '../model/bytes.ts';
import { KubevipError } from '../model/errors.ts';
import { loadLibc } from './libc.ts';
import { VLAN_LINK_GROUP } from './mark.ts';
import { IFF_UP, IFLA, INFO, linkHeader, listLinks, removeLink, u32, type LinkRow } from './netlink/links.ts';
import { attribute, cString, nested, NLM, viewOf } from './netlink/message.ts';
import { RTM } from './netlink/route.ts';
import { NETLINK_ROUTE, openNetlink, type NetlinkSocket } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { OsError } from './os-error.ts';

const IFLA_VLAN_ID = 1;

/** @param netns network namespace by name; this process's own when absent. Each call opens a socket of its own. */
export function createVlanTable({ netns }: { readonly netns?: string } = {}): VlanLinks {
  const libc = loadLibc();
  const withSocket = <T>(work: (netlink: NetlinkSocket) => T): T => {
    const netlink = withNetns(netns, () => openNetlink(libc, NETLINK_ROUTE), libc);
    try {
      return work(netlink);
    } finally {
      netlink.close();
    }
  };
  return {
    ensure: (vlan) =>
      withSocket((netlink) => {
        const links = listLinks(netlink);
        const present = links.find(({ name }) => name === vlan.name);
        if (present) {
          if (isOurs(present) && !present.up) bringUp(netlink, present.index, vlan.name);
          return;
        }
        const parent = links.find(({ name }) => name === vlan.parent);
        if (!parent)
          throw new KubevipError(`this node has no interface ${vlan.parent} for ${vlan.name}`, {
            code: 'NO_PARENT_LINK',
          });
        const body = concat(
          linkHeader(0, IFF_UP),
          attribute(IFLA.IFNAME, cString(vlan.name)),
          attribute(IFLA.LINK, u32(parent.index)),
          // With it from its first moment, so that none is ever there that nobody knows to be ours.
          attribute(IFLA.GROUP, u32(VLAN_LINK_GROUP)),
          nested(
            IFLA.LINKINFO,
            attribute(INFO.KIND, cString('vlan')),
            nested(INFO.DATA, attribute(IFLA_VLAN_ID, u16(vlan.id))),
          ),
        );
        try {
          netlink.request(RTM.NEWLINK, NLM.CREATE | NLM.EXCL, body, `make interface ${vlan.name}`);
        } catch (error) {
          if (!(error instanceof OsError && error.errno === 'EOPNOTSUPP')) throw error;
          throw new KubevipError(
            `the kernel makes no VLAN interface ${vlan.name}: load its module with modprobe 8021q`,
            {
              code: 'NO_VLANS',
              cause: error,
            },
          );
        }
      }),
    owned: () =>
      withSocket((netlink) =>
        listLinks(netlink)
          .filter(isOurs)
          .map(({ name }) => name),
      ),
    remove: (name) =>
      withSocket((netlink) => {
        const link = listLinks(netlink).find((one) => one.name === name && isOurs(one));
        if (link) removeLink(netlink, link);
      }),
  };
}

function isOurs({ group }: Pick<LinkRow, 'group'>): boolean {
  return group === VLAN_LINK_GROUP;
}

function bringUp(netlink: NetlinkSocket, index: number, name: string): void {
  try {
    netlink.request(RTM.NEWLINK, 0, linkHeader(index, IFF_UP), `bring interface ${name} up`);
  } catch (error) {
    // Its parent is down: it comes up with that, at the next look.
    if (!(error instanceof OsError && error.errno === 'ENETDOWN')) throw error;
  }
}

function u16(value: number): Uint8Array {
  const out = new Uint8Array(2);
  viewOf(out).setUint16(0, value, true);
  return out;
}
