/**
 * HTTPS requests to one URL at a steady pace, each over a connection of its own, as a process of its own: `ask-main URL
 * EVERY_MS`. Says `ready`, goes on until its standard input ends, then prints a ConnectLog. What is not answered with 200 has
 * failed. Nobody's certificate is looked at: whether an address is served is asked, not by whom.
 */
import { request } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { CONNECT_TIMEOUT_MS, type ConnectLog } from './connect-log.ts';

const url = process.argv[2] ?? '';
const everyMs = Number(process.argv[3]);
const log: ConnectLog = { started: [], failed: [] };

const end = new AbortController();
process.stdin.on('end', () => end.abort()).resume();
console.log('ready');

let next = performance.now();
while (!end.signal.aborted) {
  askOnce();
  next = Math.max(next + everyMs, performance.now());
  await delay(Math.max(0, next - performance.now()));
}
await delay(CONNECT_TIMEOUT_MS + 100);
process.stdout.write(`${JSON.stringify(log)}\n`);
process.exit(0);

function askOnce(): void {
  const started = performance.timeOrigin + performance.now();
  let isOver = false;
  const ended = (why?: string): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    if (why !== undefined) log.failed.push({ started, why });
    asked.destroy();
  };
  const asked = request(url, { agent: false, rejectUnauthorized: false }, ({ statusCode }) =>
    ended(statusCode === 200 ? undefined : `${statusCode ?? 'no'} status`),
  );
  const timer = setTimeout(() => ended('timeout'), CONNECT_TIMEOUT_MS);
  asked.on('error', (error: NodeJS.ErrnoException) => ended(error.code ?? error.message));
  asked.end();
  log.started.push(started);
}
