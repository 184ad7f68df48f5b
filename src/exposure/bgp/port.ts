/** What BGP and BFD need from this node's network. */
import type { Family, Ip } from '../../model/ip.ts';

/** How far away the other end may be, and so what the TTL of packets says. */
export type Distance =
  /** On the same link: packets leave with TTL 1, and a router in between drops them. */
  | { readonly kind: 'direct' }
  /** At most so many routers away. */
  | { readonly kind: 'multihop'; readonly ttl: number }
  /** At most so many hops away, and nobody further away can make packets that are taken (RFC 5082). */
  | { readonly kind: 'ttl-security'; readonly hops: number }
  /** As the system does it: within an AS. */
  | { readonly kind: 'any' };

export interface PeerConnection {
  /** Our address of it. */
  readonly localIp: Ip;
  /** @returns false: no more for now, until `onDrained`. What is given all the same is kept in memory. */
  send(bytes: Uint8Array): boolean;
  /** Once what was sent has left, but within a second or two. Nothing is reported any more. */
  close(): void;
}

export interface ConnectionHandlers {
  readonly onData: (bytes: Uint8Array) => void;
  readonly onDrained: () => void;
  /** Once, and the last that is heard of it. @param message for people, without a full stop. */
  readonly onLost: (message: string) => void;
}

export interface Dial {
  readonly to: { readonly ip: Ip; readonly port: number };
  /** Interface by name: connections go this way only. Needed for link-local addresses. */
  readonly link?: string;
  readonly localIp?: Ip;
  /** TCP MD5 (RFC 2385), at most 80 bytes. */
  readonly password?: string;
  readonly distance: Distance;
}

/** Somebody has called; to be answered at once. */
export interface Call {
  readonly from: Ip;
  /** Interface by name, for link-local addresses. */
  readonly link: string | undefined;
  readonly localIp: Ip;
  accept(distance: Distance, handlers: ConnectionHandlers): PeerConnection;
  refuse(): void;
}

export interface Expected {
  readonly ip: Ip;
  readonly link?: string;
  readonly password?: string;
}

export interface Listener {
  /** Who may call with which password. A password that is wrong, missing or too many is dropped by the kernel. */
  expect(peers: readonly Expected[]): void;
  close(): void;
}

export interface PeerTransport {
  /** Never throws: what does not work is reported by `onLost`, not before this has returned. @returns to call it off. */
  dial(
    dial: Dial,
    handlers: ConnectionHandlers & { readonly onConnected: (connection: PeerConnection) => void },
  ): () => void;
  /** @throws KubevipError when the port is taken. */
  listen(options: {
    readonly family: Family;
    readonly port: number;
    readonly localIp?: Ip;
    readonly onCall: (call: Call) => void;
  }): Listener;
}

/** Packets of BFD sessions. */
export interface BfdSocket {
  send(packet: Uint8Array): void;
  close(): void;
}

export interface BfdPath {
  readonly peerIp: Ip;
  readonly localIp?: Ip;
  readonly link?: string;
  /** RFC 5883: the peer may be routers away. Otherwise only packets with a TTL of 255 count (RFC 5881 §5). */
  readonly multihop: boolean;
}

export interface BfdReceived {
  readonly packet: Uint8Array;
  readonly from: Ip;
  readonly link: string | undefined;
}

export interface BfdTransport {
  /** Sends from a port of its own, as RFC 5881 §4 asks. @throws KubevipError when it cannot be opened. */
  open(path: BfdPath): BfdSocket;
  /**
   * Hears everything that comes to port 3784 or 4784. @param link only what comes by this interface: for link-local peers.
   * @throws KubevipError when the port is taken.
   */
  listen(options: {
    readonly family: Family;
    readonly multihop: boolean;
    readonly link?: string;
    readonly onPacket: (received: BfdReceived) => void;
  }): { close(): void };
}
