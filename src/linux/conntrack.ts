/** Flows that the kernel keeps track of, by netlink. Numbers from linux/netfilter/nfnetlink_conntrack.h. */
import { concat } from '../model/bytes.ts';
import { ipFromBytes, type Family, type Ip } from '../model/ip.ts';
import { loadLibc } from './libc.ts';
import { attribute, decodeAttributes, viewOf } from './netlink/message.ts';
import { NETLINK_NETFILTER, openNetlink, type NetlinkSocket } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { OsError } from './os-error.ts';

const SUBSYSTEM = 1;
const MESSAGE = { GET: 1, DELETE: 2 } as const;
const NFPROTO: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, PROTOINFO: 4, ID: 12, ZONE: 18 } as const;
const TUPLE = { IP: 1, PROTO: 2 } as const;
const SOURCE: Readonly<Record<Family, number>> = { 4: 1, 6: 3 };
const DESTINATION: Readonly<Record<Family, number>> = { 4: 2, 6: 4 };
const PROTO = { NUMBER: 1, SOURCE_PORT: 2, DESTINATION_PORT: 3 } as const;
const PROTOINFO_TCP = 1;
const TCP_STATE = 1;
/** Set in an attribute's type: its content is attributes again. */
const NESTED = 0x8000;

export const IPPROTO = { TCP: 6, UDP: 17 } as const;
/** A connection of which nothing but its first packet was seen. */
export const TCP_SYN_SENT = 1;

export interface Flow {
  readonly family: Family;
  /** IPPROTO_* */
  readonly protocol: number;
  /** The client. */
  readonly from: Ip;
  readonly fromPort: number;
  /** Where the client sent its first packet. */
  readonly to: Ip;
  readonly port: number;
  /** Who answers, or is to: another address where the destination was translated. */
  readonly via: Ip;
  /** Who is answered: another address than the client's where that was translated. */
  readonly name: Ip;
  readonly tcpState: number | undefined;
  /** By which the kernel knows it. */
  readonly key: Uint8Array;
}

/** @throws OsError where the kernel does not tell of flows (no nf_conntrack_netlink) */
function listFlows(netlink: NetlinkSocket, family: Family): Flow[] {
  return netlink
    .dump((SUBSYSTEM << 8) | MESSAGE.GET, header(family), 'list tracked flows')
    .flatMap(({ body }) => decodeFlow(family, body) ?? []);
}

/** The next packet of it counts as the first one. @throws OsError ENOENT when it is gone already */
function forgetFlow(netlink: NetlinkSocket, { family, key }: Flow): void {
  netlink.request((SUBSYSTEM << 8) | MESSAGE.DELETE, 0, concat(header(family), key), 'forget a tracked flow');
}

/**
 * Forgets those that are meant, of these families. Where a kernel does not tell of its flows those that are under way end by
 * themselves. @returns what was meant
 */
export function forgetFlows(
  netns: string | undefined,
  families: Iterable<Family>,
  isMeant: (flow: Flow) => boolean,
): Flow[] {
  const libc = loadLibc();
  const netlink = withNetns(netns, () => openNetlink(libc, NETLINK_NETFILTER), libc);
  const meant: Flow[] = [];
  try {
    for (const family of new Set(families)) meant.push(...listFlows(netlink, family).filter(isMeant));
    for (const flow of meant) forgetIfThere(netlink, flow);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  } finally {
    netlink.close();
  }
  return meant;
}

function forgetIfThere(netlink: NetlinkSocket, flow: Flow): void {
  try {
    forgetFlow(netlink, flow);
  } catch (error) {
    if (!(error instanceof OsError && error.errno === 'ENOENT')) throw error;
  }
}

/** Undefined for protocols without ports. */
export function decodeFlow(family: Family, body: Uint8Array): Flow | undefined {
  const all = decodeAttributes(body.subarray(4));
  const [original, reply] = [all.get(CTA.TUPLE_ORIG), all.get(CTA.TUPLE_REPLY)];
  if (!original || !reply) return undefined;
  const tuple = decodeAttributes(original);
  const ends = decodeAttributes(tuple.get(TUPLE.IP) ?? new Uint8Array());
  const [from, to] = [ends.get(SOURCE[family]), ends.get(DESTINATION[family])];
  const proto = decodeAttributes(tuple.get(TUPLE.PROTO) ?? new Uint8Array());
  const [protocol] = proto.get(PROTO.NUMBER) ?? [];
  const [fromPort, port] = [proto.get(PROTO.SOURCE_PORT), proto.get(PROTO.DESTINATION_PORT)];
  const back = decodeAttributes(decodeAttributes(reply).get(TUPLE.IP) ?? new Uint8Array());
  const [answers, name] = [back.get(SOURCE[family]), back.get(DESTINATION[family])];
  const length = family === 4 ? 4 : 16;
  if (from?.length !== length || to?.length !== length || answers?.length !== length) return undefined;
  if (name?.length !== length || protocol === undefined) return undefined;
  if (fromPort?.length !== 2 || port?.length !== 2) return undefined;
  const tcp = decodeAttributes(all.get(CTA.PROTOINFO) ?? new Uint8Array()).get(PROTOINFO_TCP);
  const [zone, id] = [all.get(CTA.ZONE), all.get(CTA.ID)];
  return {
    family,
    protocol,
    from: ipFromBytes(from),
    fromPort: viewOf(fromPort).getUint16(0),
    to: ipFromBytes(to),
    port: viewOf(port).getUint16(0),
    via: ipFromBytes(answers),
    name: ipFromBytes(name),
    tcpState: tcp && decodeAttributes(tcp).get(TCP_STATE)?.[0],
    key: concat(
      attribute(CTA.TUPLE_ORIG | NESTED, original),
      ...(zone ? [attribute(CTA.ZONE, zone)] : []),
      ...(id ? [attribute(CTA.ID, id)] : []),
    ),
  };
}

/** `struct nfgenmsg` */
function header(family: Family): Uint8Array {
  return Uint8Array.of(NFPROTO[family], 0, 0, 0);
}
