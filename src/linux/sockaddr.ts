/** Socket addresses as the kernel lays them out in memory (little-endian families, network-order ports). */
import { familyOf, ipFromBytes, ipToBytes, type Ip } from '../model/ip.ts';
import { AF } from './constants.ts';

/** Large enough for every family used here. */
export const SOCKADDR_SIZE = 28;

export interface Endpoint {
  readonly ip: Ip;
  readonly port: number;
}

/** `sockaddr_in` or `sockaddr_in6`. @param scope interface index for link-local IPv6 addresses. */
export function encodeSockaddr({ ip, port }: Endpoint, scope = 0): Uint8Array {
  const bytes = ipToBytes(ip);
  const v4 = familyOf(ip) === 4;
  const out = new Uint8Array(v4 ? 16 : 28);
  const view = new DataView(out.buffer);
  view.setUint16(0, v4 ? AF.INET : AF.INET6, true);
  view.setUint16(2, port);
  out.set(bytes, v4 ? 4 : 8);
  if (!v4) view.setUint32(24, scope, true);
  return out;
}

/** The reverse of {@link encodeSockaddr}; undefined for other families. */
export function decodeSockaddr(data: Uint8Array): Endpoint | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const family = view.getUint16(0, true);
  if (family !== AF.INET && family !== AF.INET6) return undefined;
  const bytes = family === AF.INET ? data.subarray(4, 8) : data.subarray(8, 24);
  return { ip: ipFromBytes(bytes), port: view.getUint16(2) };
}

/** Interface index in a `sockaddr_in6` of a link-local address; 0 for all others. */
export function scopeOf(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return view.getUint16(0, true) === AF.INET6 && data.length >= 28 ? view.getUint32(24, true) : 0;
}

/** `sockaddr_ll`: every frame of one EtherType on one interface. */
export function encodeSockaddrLl(ifIndex: number, etherType: number): Uint8Array {
  const out = new Uint8Array(20);
  const view = new DataView(out.buffer);
  view.setUint16(0, AF.PACKET, true);
  view.setUint16(2, etherType);
  view.setInt32(4, ifIndex, true);
  return out;
}

/** `sockaddr_nl` for this socket, subscribed to multicast groups (RTMGRP_* bits). */
export function encodeSockaddrNl(groups: number): Uint8Array {
  const out = new Uint8Array(12);
  const view = new DataView(out.buffer);
  view.setUint16(0, AF.NETLINK, true);
  view.setUint32(8, groups, true);
  return out;
}

/** A C `int` as the kernel reads it. */
export function int32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setInt32(0, value, true);
  return out;
}
