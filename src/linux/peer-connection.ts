/** A connected TCP socket as BGP speaks through it. */
import type { Socket } from 'node:net';
import type { Ip } from '../model/ip.ts';
import type { Milliseconds } from '../model/time.ts';
import type { ConnectionHandlers, PeerConnection } from '../exposure/bgp/port.ts';

/** A peer that does not take the last words within this time does not get them. */
const FAREWELL: Milliseconds = 1000;

export function wrapSocket(socket: Socket, localIp: Ip, handlers: ConnectionHandlers): PeerConnection {
  let over = false;
  const lost = (message: string): void => {
    if (over) return;
    over = true;
    socket.destroy();
    handlers.onLost(message);
  };
  socket.setNoDelay(true);
  socket.on('data', (bytes: Buffer) => {
    if (!over) handlers.onData(bytes);
  });
  socket.on('drain', () => {
    if (!over) handlers.onDrained();
  });
  socket.on('end', () => lost('the peer closed the connection'));
  // An error after the end means nothing any more, but has to be heard.
  socket.on('error', (error: NodeJS.ErrnoException) => lost(`the connection broke: ${error.code ?? error.message}`));
  socket.on('close', () => lost('the connection was closed'));
  return {
    localIp,
    send: (bytes) => over || socket.write(bytes),
    close() {
      if (over) return;
      over = true;
      const timer = setTimeout(() => socket.destroy(), FAREWELL);
      socket.once('close', () => clearTimeout(timer));
      socket.end();
      // Read to the end: a close with bytes unread resets the connection, and the last words with it.
      socket.resume();
    },
  };
}
