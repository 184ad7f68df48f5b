/** Socket options of TCP sessions between routers: passwords and distances. */
import { KubevipError } from '../model/errors.ts';
import { familyOf, type Family, type Ip } from '../model/ip.ts';
import type { Distance } from '../exposure/bgp/port.ts';
import { IP, IPV6, SO, SOL, TCP } from './constants.ts';
import type { Libc } from './libc.ts';
import { check } from './os-error.ts';
import { encodeSockaddr, int32 } from './sockaddr.ts';

/** TCP_MD5SIG_MAXKEYLEN */
const LONGEST_PASSWORD = 80;
const FARTHEST = 255;

/** Segments from and to `peer` are signed with this password, or no more (RFC 2385). @throws OsError, KubevipError */
export function setPassword(libc: Libc, fd: number, peer: Ip, password: string | undefined): void {
  const key = new TextEncoder().encode(password ?? '');
  if (key.length > LONGEST_PASSWORD) {
    throw new KubevipError(`the password for ${peer} has ${key.length} bytes, TCP MD5 takes ${LONGEST_PASSWORD}`, {
      code: 'BGP_PASSWORD_TOO_LONG',
      hints: ['use a shorter password on both sides'],
    });
  }
  // struct tcp_md5sig: sockaddr_storage, flags, prefix length, key length, interface, key
  const option = new Uint8Array(216);
  option.set(encodeSockaddr({ ip: peer, port: 0 }));
  new DataView(option.buffer).setUint16(130, key.length, true);
  option.set(key, 136);
  check(libc, libc.setsockopt(fd, SOL.TCP, TCP.MD5SIG, option, option.length), `sign TCP segments for ${peer}`);
  option.fill(0);
}

/** @throws OsError */
export function setDistance(libc: Libc, fd: number, family: Family, distance: Distance): void {
  const [level, ttl, least] =
    family === 4 ? [SOL.IP, IP.TTL, IP.MINTTL] : [SOL.IPV6, IPV6.UNICAST_HOPS, IPV6.MINHOPCOUNT];
  const set = (name: number, value: number): void => {
    check(libc, libc.setsockopt(fd, level, name, int32(value), 4), 'set the TTL of a BGP session');
  };
  switch (distance.kind) {
    case 'direct':
      set(ttl, 1);
      return;
    case 'multihop':
      set(ttl, distance.ttl);
      return;
    case 'ttl-security':
      set(ttl, FARTHEST);
      set(least, FARTHEST + 1 - distance.hops);
      return;
    case 'any':
      return;
  }
}

/** What a listener says has to reach peers at any distance; each connection then gets its own. @throws OsError */
export function setFarthest(libc: Libc, fd: number, family: Family): void {
  setDistance(libc, fd, family, { kind: 'multihop', ttl: FARTHEST });
}

/** @throws OsError when the interface is not there. */
export function bindToLink(libc: Libc, fd: number, link: string): void {
  const name = new TextEncoder().encode(`${link}\0`);
  check(libc, libc.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, name, name.length), `tie a TCP socket to ${link}`);
}

/** Index of an interface for addresses that are the same on every link; 0 when there is no need of one. */
export function scopeFor(libc: Libc, ip: Ip, link: string | undefined): number {
  return link !== undefined && familyOf(ip) === 6 ? libc.if_nametoindex(link) : 0;
}
