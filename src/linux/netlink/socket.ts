/** A netlink socket for questions to the kernel, answered before the call returns (tens of microseconds). */
import { AF, MSG, SO, SOCK, SOL } from '../constants.ts';
import { errnoName, type Libc } from '../libc.ts';
import { check, OsError } from '../os-error.ts';
import { encodeSockaddrNl, int32 } from '../sockaddr.ts';
import { decodeMessages, encodeMessage, NLM, NLMSG, viewOf, type NetlinkMessage } from './message.ts';

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
const GET_STRICT_CHK = 12;
const BUFFER = 1 << 17;
/** The kernel answers within the call; a lost answer must not hang the process. */
const ANSWER_SECONDS = 2;
const DUMP_ATTEMPTS = 5;

export interface NetlinkSocket {
  /** One request with acknowledgement. @throws OsError with the kernel's answer. */
  request(type: number, flags: number, body: Uint8Array, what: string): void;
  /** Sends requests made elsewhere (a batch) and waits for `answers` acknowledgements. @throws OsError on the first refusal. */
  batch(messages: readonly NetlinkMessage[], answers: number, what: string): void;
  /** Everything the kernel has of a kind. */
  dump(type: number, body: Uint8Array, what: string): readonly NetlinkMessage[];
  nextSeq(): number;
  close(): void;
}

/** Opens in the thread's present network namespace. */
export function openNetlink(libc: Libc, protocol: number): NetlinkSocket {
  const fd = check(libc, libc.socket(AF.NETLINK, SOCK.RAW | SOCK.CLOEXEC, protocol), 'open a netlink socket');
  const address = encodeSockaddrNl(0);
  if (libc.bind(fd, address, address.length) < 0) {
    const errno = libc.errno();
    libc.close(fd);
    throw new OsError('bind a netlink socket', errno);
  }
  const timeout = new Uint8Array(16);
  viewOf(timeout).setBigInt64(0, BigInt(ANSWER_SECONDS), true);
  libc.setsockopt(fd, SOL.SOCKET, SO.RCVTIMEO, timeout, timeout.length);
  // Lets dumps be narrowed by the kernel; older kernels send everything, which the readers cope with.
  libc.setsockopt(fd, SOL.NETLINK, GET_STRICT_CHK, int32(1), 4);

  const buffer = new Uint8Array(BUFFER);
  let seq = 0;
  let open = true;

  const send = (data: Uint8Array, what: string): void => {
    if (!open) throw new OsError(what, 'EBADF');
    check(libc, libc.send(fd, data, data.length, MSG.NOSIGNAL), what);
  };
  const receive = (what: string): readonly NetlinkMessage[] => {
    for (;;) {
      const length = libc.recv(fd, buffer, buffer.length, 0);
      if (length >= 0) return decodeMessages(buffer.subarray(0, length));
      const errno = libc.errno();
      if (errno !== 'EINTR') throw new OsError(what, errno === 'EAGAIN' ? 'ETIMEDOUT' : errno);
    }
  };
  const batch: NetlinkSocket['batch'] = (messages, answers, what) => {
    const own = new Set(messages.map((message) => message.seq));
    const parts = messages.map(encodeMessage);
    const data = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      data.set(part, at);
      at += part.length;
    }
    send(data, what);
    for (let left = answers; left > 0;) {
      for (const message of receive(what)) {
        if (!own.has(message.seq) || message.type !== NLMSG.ERROR) continue;
        left--;
        throwIfRefused(message, what);
      }
    }
  };
  const dumpOnce = (type: number, body: Uint8Array, what: string): readonly NetlinkMessage[] | undefined => {
    const mine = ++seq;
    send(encodeMessage({ type, flags: NLM.REQUEST | NLM.DUMP, seq: mine, body }), what);
    const found: NetlinkMessage[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of receive(what)) {
        if (message.seq !== mine) continue;
        if ((message.flags & NLM.DUMP_INTR) !== 0) interrupted = true;
        if (message.type === NLMSG.DONE) return interrupted ? undefined : found;
        if (message.type === NLMSG.ERROR) throwIfRefused(message, what);
        else found.push(message);
      }
    }
  };

  return {
    request: (type, flags, body, what) => {
      batch([{ type, flags: flags | NLM.REQUEST | NLM.ACK, seq: ++seq, body }], 1, what);
    },
    batch,
    dump: (type, body, what) => {
      // What changes while it is read out makes the kernel say so, and the list may have holes.
      for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
        const found = dumpOnce(type, body, what);
        if (found) return found;
      }
      throw new OsError(what, 'EINTR');
    },
    nextSeq: () => ++seq,
    close: () => {
      if (open) libc.close(fd);
      open = false;
    },
  };
}

function throwIfRefused(message: NetlinkMessage, what: string): void {
  if (message.body.length < 4) return;
  const error = viewOf(message.body).getInt32(0, true);
  if (error !== 0) throw new OsError(what, errnoName(-error));
}
