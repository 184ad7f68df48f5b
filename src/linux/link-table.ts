/** The links of this node, kept up to date by the kernel's own notifications. */
import type { Ip } from '../model/ip.ts';
import type { Link } from '../model/wire.ts';
import { AF, MSG, SO, SOCK, SOL } from './constants.ts';
import type { Libc } from './libc.ts';
import { isOurs } from './mark.ts';
import { decodeMessages, type NetlinkMessage } from './netlink/message.ts';
import {
  allAddresses,
  allLinks,
  decodeAddress,
  decodeDefaultRoute,
  decodeLink,
  isDefaultRoute,
  mainRoutes,
  RTM,
  type AddressRecord,
  type DefaultRoute,
  type LinkRecord,
} from './netlink/route.ts';
import { NETLINK_ROUTE, openNetlink } from './netlink/socket.ts';
import { check, OsError } from './os-error.ts';
import { encodeSockaddrNl, int32 } from './sockaddr.ts';

/** RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE */
const GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
const RECEIVE_BUFFER = 4 << 20;
/** More than the receive buffer holds: reading ends even if changes never do. */
const MOST = 100_000;

export interface LinkTable {
  /** As the kernel shows them at this moment: notifications waiting are taken in first. */
  links(): readonly Link[];
  onChange(callback: () => void): () => void;
  close(): void;
}

/** Opens in the thread's present network namespace. @throws OsError */
export function openLinkTable(libc: Libc): LinkTable {
  const requests = openNetlink(libc, NETLINK_ROUTE);
  // Subscribed before the first dump, so that nothing happens in between unseen.
  const events = openEvents(libc);
  const buffer = new Uint8Array(1 << 17);
  const listeners = new Set<() => void>();
  const links = new Map<number, LinkRecord>();
  const addresses = new Map<number, Map<string, AddressRecord>>();
  let routes: readonly DefaultRoute[] = [];
  let routesStale = true;
  let snapshot: readonly Link[] | undefined;
  let untold = false;
  let open = true;

  const changed = (): void => {
    snapshot = undefined;
    untold = true;
  };
  const reload = (): void => {
    links.clear();
    addresses.clear();
    for (const message of requests.dump(RTM.GETLINK, allLinks(), 'list links')) apply(message);
    for (const message of requests.dump(RTM.GETADDR, allAddresses(), 'list addresses')) apply(message);
    routesStale = true;
    changed();
  };
  const apply = (message: NetlinkMessage): void => {
    if (message.type === RTM.NEWLINK || message.type === RTM.DELLINK) applyLink(message);
    else if (message.type === RTM.NEWADDR || message.type === RTM.DELADDR) applyAddress(message);
    else if (isDefaultRoute(message)) {
      routesStale = true;
      changed();
    }
  };
  const applyLink = (message: NetlinkMessage): void => {
    const link = decodeLink(message);
    if (!link) return;
    const known = links.get(link.index);
    if (message.type === RTM.DELLINK) {
      links.delete(link.index);
      addresses.delete(link.index);
    } else {
      if (known && known.name === link.name && known.mac === link.mac && known.up === link.up) return;
      links.set(link.index, link);
    }
    // The kernel drops IPv4 routes of a link that goes down without a word.
    routesStale = true;
    changed();
  };
  const applyAddress = (message: NetlinkMessage): void => {
    const address = decodeAddress(message);
    if (!address) return;
    let onLink = addresses.get(address.linkIndex);
    if (!onLink) addresses.set(address.linkIndex, (onLink = new Map<string, AddressRecord>()));
    const key = `${address.ip}/${address.prefixLength}`;
    if (message.type === RTM.NEWADDR) {
      // Every refreshed lifetime is announced; only a new address is news.
      if (onLink.has(key)) return;
      onLink.set(key, address);
    } else {
      if (!onLink.delete(key)) return;
      // With the last address of a subnet its routes go, again without a word.
      if (!isOurs(address)) routesStale = true;
    }
    changed();
  };
  const drain = (): void => {
    for (let i = 0; i < MOST && open; i++) {
      const length = libc.recv(events, buffer, buffer.length, MSG.DONTWAIT);
      if (length >= 0) {
        for (const message of decodeMessages(buffer.subarray(0, length))) apply(message);
        continue;
      }
      // More happened than the kernel could keep for us.
      if (libc.errno() !== 'ENOBUFS') return;
      reload();
    }
  };
  const tell = (): void => {
    if (!untold) return;
    untold = false;
    for (const listener of [...listeners]) listener();
  };
  const reloadRoutes = (): void => {
    routesStale = false;
    routes = ([4, 6] as const)
      .flatMap((family) => requests.dump(RTM.GETROUTE, mainRoutes(family), 'list routes'))
      .flatMap(decodeDefaultRoute)
      .sort((a, b) => a.metric - b.metric);
  };
  const build = (): readonly Link[] =>
    [...links.values()].map((link) => {
      const gateways = routes.filter((route) => route.linkIndex === link.index).map((route) => route.gateway);
      const v4 = gateways.find((gateway) => !gateway.includes(':'));
      const v6 = gateways.find((gateway) => gateway.includes(':'));
      return {
        ...link,
        addresses: [...(addresses.get(link.index)?.values() ?? [])].map(({ ip, prefixLength }) => ({
          ip,
          prefixLength,
        })),
        gateway: gatewayOf(v4, v6),
      };
    });

  reload();
  untold = false;
  const watch = libc.watcher.readable(events, () => {
    drain();
    tell();
  });
  return {
    links: () => {
      drain();
      if (untold) queueMicrotask(tell);
      if (routesStale) reloadRoutes();
      snapshot ??= build();
      return snapshot;
    },
    onChange: (callback) => {
      listeners.add(callback);
      return () => void listeners.delete(callback);
    },
    close: () => {
      if (!open) return;
      open = false;
      listeners.clear();
      watch.close();
      libc.close(events);
      requests.close();
    },
  };
}

function gatewayOf(v4: Ip | undefined, v6: Ip | undefined): Link['gateway'] {
  return { ...(v4 === undefined ? {} : { v4 }), ...(v6 === undefined ? {} : { v6 }) };
}

function openEvents(libc: Libc): number {
  const type = SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC;
  const fd = check(libc, libc.socket(AF.NETLINK, type, NETLINK_ROUTE), 'open a netlink socket');
  // Without the capability the ordinary limit stays; what does not fit is read anew.
  libc.setsockopt(fd, SOL.SOCKET, SO.RCVBUFFORCE, int32(RECEIVE_BUFFER), 4);
  const address = encodeSockaddrNl(GROUPS);
  if (libc.bind(fd, address, address.length) < 0) {
    const errno = libc.errno();
    libc.close(fd);
    throw new OsError('follow changes of links and addresses', errno);
  }
  return fd;
}
