/**
 * TCP connections to one address at a steady pace, as a process of its own: `connect-main ADDRESS EVERY_MS`, port 80.
 * Says `ready`, goes on until its standard input ends, then prints a ConnectLog.
 */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { CONNECT_TIMEOUT_MS, type ConnectLog } from './connect-log.ts';

const PORT = 80;

const host = process.argv[2] ?? '';
const everyMs = Number(process.argv[3]);
const log: ConnectLog = { started: [], failed: [] };

const end = new AbortController();
process.stdin.on('end', () => end.abort()).resume();
console.log('ready');

let next = performance.now();
while (!end.signal.aborted) {
  tryOnce();
  next = Math.max(next + everyMs, performance.now());
  await delay(Math.max(0, next - performance.now()));
}
await delay(CONNECT_TIMEOUT_MS + 100);
// What is written to a pipe that is full goes on its way later: an end before that would cut it off.
process.stdout.write(`${JSON.stringify(log)}\n`, () => process.exit(0));

function tryOnce(): void {
  const started = performance.timeOrigin + performance.now();
  const socket = connect({ host, port: PORT });
  const fail = (why: string): void => {
    clearTimeout(timer);
    socket.destroy();
    log.failed.push({ started, why });
  };
  // Not the socket's own: that one begins anew with every sign of life.
  const timer = setTimeout(() => fail('timeout'), CONNECT_TIMEOUT_MS);
  socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
  socket.once('connect', () => {
    clearTimeout(timer);
    // Without TIME_WAIT: there are ports for many minutes of this.
    socket.resetAndDestroy();
  });
  log.started.push(started);
}
