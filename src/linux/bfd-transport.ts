/** UDP of BFD sessions (RFC 5881 §4, §5; RFC 5883 §4), from this node or from one network namespace. */
import type { BfdPath, BfdSocket, BfdTransport } from '../exposure/bgp/port.ts';
import { familyOf } from '../model/ip.ts';
import type { Entropy } from '../model/time.ts';
import type { DatagramSocket, Link } from '../model/wire.ts';
import { openDatagramSocket } from './datagram-socket.ts';
import { loadLibc, type Libc } from './libc.ts';
import { withNetns } from './netns.ts';
import { OsError } from './os-error.ts';

const SINGLE_HOP_PORT = 3784;
const MULTIHOP_PORT = 4784;
/** Source ports have to be these. */
const FIRST_SOURCE = 49_152;
const SOURCES = 16_384;
const TRIES = 50;
/** Sent with it, a packet that arrives with it has passed no router. */
const TTL = 255;

export function createBfdTransport(entropy: Entropy, options: { readonly netns?: string } = {}): BfdTransport {
  const libc = loadLibc();
  const inside = <T>(fn: () => T): T => withNetns(options.netns, fn, libc);
  return {
    open: (path) => inside(() => openSender(libc, entropy, path)),
    listen: ({ family, multihop, link, onPacket }) =>
      inside(() =>
        openDatagramSocket(libc, {
          family,
          localPort: multihop ? MULTIHOP_PORT : SINGLE_HOP_PORT,
          ...(link !== undefined && { link: linkNamed(libc, link) }),
          // The listeners of several links share the port.
          shared: true,
          ...(!multihop && { onlyTtl: TTL }),
          onDatagram: ({ data, from }) => onPacket({ packet: data, from: from.ip, link }),
          // Nothing arrives any more, which is what BFD is there to notice.
          onError: () => undefined,
        }),
      ),
  };
}

function openSender(libc: Libc, entropy: Entropy, { peerIp, localIp, link, multihop }: BfdPath): BfdSocket {
  const to = { ip: peerIp, port: multihop ? MULTIHOP_PORT : SINGLE_HOP_PORT };
  const open = (localPort: number): DatagramSocket =>
    openDatagramSocket(libc, {
      family: familyOf(peerIp),
      localPort,
      unicastTtl: TTL,
      ...(localIp !== undefined && { localIp }),
      ...(link !== undefined && { link: linkNamed(libc, link) }),
      // Answers come to the well-known port.
      onDatagram: () => undefined,
      onError: () => undefined,
    });
  for (let tries = 1; ; tries++) {
    try {
      const socket = open(FIRST_SOURCE + Math.floor(entropy.fraction() * SOURCES));
      return { send: (packet) => socket.send(packet, to), close: () => socket.close() };
    } catch (error) {
      const taken = error instanceof OsError && error.errno === 'EADDRINUSE';
      if (!taken || tries >= TRIES) throw error;
    }
  }
}

/** As much of a link as a socket is tied by. */
function linkNamed(libc: Libc, name: string): Pick<Link, 'name' | 'index'> {
  return { name, index: libc.if_nametoindex(name) };
}
