/** Numbers of the Linux ABI (x86-64 and arm64 agree on all of them), by their names in the kernel's headers. */
export const AF = { INET: 2, INET6: 10, NETLINK: 16, PACKET: 17 } as const;
export const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3, NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const;
export const SOL = { SOCKET: 1, IP: 0, TCP: 6, IPV6: 41, PACKET: 263, NETLINK: 270 } as const;
export const SO = {
  REUSEADDR: 2,
  ERROR: 4,
  RCVBUF: 8,
  REUSEPORT: 15,
  RCVTIMEO: 20,
  BINDTODEVICE: 25,
  ATTACH_FILTER: 26,
  RCVBUFFORCE: 33,
} as const;
export const IP = {
  TTL: 2,
  MINTTL: 21,
  MULTICAST_IF: 32,
  MULTICAST_TTL: 33,
  MULTICAST_LOOP: 34,
  ADD_MEMBERSHIP: 35,
} as const;
export const IPV6 = {
  UNICAST_HOPS: 16,
  MULTICAST_IF: 17,
  MULTICAST_HOPS: 18,
  MULTICAST_LOOP: 19,
  ADD_MEMBERSHIP: 20,
  V6ONLY: 26,
  MINHOPCOUNT: 73,
} as const;
export const TCP = { MD5SIG: 14 } as const;
export const PACKET = { ADD_MEMBERSHIP: 1, MR_MULTICAST: 0, MR_PROMISC: 1 } as const;
export const MSG = { DONTWAIT: 0x40, NOSIGNAL: 0x4000 } as const;
export const O = { RDONLY: 0, CLOEXEC: 0o2000000 } as const;
export const CLONE_NEWNET = 0x40000000;
export const CLOCK_BOOTTIME = 7;
