/** What a router says when BGP calls it: enough to tell whether it is one, and whether it knows this machine. */
import type { Socket } from 'node:net';
import type { BgpGreeting } from '../../cluster/ports/preflight.ts';
import { messageOf } from '../../model/errors.ts';
import type { Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import { loadLibc } from '../libc.ts';
import { withNetns } from '../netns.ts';
import { OsError } from '../os-error.ts';
import { connectTcp } from '../tcp-connect.ts';

const TIMEOUT: Milliseconds = 5000;
/** Who hangs up does so at once. */
const LISTEN: Milliseconds = 1500;

/** Never throws, and says nothing: the router forgets the call as it would any that broke off. */
export async function bgpGreeting(router: Ip, port: number, netns?: string): Promise<BgpGreeting> {
  const signal = AbortSignal.timeout(TIMEOUT);
  let socket: Socket;
  try {
    const libc = loadLibc();
    socket = await withNetns(netns, async () => connectTcp(libc, { to: { ip: router, port }, signal }), libc);
  } catch (error) {
    // It has hung up before we looked.
    if (error instanceof OsError && error.errno === 'ECONNRESET') return { state: 'closes' };
    return { state: 'unreachable', message: signal.aborted ? 'no answer' : messageOf(error) };
  }
  return { state: await firstOf(socket) };
}

function firstOf(socket: Socket): Promise<'answers' | 'closes'> {
  return new Promise((resolve) => {
    const end = (state: 'answers' | 'closes'): void => {
      clearTimeout(timer);
      resolve(state);
      socket.destroy();
    };
    const timer = setTimeout(() => end('answers'), LISTEN);
    socket.once('data', () => end('answers'));
    socket.once('end', () => end('closes'));
    socket.on('error', () => end('closes'));
    socket.resume();
  });
}
