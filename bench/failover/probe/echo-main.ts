/**
 * Echo requests to one address at a steady pace, as a process of its own: `echo-main ADDRESS EVERY_MS`. Says `ready`,
 * goes on until its standard input ends, then prints an EchoLog.
 *
 * It sleeps to absolute times of the clock and reads when the kernel took an answer in, not when it came to look: with
 * a real-time priority (chrt) the pace holds on a machine that is busy, and without it only the sending suffers.
 */
import koffi from 'koffi';
import { check } from '../../../src/linux/os-error.ts';
import { AF, MSG, SO, SOCK, SOL } from '../../../src/linux/constants.ts';
import { loadLibc } from '../../../src/linux/libc.ts';
import { encodeSockaddr, int32 } from '../../../src/linux/sockaddr.ts';
import { familyOf, ip } from '../../../src/model/ip.ts';
import { checksumOf, wordSum } from '../../../src/protocols/internet-checksum.ts';
import type { EchoLog } from './echo-log.ts';

const CLOCK = { REALTIME: 0, MONOTONIC: 1 } as const;
const TIMER_ABSTIME = 1;
/** The kernel's time of the last packet read from a socket, as a timespec. */
const SIOCGSTAMPNS = 0x8907;
const PROTOCOL = { 4: 1, 6: 58 } as const;
const ECHO = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;
/** For answers that are still under way at the end. */
const STRAGGLERS_MS = 300;

const libc = loadLibc();
const library = koffi.load(null);
const ioctl = library.func('int ioctl(int, unsigned long, void *)') as (
  fd: number,
  what: number,
  to: Uint8Array,
) => number;
const sleepUntil = library.func('int clock_nanosleep(int, int, const void *, void *)') as (
  clock: number,
  flags: number,
  time: Uint8Array,
  rest: null,
) => number;

const timespec = new Uint8Array(16);
const timeView = new DataView(timespec.buffer);
const milliseconds = (): number =>
  Number(timeView.getBigInt64(0, true)) * 1000 + Number(timeView.getBigInt64(8, true)) / 1e6;
const now = (clock: number): number => {
  libc.clock_gettime(clock, timespec);
  return milliseconds();
};

const target = ip(process.argv[2] ?? '');
const everyMs = Number(process.argv[3]);
const family = familyOf(target);
const fd = openSocket();
const mark = process.pid & 0xffff;
const log: EchoLog = { sent: [], answered: [] };
const buffer = new Uint8Array(2048);

const end = new AbortController();
process.stdin.on('end', () => end.abort()).resume();
console.log('ready');

let next = now(CLOCK.MONOTONIC);
while (!end.signal.aborted) {
  send(log.sent.length);
  // A pace that was missed is not made up for: that would be a burst.
  next = Math.max(next + everyMs, now(CLOCK.MONOTONIC));
  waitUntil(next);
  collect();
  // Lets the end of standard input be seen.
  await new Promise(setImmediate);
}
for (const end = now(CLOCK.MONOTONIC) + STRAGGLERS_MS; now(CLOCK.MONOTONIC) < end;) {
  waitUntil(now(CLOCK.MONOTONIC) + 10);
  collect();
}
process.stdout.write(`${JSON.stringify(log)}\n`);
libc.close(fd);

function openSocket(): number {
  const type = SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC;
  const socket = check(
    libc,
    libc.socket(family === 4 ? AF.INET : AF.INET6, type, PROTOCOL[family]),
    'open an ICMP socket',
  );
  const size = int32(4 << 20);
  check(libc, libc.setsockopt(socket, SOL.SOCKET, SO.RCVBUFFORCE, size, size.length), 'make room for answers');
  const address = encodeSockaddr({ ip: target, port: 0 });
  check(libc, libc.connect(socket, address, address.length), `reach ${target}`);
  // Asked for the first time, the kernel begins to note the times.
  ioctl(socket, SIOCGSTAMPNS, timespec);
  return socket;
}

function send(index: number): void {
  const packet = new Uint8Array(16);
  const view = new DataView(packet.buffer);
  view.setUint8(0, ECHO[family].request);
  view.setUint16(4, mark);
  view.setUint16(6, index & 0xffff);
  view.setUint32(8, index);
  // With IPv6 the kernel does it: the addresses are part of the sum.
  if (family === 4) view.setUint16(2, checksumOf(wordSum(packet)));
  log.sent.push(now(CLOCK.REALTIME));
  log.answered.push(0);
  libc.send(fd, packet, packet.length, MSG.DONTWAIT | MSG.NOSIGNAL);
}

function collect(): void {
  for (;;) {
    const length = libc.recv(fd, buffer, buffer.length, MSG.DONTWAIT);
    if (length < 0) {
      // What could not be delivered is reported once, and is lost like everything else that is.
      if (libc.errno() === 'EAGAIN') return;
      continue;
    }
    const start = family === 4 ? 4 * ((buffer[0] ?? 0) & 0xf) : 0;
    const view = new DataView(buffer.buffer, start);
    if (length < start + 12 || view.getUint8(0) !== ECHO[family].reply || view.getUint16(4) !== mark) continue;
    const index = view.getUint32(8);
    if (log.answered[index] === 0)
      log.answered[index] = ioctl(fd, SIOCGSTAMPNS, timespec) === 0 ? milliseconds() : now(CLOCK.REALTIME);
  }
}

function waitUntil(time: number): void {
  timeView.setBigInt64(0, BigInt(Math.floor(time / 1000)), true);
  timeView.setBigInt64(8, BigInt(Math.round((time % 1000) * 1e6)), true);
  sleepUntil(CLOCK.MONOTONIC, TIMER_ABSTIME, timespec, null);
}
