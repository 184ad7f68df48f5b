/** TCP connections from a chosen source address and network namespace. */
import { Socket } from 'node:net';
import { KubevipError } from '../model/errors.ts';
import { familyOf, type Ip } from '../model/ip.ts';
import { AF, SO, SOCK, SOL } from './constants.ts';
import { errnoName, type Libc } from './libc.ts';
import { check, OsError } from './os-error.ts';
import { encodeSockaddr, int32, type Endpoint } from './sockaddr.ts';

export interface ConnectOptions {
  readonly to: Endpoint;
  readonly localIp?: Ip;
  /** Index of the interface that a link-local address is on. */
  readonly scope?: number;
  readonly signal: AbortSignal;
  /** Sets options before the first packet leaves. What it throws ends the attempt. */
  readonly prepare?: (fd: number) => void;
}

/**
 * Starts in the thread's present network namespace, before the first await.
 * @throws OsError (ECONNREFUSED, EHOSTUNREACH, …); the signal's reason when it is called off.
 */
export async function connectTcp(libc: Libc, { to, localIp, scope, signal, prepare }: ConnectOptions): Promise<Socket> {
  const where = `connect to ${to.ip} port ${to.port}`;
  signal.throwIfAborted();
  const family = familyOf(to.ip) === 4 ? AF.INET : AF.INET6;
  const fd = check(libc, libc.socket(family, SOCK.STREAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0), 'open a TCP socket');
  try {
    prepare?.(fd);
    if (localIp !== undefined) {
      if (familyOf(localIp) !== familyOf(to.ip)) throw mixedFamilies(localIp, to.ip);
      const source = encodeSockaddr({ ip: localIp, port: 0 }, scope);
      check(libc, libc.bind(fd, source, source.length), `use source address ${localIp}`);
    }
    const target = encodeSockaddr(to, scope);
    if (libc.connect(fd, target, target.length) < 0) {
      const errno = libc.errno();
      if (errno !== 'EINPROGRESS') throw new OsError(where, errno);
      await untilWritable(libc, fd, signal);
      const result = new Uint8Array(4);
      check(libc, libc.getsockopt(fd, SOL.SOCKET, SO.ERROR, result, int32(4)), where);
      const code = new DataView(result.buffer).getInt32(0, true);
      if (code !== 0) throw new OsError(where, errnoName(code));
    }
    return new Socket({ fd, readable: true, writable: true });
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

async function untilWritable(libc: Libc, fd: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const done = (): void => {
      signal.removeEventListener('abort', onAbort);
      watch.close();
    };
    const onAbort = (): void => {
      done();
      reject(signal.reason as Error);
    };
    const watch = libc.watcher.writable(fd, () => {
      done();
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function mixedFamilies(from: Ip, to: Ip): KubevipError {
  return new KubevipError(`cannot connect to ${to} from ${from}: one is IPv4, the other IPv6`, {
    code: 'MIXED_FAMILIES',
  });
}
