/** Whether a TCP port answers, from this machine or from a network namespace of it. */
import { connect, Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { cidr, contains } from '../model/cidr.ts';
import { messageOf } from '../model/errors.ts';
import { parseIp, familyOf, type Ip } from '../model/ip.ts';
import type { Milliseconds } from '../model/time.ts';
import { loadLibc } from './libc.ts';
import { withNetns } from './netns.ts';
import { OsError } from './os-error.ts';

export type TcpAnswer =
  | { readonly state: 'answers'; readonly http?: { readonly status: number } }
  | { readonly state: 'silent'; readonly message: string }
  | { readonly state: 'no-route'; readonly message: string };

/** A server that speaks first, or not at all, is not waited for longer. */
const HTTP_WAIT: Milliseconds = 1000;
const MAX_ANSWER_BYTES = 4096;

/** Never throws. `netns` by name; undefined: where this process is. */
export async function tryTcp(
  ip: Ip,
  port: number,
  options: {
    readonly timeout: Milliseconds;
    readonly netns?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<TcpAnswer> {
  let socket: Socket;
  try {
    socket = openSocket(ip, port, options.netns);
  } catch (error) {
    return { state: 'no-route', message: messageOf(error) };
  }
  const failure = await connected(socket, options.timeout, options.signal);
  if (failure !== undefined) {
    socket.destroy();
    if (isOnLink(ip, options.netns) || failure === 'connection refused') return { state: 'silent', message: failure };
    return { state: 'no-route', message: 'this machine is not on that network' };
  }
  const status = await httpStatus(socket, ip);
  socket.destroy();
  return { state: 'answers', ...(status === undefined ? {} : { http: { status } }) };
}

function openSocket(ip: Ip, port: number, netns: string | undefined): Socket {
  if (netns === undefined) return connect(port, ip);
  // Node makes its socket only in a later tick, when the thread is back home: so it is made here.
  const libc = loadLibc();
  const fd = withNetns(
    netns,
    () => libc.socket(familyOf(ip) === 4 ? 2 : 10, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
    libc,
  );
  if (fd < 0) throw new OsError('open a TCP socket', libc.errno());
  // manualStart (not in the types): reading before there is a connection would be an error.
  const options = { fd, manualStart: true };
  const socket = new Socket(options);
  return socket.connect(port, ip);
}

const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** What went wrong, or undefined once connected. */
function connected(
  socket: Socket,
  timeout: Milliseconds,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const finish = (failure: string | undefined): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      resolve(failure);
    };
    const onAbort = (): void => finish('given up');
    const timer = setTimeout(() => finish(`no answer within ${timeout / 1000} s`), timeout);
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => finish(undefined));
    // Stays for the socket's life: an error after the answer means nothing any more.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ECONNREFUSED' ? 'connection refused' : messageOf(error)),
    );
  });
}

function httpStatus(socket: Socket, ip: Ip): Promise<number | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (): void => {
      clearTimeout(timer);
      const status = /^HTTP\/1\.[01] (\d{3})\b/.exec(text)?.[1];
      resolve(status === undefined ? undefined : Number(status));
    };
    const timer = setTimeout(finish, HTTP_WAIT);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\n') || text.length > MAX_ANSWER_BYTES) finish();
    });
    socket.once('close', finish);
    const host = familyOf(ip) === 4 ? ip : `[${ip}]`;
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: kubevip\r\nConnection: close\r\n\r\n`);
  });
}

/** Whether an interface has an address in the subnet of `ip`. */
function isOnLink(ip: Ip, netns: string | undefined): boolean {
  const interfaces = withNetns(netns, () => networkInterfaces());
  return Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .some(({ cidr: text }) => {
      const [address = '', length = ''] = (text ?? '').split('/');
      const parsed = parseIp(address);
      const subnet = parsed === undefined ? undefined : cidr(parsed, Number(length));
      return subnet !== undefined && contains(subnet, ip);
    });
}
