/** Interfaces of any kind as rtnetlink(7) lists and changes them (linux/if_link.h). */
import { decodeAttributes, fromCString, viewOf } from './message.ts';
import { allLinks, RTM } from './route.ts';
import type { NetlinkSocket } from './socket.ts';
import { OsError } from '../os-error.ts';

export const IFLA = { IFNAME: 3, MTU: 4, LINK: 5, LINKINFO: 18, AF_SPEC: 26, GROUP: 27 } as const;
export const INFO = { KIND: 1, DATA: 2 } as const;
export const IFF_UP = 1;

export interface LinkRow {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly group: number;
  readonly mtu: number;
}

export function listLinks(netlink: NetlinkSocket): LinkRow[] {
  return netlink.dump(RTM.GETLINK, allLinks(), 'list links').flatMap(({ body }) => {
    const attributes = body.length < 16 ? undefined : decodeAttributes(body.subarray(16));
    const name = attributes?.get(IFLA.IFNAME);
    if (name === undefined) return [];
    const number = (type: number): number => {
      const value = attributes?.get(type);
      return value?.length === 4 ? viewOf(value).getUint32(0, true) : 0;
    };
    return [
      {
        index: viewOf(body).getInt32(4, true),
        name: fromCString(name),
        up: (viewOf(body).getUint32(8, true) & IFF_UP) !== 0,
        group: number(IFLA.GROUP),
        mtu: number(IFLA.MTU),
      },
    ];
  });
}

/** One that is gone already is not an error. @throws OsError */
export function removeLink(netlink: NetlinkSocket, { index, name }: Pick<LinkRow, 'index' | 'name'>): void {
  try {
    netlink.request(RTM.DELLINK, 0, linkHeader(index, 0), `remove interface ${name}`);
  } catch (error) {
    if (!(error instanceof OsError && error.errno === 'ENODEV')) throw error;
  }
}

/** `struct ifinfomsg`, with just these flags to change. @param index 0: of a new one */
export function linkHeader(index: number, flags: number): Uint8Array {
  const body = new Uint8Array(16);
  const view = viewOf(body);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, flags, true);
  return body;
}

export function u32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  viewOf(out).setUint32(0, value, true);
  return out;
}
