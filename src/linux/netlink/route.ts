/** Links, addresses and routes as rtnetlink(7) describes them. */
import { concat } from '../../model/bytes.ts';
import { ipFromBytes, type Ip } from '../../model/ip.ts';
import { macFromBytes, type Mac } from '../../model/mac.ts';
import { AF } from '../constants.ts';
import { decodeAttributes, fromCString, viewOf, type NetlinkMessage } from './message.ts';

export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
} as const;
export const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, CACHEINFO: 6, FLAGS: 8, PROTO: 11 } as const;
const IFLA = { ADDRESS: 1, IFNAME: 3 } as const;
export const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, MULTIPATH: 9, TABLE: 15 } as const;
/** Not yet known to be nobody else's: what is sent to it is dropped. */
const IFA_F_TENTATIVE = 0x40;
const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;
const ARPHRD_ETHER = 1;
const MAIN_TABLE = 254;
const UNICAST = 1;

export interface LinkRecord {
  readonly index: number;
  readonly name: string;
  readonly mac: Mac;
  readonly up: boolean;
}

/** Undefined unless it is an Ethernet interface (bridges, bonds, VLANs and veth ends are). */
export function decodeLink({ body }: NetlinkMessage): LinkRecord | undefined {
  if (body.length < 16) return undefined;
  const view = viewOf(body);
  const attributes = decodeAttributes(body.subarray(16));
  const mac = attributes.get(IFLA.ADDRESS);
  const name = attributes.get(IFLA.IFNAME);
  // Bridges tell of their ports in messages of another family.
  const ordinary = body[0] === 0 && view.getUint16(2, true) === ARPHRD_ETHER;
  if (!ordinary || mac?.length !== 6 || name === undefined) return undefined;
  const flags = view.getUint32(8, true);
  return {
    index: view.getInt32(4, true),
    name: fromCString(name),
    mac: macFromBytes(mac),
    up: (flags & IFF_UP) !== 0 && (flags & IFF_LOWER_UP) !== 0,
  };
}

export interface AddressRecord {
  readonly linkIndex: number;
  readonly ip: Ip;
  readonly prefixLength: number;
  /** IFA_PROTO: who put it there. 0 where unknown, and on kernels before 5.18. */
  readonly protocol: number;
  /** IPv4 only; empty otherwise. */
  readonly label: string;
  /** IPv6: duplicate address detection has not ended. */
  readonly tentative: boolean;
}

export function decodeAddress({ body }: NetlinkMessage): AddressRecord | undefined {
  if (body.length < 8) return undefined;
  const attributes = decodeAttributes(body.subarray(8));
  // On point-to-point links ADDRESS is the far end.
  const bytes = attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS);
  if (bytes?.length !== 4 && bytes?.length !== 16) return undefined;
  const label = attributes.get(IFA.LABEL);
  const flags = attributes.get(IFA.FLAGS);
  return {
    linkIndex: viewOf(body).getUint32(4, true),
    ip: ipFromBytes(bytes),
    prefixLength: body[1] ?? 0,
    protocol: attributes.get(IFA.PROTO)?.[0] ?? 0,
    label: label === undefined ? '' : fromCString(label),
    tentative: flags?.length === 4 && (viewOf(flags).getUint32(0, true) & IFA_F_TENTATIVE) !== 0,
  };
}

export interface DefaultRoute {
  readonly linkIndex: number;
  readonly gateway: Ip;
  readonly metric: number;
}

/** Whether the message is of a default route in the main table. */
export function isDefaultRoute({ body }: NetlinkMessage): boolean {
  if (body.length < 12 || body[1] !== 0 || body[7] !== UNICAST) return false;
  const table = decodeAttributes(body.subarray(12)).get(RTA.TABLE);
  return (table?.length === 4 ? viewOf(table).getUint32(0, true) : body[4]) === MAIN_TABLE;
}

/** The next hops of a default route: one, or several of a multipath route. Those without a gateway are left out. */
export function decodeDefaultRoute(message: NetlinkMessage): readonly DefaultRoute[] {
  if (!isDefaultRoute(message)) return [];
  const attributes = decodeAttributes(message.body.subarray(12));
  const priority = attributes.get(RTA.PRIORITY);
  const metric = priority?.length === 4 ? viewOf(priority).getUint32(0, true) : 0;
  const hops: DefaultRoute[] = [];
  const add = (linkIndex: number, gateway: Uint8Array | undefined): void => {
    if (gateway?.length === 4 || gateway?.length === 16) {
      hops.push({ linkIndex, gateway: ipFromBytes(gateway), metric });
    }
  };
  const link = attributes.get(RTA.OIF);
  if (link?.length === 4) add(viewOf(link).getUint32(0, true), attributes.get(RTA.GATEWAY));
  const multipath = attributes.get(RTA.MULTIPATH) ?? new Uint8Array(0);
  const view = viewOf(multipath);
  for (let at = 0; at + 8 <= multipath.length;) {
    const length = view.getUint16(at, true);
    if (length < 8 || at + length > multipath.length) break;
    const inner = decodeAttributes(multipath.subarray(at + 8, at + length));
    add(view.getInt32(at + 4, true), inner.get(RTA.GATEWAY));
    at += (length + 3) & ~3;
  }
  return hops;
}

/** A route to one destination, by one interface or none. */
export interface RouteRecord {
  readonly destination: Ip;
  readonly prefixLength: number;
  readonly table: number;
  /** RTPROT_*: who wrote it. */
  readonly protocol: number;
  readonly metric: number;
  readonly linkIndex: number | undefined;
}

/** Undefined for a default route, and for what is no route of IP. */
export function decodeRoute({ body }: NetlinkMessage): RouteRecord | undefined {
  if (body.length < 12) return undefined;
  const attributes = decodeAttributes(body.subarray(12));
  const destination = attributes.get(RTA.DST);
  if (destination?.length !== 4 && destination?.length !== 16) return undefined;
  const number = (type: number): number | undefined => {
    const value = attributes.get(type);
    return value?.length === 4 ? viewOf(value).getUint32(0, true) : undefined;
  };
  return {
    destination: ipFromBytes(destination),
    prefixLength: body[1] ?? 0,
    table: number(RTA.TABLE) ?? body[4] ?? 0,
    protocol: body[5] ?? 0,
    metric: number(RTA.PRIORITY) ?? 0,
    linkIndex: number(RTA.OIF),
  };
}

/** `struct rtmsg` and attributes. */
export function routeBody(
  header: {
    readonly v4: boolean;
    readonly prefixLength: number;
    readonly protocol: number;
    readonly scope: number;
    readonly type: number;
  },
  ...attributes: readonly Uint8Array[]
): Uint8Array {
  const { v4, prefixLength, protocol, scope, type } = header;
  // The table is an attribute: here it has room for eight bits only.
  const body = Uint8Array.of(v4 ? AF.INET : AF.INET6, prefixLength, 0, 0, 0, protocol, scope, type, 0, 0, 0, 0);
  return concat(body, ...attributes);
}

/** Body of a request for all links. */
export function allLinks(): Uint8Array {
  return new Uint8Array(16);
}

/** Body of a request for all addresses. */
export function allAddresses(): Uint8Array {
  return new Uint8Array(8);
}

/** Body of a request for the routes of the main table. */
export function mainRoutes(family: 4 | 6): Uint8Array {
  const body = new Uint8Array(12);
  body[0] = family === 4 ? AF.INET : AF.INET6;
  body[4] = MAIN_TABLE;
  return body;
}

/** `struct ifaddrmsg` and attributes. */
export function addressBody(
  header: { readonly v4: boolean; readonly prefixLength: number; readonly linkIndex: number },
  ...attributes: readonly Uint8Array[]
): Uint8Array {
  const body = new Uint8Array(8);
  body[0] = header.v4 ? AF.INET : AF.INET6;
  body[1] = header.prefixLength;
  viewOf(body).setUint32(4, header.linkIndex, true);
  return concat(body, ...attributes);
}
