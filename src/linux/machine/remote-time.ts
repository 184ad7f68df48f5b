/** The time that a TLS server says in the header Date (RFC 9110 §6.6.1), which every API server sends. */
import { lookup } from 'node:dns/promises';
import { connect } from 'node:tls';
import type { Socket } from 'node:net';
import type { RemoteTime } from '../../cluster/ports/preflight.ts';
import { messageOf } from '../../model/errors.ts';
import { bracketed, ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import { loadLibc } from '../libc.ts';
import { withNetns } from '../netns.ts';
import { connectTcp } from '../tcp-connect.ts';

const TIMEOUT: Milliseconds = 5000;
const MAX_BYTES = 16_384;

/** Never throws. The certificate is not looked at: nothing secret is said, and what is heard is a hint. */
export async function remoteTime(host: string, port: number, netns?: string): Promise<RemoteTime> {
  const signal = AbortSignal.timeout(TIMEOUT);
  let socket: Socket;
  try {
    const address = ip((await lookup(host)).address);
    const libc = loadLibc();
    socket = await withNetns(netns, async () => connectTcp(libc, { to: { ip: address, port }, signal }), libc);
  } catch (error) {
    return { state: 'unreachable', message: signal.aborted ? 'no answer' : messageOf(error) };
  }
  try {
    const started = performance.now();
    const head = await request(socket, host, signal);
    const date = Date.parse(/^date:\s*(.+)$/im.exec(head)?.[1]?.trim() ?? '');
    if (Number.isNaN(date)) return { state: 'untold' };
    return { state: 'told', time: new Date(date + (performance.now() - started) / 2) };
  } catch (error) {
    return { state: 'unreachable', message: `it does not speak TLS: ${messageOf(error)}` };
  } finally {
    socket.destroy();
  }
}

function request(socket: Socket, host: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(error);
    const onAbort = (): void => fail(new Error('no answer in time'));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', fail);
    const tls = connect({ socket, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }, () => {
      tls.write(`GET /livez HTTP/1.1\r\nHost: ${bracketed(host)}\r\nConnection: close\r\n\r\n`);
    });
    let text = '';
    tls.on('error', fail);
    tls.on('close', () => resolve(text));
    tls.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n') || text.length > MAX_BYTES) resolve(text);
    });
  });
}
