/** TCP between BGP speakers, from this node or from one network namespace. */
import { Socket } from 'node:net';
import type { Call, ConnectionHandlers, Dial, Expected, Listener, PeerTransport } from '../exposure/bgp/port.ts';
import { messageOf } from '../model/errors.ts';
import { familyOf, ip as address, isLinkLocal, parseIp, type Family, type Ip } from '../model/ip.ts';
import { AF, IPV6, SO, SOCK, SOL } from './constants.ts';
import { loadLibc, type Libc } from './libc.ts';
import { withNetns } from './netns.ts';
import { check } from './os-error.ts';
import { wrapSocket } from './peer-connection.ts';
import { bindToLink, scopeFor, setDistance, setFarthest, setPassword } from './peering-options.ts';
import { decodeSockaddr, encodeSockaddr, int32, scopeOf, SOCKADDR_SIZE } from './sockaddr.ts';
import { connectTcp } from './tcp-connect.ts';

/** Connections not yet taken. */
const BACKLOG = 64;
/** Taken in one go before other work gets its turn. */
const BATCH = 16;

export function createPeerTransport(options: { readonly netns?: string } = {}): PeerTransport {
  const libc = loadLibc();
  const inside = <T>(fn: () => T): T => withNetns(options.netns, fn, libc);
  return {
    dial(wanted, handlers) {
      const abort = new AbortController();
      void dial(libc, inside, wanted, abort.signal).then(
        (socket) => {
          if (abort.signal.aborted) {
            socket.destroy();
            return;
          }
          const localIp = parseIp(socket.localAddress?.split('%')[0] ?? '');
          if (localIp === undefined) {
            socket.destroy();
            handlers.onLost('the connection was over at once');
          } else handlers.onConnected(wrapSocket(socket, localIp, handlers));
        },
        (error: unknown) => {
          if (!abort.signal.aborted) handlers.onLost(messageOf(error));
        },
      );
      return () => abort.abort(new Error('called off'));
    },
    listen: ({ family, port, localIp, onCall }) => {
      const any = address(family === 4 ? '0.0.0.0' : '::');
      return inside(() => openListener(libc, inside, family, { ip: localIp ?? any, port }, onCall));
    },
  };
}

type Inside = <T>(fn: () => T) => T;

/** The socket is made in the namespace, before the first await. */
async function dial(libc: Libc, inside: Inside, wanted: Dial, signal: AbortSignal): Promise<Socket> {
  const { to, link, localIp, password, distance } = wanted;
  return await inside(() =>
    connectTcp(libc, {
      to,
      signal,
      scope: scopeFor(libc, to.ip, link),
      ...(localIp !== undefined && { localIp }),
      prepare: (fd) => {
        if (link !== undefined) bindToLink(libc, fd, link);
        if (password !== undefined) setPassword(libc, fd, to.ip, password);
        setDistance(libc, fd, familyOf(to.ip), distance);
      },
    }),
  );
}

function openListener(
  libc: Libc,
  inside: Inside,
  family: Family,
  local: { readonly ip: Ip; readonly port: number },
  onCall: (call: Call) => void,
): Listener {
  const domain = family === 4 ? AF.INET : AF.INET6;
  const fd = check(libc, libc.socket(domain, SOCK.STREAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0), 'open a TCP socket');
  try {
    const set = (level: number, name: number): void => {
      check(libc, libc.setsockopt(fd, level, name, int32(1), 4), 'prepare a TCP listener');
    };
    // A speaker that comes back must not wait for the connections of the one before.
    set(SOL.SOCKET, SO.REUSEADDR);
    if (family === 6) set(SOL.IPV6, IPV6.V6ONLY);
    setFarthest(libc, fd, family);
    const bound = encodeSockaddr(local);
    const where = `listen on ${local.ip} TCP port ${local.port}`;
    check(libc, libc.bind(fd, bound, bound.length), where);
    check(libc, libc.listen(fd, BACKLOG), where);
  } catch (error) {
    libc.close(fd);
    throw error;
  }

  const from = new Uint8Array(SOCKADDR_SIZE);
  const accept = (): void => {
    for (let i = 0; i < BATCH; i++) {
      const taken = libc.accept4(fd, from, int32(from.length), SOCK.NONBLOCK | SOCK.CLOEXEC);
      // Whatever went wrong concerns one caller, or is asked again when the descriptor is readable the next time.
      if (taken < 0) return;
      const call = callOf(libc, inside, taken, family, from);
      if (call === undefined) libc.close(taken);
      else answer(call, onCall);
    }
  };
  const watch = libc.watcher.readable(fd, accept);
  const passwords = new Map<Ip, string>();
  return {
    expect(peers: readonly Expected[]) {
      const wanted = new Map<Ip, string>();
      for (const { ip, password } of peers) {
        if (password !== undefined && familyOf(ip) === family) wanted.set(ip, password);
      }
      for (const ip of passwords.keys()) {
        if (wanted.has(ip)) continue;
        setPassword(libc, fd, ip, undefined);
        passwords.delete(ip);
      }
      for (const [ip, password] of wanted) {
        if (passwords.get(ip) === password) continue;
        setPassword(libc, fd, ip, password);
        passwords.set(ip, password);
      }
    },
    close() {
      watch.close();
      libc.close(fd);
    },
  };
}

interface Answerable extends Call {
  readonly answered: () => boolean;
}

function answer(call: Answerable, onCall: (call: Call) => void): void {
  try {
    onCall(call);
  } finally {
    if (!call.answered()) call.refuse();
  }
}

/** Undefined if the caller is gone already. */
function callOf(libc: Libc, inside: Inside, fd: number, family: Family, address: Uint8Array): Answerable | undefined {
  const from = decodeSockaddr(address);
  const bound = new Uint8Array(SOCKADDR_SIZE);
  if (libc.getsockname(fd, bound, int32(bound.length)) < 0) return undefined;
  const local = decodeSockaddr(bound);
  if (from === undefined || local === undefined) return undefined;
  let answered = false;
  return {
    from: from.ip,
    localIp: local.ip,
    link: isLinkLocal(from.ip) ? inside(() => linkName(libc, scopeOf(address))) : undefined,
    answered: () => answered,
    accept(distance, handlers: ConnectionHandlers) {
      setDistance(libc, fd, family, distance);
      answered = true;
      return wrapSocket(new Socket({ fd, readable: true, writable: true }), local.ip, handlers);
    },
    refuse() {
      if (answered) return;
      answered = true;
      libc.close(fd);
    },
  };
}

function linkName(libc: Libc, index: number): string | undefined {
  const name = new Uint8Array(16);
  if (libc.if_indextoname(index, name) === 0) return undefined;
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}
