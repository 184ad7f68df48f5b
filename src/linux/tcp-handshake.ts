/** Whether a TCP port takes connections: nothing is said there. */
import type { Ip } from '../model/ip.ts';
import type { Milliseconds } from '../model/time.ts';
import { loadLibc } from './libc.ts';
import { withNetns } from './netns.ts';
import { connectTcp } from './tcp-connect.ts';

export interface HandshakeOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
}

/** Never rejects. */
export async function handshakes(
  to: { readonly ip: Ip; readonly port: number },
  timeout: Milliseconds,
  { netns }: HandshakeOptions = {},
): Promise<boolean> {
  const libc = loadLibc();
  const signal = AbortSignal.timeout(timeout);
  try {
    const socket = await withNetns(netns, async () => connectTcp(libc, { to, signal }), libc);
    socket.on('error', () => undefined);
    socket.destroy();
    return true;
  } catch {
    return false;
  }
}
