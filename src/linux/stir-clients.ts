/**
 * Makes clients of connections that nobody serves any more notice. A segment that fits nowhere is answered with where
 * the client stands (RFC 9293 §3.10.7.4, RFC 5961 §5), and that answer, for which there is no connection here, with a
 * reset that fits. Without it a client that only waits (a watch) would wait for its own keepalive, half a minute.
 */
import { concat } from '../model/bytes.ts';
import { familyOf, ipToBytes } from '../model/ip.ts';
import type { Flow } from './conntrack.ts';
import { AF, MSG, SOCK } from './constants.ts';
import type { Libc } from './libc.ts';
import { encodeSockaddr } from './sockaddr.ts';

const IPPROTO_TCP = 6;
const HEADER = 20;
const ACK = 0x10;

/** In the thread's present network namespace. Best effort: what cannot be sent is lost, as on any wire. */
export function stirClients(libc: Libc, flows: readonly Flow[]): void {
  for (const vip of new Set(flows.map(({ to }) => to))) {
    const family = familyOf(vip) === 4 ? AF.INET : AF.INET6;
    const fd = libc.socket(family, SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, IPPROTO_TCP);
    if (fd < 0) continue;
    const source = encodeSockaddr({ ip: vip, port: 0 });
    if (libc.bind(fd, source, source.length) >= 0) {
      for (const flow of flows.filter(({ to }) => to === vip)) {
        const segment = strayAck(flow);
        const target = encodeSockaddr({ ip: flow.from, port: 0 });
        libc.sendto(fd, segment, segment.length, MSG.DONTWAIT | MSG.NOSIGNAL, target, target.length);
      }
    }
    libc.close(fd);
  }
}

/** From the address that the client talks to, acknowledging nothing it has sent. */
export function strayAck({ from, fromPort, to, port }: Flow): Uint8Array {
  const segment = new Uint8Array(HEADER);
  const view = new DataView(segment.buffer);
  view.setUint16(0, port);
  view.setUint16(2, fromPort);
  view.setUint8(12, (HEADER / 4) << 4);
  view.setUint8(13, ACK);
  const pseudo = concat(ipToBytes(to), ipToBytes(from), Uint8Array.of(0, IPPROTO_TCP, 0, HEADER));
  view.setUint16(16, checksum(concat(pseudo, segment)));
  return segment;
}

/** RFC 1071. IPv6's pseudo-header has the same numbers in wider fields, so the sum is the same. */
function checksum(data: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 2) sum += ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
