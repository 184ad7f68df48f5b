/** Whether a TCP port answers, from this machine or from a network namespace of it. */
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { cidr, contains } from '../model/cidr.ts';
import { messageOf } from '../model/errors.ts';
import { bracketed, familyOf, type Ip, parseIp } from '../model/ip.ts';
import type { Milliseconds } from '../model/time.ts';
import { loadLibc } from './libc.ts';
import { withNetns } from './netns.ts';
import { connectTcp } from './tcp-connect.ts';

export type TcpAnswer =
  /** `routed`: not from a neighbour, so that a router or proxy on the way may have answered in its place. */
  | { readonly state: 'answers'; readonly routed: boolean; readonly http?: { readonly status: number } }
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
  const { timeout, netns } = options;
  const timer = AbortSignal.timeout(timeout);
  const signal = options.signal ? AbortSignal.any([options.signal, timer]) : timer;
  let socket: Socket;
  try {
    socket = await (netns === undefined ? connected(ip, port, signal) : connectedFrom(netns, ip, port, signal));
  } catch (error) {
    const message = timer.aborted ? `no answer within ${timeout / 1000} s` : messageOf(error);
    return canTell(error, ip, netns)
      ? { state: 'silent', message }
      : { state: 'no-route', message: whyNotFrom(ip, netns) };
  }
  // Stays for the socket's life: an error after the answer means nothing any more.
  socket.on('error', () => undefined);
  const status = await httpStatus(socket, ip);
  socket.destroy();
  return { state: 'answers', routed: !isOnLink(ip, netns), ...(status === undefined ? {} : { http: { status } }) };
}

function connected(ip: Ip, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, ip);
    const end = (finish: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    const onAbort = (): void => {
      end(() => {
        socket.destroy();
        reject(new Error('given up'));
      });
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => end(() => resolve(socket)));
    socket.on('error', (error) => end(() => reject(error)));
  });
}

async function connectedFrom(netns: string, ip: Ip, port: number, signal: AbortSignal): Promise<Socket> {
  const libc = loadLibc();
  return await withNetns(netns, async () => connectTcp(libc, { to: { ip, port }, signal }), libc);
}

/** A refusal is an answer; silence says something only where the address would be a neighbour. */
function canTell(error: unknown, ip: Ip, netns: string | undefined): boolean {
  if (/ECONNREFUSED/.test(messageOf(error))) return true;
  try {
    return isOnLink(ip, netns);
  } catch {
    // The namespace is not there: nothing can be tried from it.
    return false;
  }
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
    socket.write(`GET / HTTP/1.1\r\nHost: ${bracketed(ip)}\r\nUser-Agent: kubevip\r\nConnection: close\r\n\r\n`);
  });
}

function whyNotFrom(ip: Ip, netns: string | undefined): string {
  try {
    const own = withNetns(netns, () => networkInterfaces());
    const addresses = Object.values(own).flatMap((list) => list ?? []);
    const hasIPv6 = addresses.some(({ family, address }) => family === 'IPv6' && !/^(::1$|fe[89ab])/.test(address));
    if (familyOf(ip) === 6 && !hasIPv6) return 'this machine has no IPv6 address';
  } catch {
    return `there is no network namespace ${netns}`;
  }
  return 'this machine is not on that network';
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
