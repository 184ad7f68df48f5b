/** What a router says when BGP calls it: enough to tell whether it is one, and whether it knows this machine. */
import type { Socket } from 'node:net';
import type { BgpCall, BgpGreeting } from '../../cluster/ports/preflight.ts';
import { messageOf } from '../../model/errors.ts';
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import { loadLibc } from '../libc.ts';
import { withNetns } from '../netns.ts';
import { OsError } from '../os-error.ts';
import { bindToLink, setPassword } from '../peering-options.ts';
import { connectTcp } from '../tcp-connect.ts';

const TIMEOUT: Milliseconds = 5000;
/** Who hangs up does so at once. */
const LISTEN: Milliseconds = 1500;

/** Never throws, and says nothing: the router forgets the call as it would any that broke off. */
export async function bgpGreeting(router: Ip, call: BgpCall, netns?: string): Promise<BgpGreeting> {
  const signal = AbortSignal.timeout(TIMEOUT);
  let socket: Socket;
  try {
    const libc = loadLibc();
    const { port, password, sourceIp, sourceLink } = call;
    const prepare = (fd: number): void => {
      if (sourceLink !== undefined) bindToLink(libc, fd, sourceLink);
      if (password !== undefined) setPassword(libc, fd, router, password);
    };
    const from = sourceIp === undefined || familyOf(sourceIp) !== familyOf(router) ? {} : { localIp: sourceIp };
    const options = { to: { ip: router, port }, signal, prepare, ...from };
    socket = await withNetns(netns, async () => connectTcp(libc, options), libc);
  } catch (error) {
    // It has hung up before we looked.
    if (error instanceof OsError && error.errno === 'ECONNRESET') return { state: 'closes' };
    return { state: 'unreachable', message: signal.aborted ? 'no answer' : messageOf(error) };
  }
  return await firstOf(socket);
}

function firstOf(socket: Socket): Promise<BgpGreeting> {
  return new Promise((resolve) => {
    const end = (greeting: BgpGreeting): void => {
      clearTimeout(timer);
      resolve(greeting);
      socket.destroy();
    };
    const timer = setTimeout(() => end({ state: 'answers' }), LISTEN);
    socket.once('data', (said: Buffer) => end({ state: 'answers', said }));
    socket.once('end', () => end({ state: 'closes' }));
    socket.on('error', () => end({ state: 'closes' }));
    socket.resume();
  });
}
