/** UDP sockets with the options that Node's own cannot set before binding. */
import { familyOf, ip, ipToBytes, type Ip } from '../model/ip.ts';
import type { DatagramSocket, DatagramSocketOptions } from '../model/wire.ts';
import { AF, IP, IPV6, MSG, SO, SOCK, SOL } from './constants.ts';
import type { Libc } from './libc.ts';
import { filterProgram, ttlFilter } from './packet-filter.ts';
import { check, OsError } from './os-error.ts';
import { decodeSockaddr, encodeSockaddr, int32, SOCKADDR_SIZE } from './sockaddr.ts';

/** Datagrams taken in one go before other work gets its turn. */
const BATCH = 256;
const MAX_DATAGRAM = 65_536;
/** Reports of trouble on the way, or of a link that went down: the socket itself is fine. */
const PASSING = new Set(['EAGAIN', 'EINTR', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'ENOBUFS']);

/**
 * Opens in the thread's present network namespace. Sending never throws; what cannot be sent is lost.
 * @throws OsError when it cannot be opened: port taken, source address not on this node, link gone.
 */
export function openDatagramSocket(libc: Libc, options: DatagramSocketOptions): DatagramSocket {
  const family = options.family === 4 ? AF.INET : AF.INET6;
  const fd = check(libc, libc.socket(family, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0), 'open a UDP socket');
  let localPort: number;
  try {
    configure(libc, fd, options);
    localPort = bind(libc, fd, options);
  } catch (error) {
    libc.close(fd);
    throw error;
  }

  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    watch.close();
    libc.close(fd);
  };
  const buffer = new Uint8Array(MAX_DATAGRAM);
  const from = new Uint8Array(SOCKADDR_SIZE);
  const read = (): void => {
    for (let i = 0; i < BATCH && open; i++) {
      const length = libc.recvfrom(fd, buffer, buffer.length, MSG.DONTWAIT, from, int32(from.length));
      if (length < 0) {
        const errno = libc.errno();
        if (errno === 'EAGAIN') return;
        if (PASSING.has(errno)) continue;
        close();
        options.onError(new OsError(`receive on UDP port ${localPort}`, errno));
        return;
      }
      const sender = decodeSockaddr(from);
      if (sender) options.onDatagram({ data: buffer.slice(0, length), from: sender });
    }
  };
  const watch = libc.watcher.readable(fd, read);
  const scope = options.link?.index ?? 0;
  return {
    localPort,
    send: (data, to) => {
      if (!open || (familyOf(to.ip) === 4) !== (options.family === 4)) return;
      const address = encodeSockaddr(to, scope);
      libc.sendto(fd, data, data.length, MSG.DONTWAIT | MSG.NOSIGNAL, address, address.length);
    },
    close,
  };
}

function configure(libc: Libc, fd: number, options: DatagramSocketOptions): void {
  const v4 = options.family === 4;
  const set = (level: number, name: number, value: Uint8Array, what: string): void => {
    check(libc, libc.setsockopt(fd, level, name, value, value.length), what);
  };
  const index = options.link?.index ?? 0;
  if (!v4) set(SOL.IPV6, IPV6.V6ONLY, int32(1), 'keep IPv4 off an IPv6 socket');
  if (options.shared === true) {
    set(SOL.SOCKET, SO.REUSEADDR, int32(1), 'share a UDP port');
    set(SOL.SOCKET, SO.REUSEPORT, int32(1), 'share a UDP port');
  }
  if (options.link) {
    const { name } = options.link;
    set(SOL.SOCKET, SO.BINDTODEVICE, new TextEncoder().encode(`${name}\0`), `tie a UDP socket to ${name}`);
    if (v4) set(SOL.IP, IP.MULTICAST_IF, membership(undefined, index), `send multicast on ${name}`);
    else set(SOL.IPV6, IPV6.MULTICAST_IF, int32(index), `send multicast on ${name}`);
  }
  if (options.multicastTtl !== undefined) {
    const name = v4 ? IP.MULTICAST_TTL : IPV6.MULTICAST_HOPS;
    set(v4 ? SOL.IP : SOL.IPV6, name, int32(options.multicastTtl), 'set the multicast TTL');
  }
  if (options.unicastTtl !== undefined) {
    const name = v4 ? IP.TTL : IPV6.UNICAST_HOPS;
    set(v4 ? SOL.IP : SOL.IPV6, name, int32(options.unicastTtl), 'set the TTL');
  }
  if (options.multicastLoop !== undefined) {
    const name = v4 ? IP.MULTICAST_LOOP : IPV6.MULTICAST_LOOP;
    set(v4 ? SOL.IP : SOL.IPV6, name, int32(options.multicastLoop ? 1 : 0), 'set multicast loopback');
  }
  if (options.onlyTtl !== undefined) {
    const program = ttlFilter(options.family, options.onlyTtl);
    set(SOL.SOCKET, SO.ATTACH_FILTER, filterProgram(program, libc.address(program)), 'filter by TTL');
  }
  for (const group of options.join ?? []) {
    const [level, name] = v4 ? [SOL.IP, IP.ADD_MEMBERSHIP] : [SOL.IPV6, IPV6.ADD_MEMBERSHIP];
    set(level, name, membership(group, index), `join ${group}`);
  }
}

function bind(libc: Libc, fd: number, options: DatagramSocketOptions): number {
  const any = ip(options.family === 4 ? '0.0.0.0' : '::');
  const local = { ip: options.localIp ?? any, port: options.localPort ?? 0 };
  const address = encodeSockaddr(local, options.link?.index ?? 0);
  check(libc, libc.bind(fd, address, address.length), `bind UDP ${local.ip} port ${local.port}`);
  const bound = new Uint8Array(SOCKADDR_SIZE);
  check(libc, libc.getsockname(fd, bound, int32(bound.length)), 'read the bound port');
  return decodeSockaddr(bound)?.port ?? local.port;
}

/** `ip_mreqn` or `ipv6_mreq`; without a group the IPv4 form that only names an interface. */
function membership(group: Ip | undefined, ifIndex: number): Uint8Array {
  const v6 = group !== undefined && familyOf(group) === 6;
  const out = new Uint8Array(v6 ? 20 : 12);
  if (group !== undefined) out.set(ipToBytes(group), 0);
  new DataView(out.buffer).setInt32(v6 ? 16 : 8, ifIndex, true);
  return out;
}
