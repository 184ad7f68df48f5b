/**
 * The C library, by FFI: the system calls that Node does not offer. Binding costs 0.1 ms, so each factory of this
 * room loads its own and nothing happens on import.
 */
import koffi from 'koffi';
import { createWatcher, type Watcher } from './watch.ts';

export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: Uint8Array, length: Uint8Array, flags: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  send(fd: number, data: Uint8Array, length: number, flags: number): number;
  sendto(fd: number, data: Uint8Array, length: number, flags: number, to: Uint8Array, toLength: number): number;
  recv(fd: number, data: Uint8Array, length: number, flags: number): number;
  recvfrom(
    fd: number,
    data: Uint8Array,
    length: number,
    flags: number,
    from: Uint8Array,
    fromLength: Uint8Array,
  ): number;
  close(fd: number): number;
  /**
   * Closes on another thread: the kernel lets every CPU finish with a packet socket first, some 10 ms. The number is
   * free again when that is done.
   */
  closeLater(fd: number): void;
  /** 0 if there is no such interface. */
  if_nametoindex(name: string): number;
  /** @param name 16 bytes, filled in. 0 if there is no such interface. */
  if_indextoname(index: number, name: Uint8Array): number;
  open(path: string, flags: number, mode: number): number;
  setns(fd: number, kind: number): number;
  clock_gettime(id: number, time: Uint8Array): number;
  memfd_create(name: string, flags: number): number;
  /** Name of the last error, `EADDRINUSE`. Read it at once after a call has returned -1. */
  errno(): string;
  /** Address of a buffer in memory, for structs that hold pointers. Keep the buffer alive meanwhile. */
  address(data: Uint8Array): bigint;
  /** Event loop for the descriptors made here. */
  readonly watcher: Watcher;
}

/** @throws Error where the C library has no such calls: anywhere but on Linux. */
export function loadLibc(): Libc {
  // The running program has the library already: its name differs between glibc and musl.
  const library = koffi.load(null);
  // koffi's functions are untyped: the interface says what each prototype means, and `never` fits any of its members.
  const bind = (prototype: string): never => library.func(prototype) as never;
  const close = library.func('int close(int)') as CloseFunction;
  return {
    socket: bind('int socket(int, int, int)'),
    bind: bind('int bind(int, const void *, uint32_t)'),
    connect: bind('int connect(int, const void *, uint32_t)'),
    listen: bind('int listen(int, int)'),
    accept4: bind('int accept4(int, void *, void *, int)'),
    getsockname: bind('int getsockname(int, void *, void *)'),
    getsockopt: bind('int getsockopt(int, int, int, void *, void *)'),
    setsockopt: bind('int setsockopt(int, int, int, const void *, uint32_t)'),
    send: bind('intptr_t send(int, const void *, uintptr_t, int)'),
    sendto: bind('intptr_t sendto(int, const void *, uintptr_t, int, const void *, uint32_t)'),
    recv: bind('intptr_t recv(int, void *, uintptr_t, int)'),
    recvfrom: bind('intptr_t recvfrom(int, void *, uintptr_t, int, void *, void *)'),
    close,
    closeLater: (fd) => {
      close.async(fd, () => undefined);
    },
    if_nametoindex: bind('uint32_t if_nametoindex(const char *)'),
    if_indextoname: bind('uintptr_t if_indextoname(uint32_t, void *)'),
    open: bind('int open(const char *, int, int)'),
    setns: bind('int setns(int, int)'),
    clock_gettime: bind('int clock_gettime(int, void *)'),
    memfd_create: bind('int memfd_create(const char *, unsigned int)'),
    errno: () => errnoName(koffi.errno()),
    address: (data) => koffi.address(data),
    watcher: createWatcher(),
  };
}

type CloseFunction = ((fd: number) => number) & { async(fd: number, done: () => void): void };

/** Second names for numbers that have a better known one. */
const ALIASES = new Set(['EWOULDBLOCK', 'ENOTSUP', 'EDEADLOCK']);
const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(koffi.os.errno)
    .filter(([name]) => !ALIASES.has(name))
    .map(([name, number]) => [number, name]),
);

/** `EADDRINUSE` for a positive error number. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `E${errno}`;
}
