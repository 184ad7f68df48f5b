/**
 * What the protocol drivers need from a network, as interfaces. `linux/` implements them with real
 * sockets; tests implement them in memory. All sends are fire-and-forget: a network loses packets, and
 * every protocol above copes with that.
 */
import type { Ip } from './ip.ts';
import type { Mac } from './mac.ts';

/** One network interface of this node, as the kernel shows it now. */
export interface Link {
  readonly name: string;
  readonly index: number;
  readonly mac: Mac;
  /** Administratively up and with carrier. */
  readonly up: boolean;
  /** Addresses on it, ours included. */
  readonly addresses: readonly { readonly ip: Ip; readonly prefixLength: number }[];
  /** Next hop of the default route through this link. */
  readonly gateway: { readonly v4?: Ip; readonly v6?: Ip };
}

/** Raw Ethernet frames on one link (AF_PACKET), limited to one EtherType and what else is asked by a kernel filter. */
export interface FrameSocket {
  /** A whole frame, Ethernet header included. */
  send(frame: Uint8Array): void;
  /** What is sent to this group shall be seen, though the kernel has not joined it. For as long as the socket is open. */
  join(group: Mac): void;
  close(): void;
}
export type FrameHandler = (frame: Uint8Array) => void;

export interface FrameSocketOptions {
  readonly link: Link;
  /** 0x0806 ARP, 0x0800 IPv4, 0x86dd IPv6. */
  readonly etherType: number;
  /** Deliver only UDP datagrams to this port; with IPv6 none behind extension headers. */
  readonly udpPort?: number;
  /** With IPv6: deliver only ICMPv6 messages of these types, and none behind extension headers. */
  readonly icmpTypes?: readonly number[];
  /** Another destination MAC than the link's own shall be seen too. */
  readonly promiscuous?: boolean;
}

export interface Datagram {
  readonly data: Uint8Array;
  readonly from: { readonly ip: Ip; readonly port: number };
}

/** A UDP socket. */
export interface DatagramSocket {
  /** The port it is bound to. */
  readonly localPort: number;
  send(data: Uint8Array, to: { readonly ip: Ip; readonly port: number }): void;
  close(): void;
}

export interface DatagramSocketOptions {
  readonly family: 4 | 6;
  /** Bind to this source address; any when absent. */
  readonly localIp?: Ip;
  /** 0 or absent: any free port. */
  readonly localPort?: number;
  /** SO_BINDTODEVICE, and the interface used for multicast. */
  readonly link?: Pick<Link, 'name' | 'index'>;
  /** Groups to join on `link`. */
  readonly join?: readonly Ip[];
  /** SO_REUSEADDR and SO_REUSEPORT: share the port with other programs (mDNS). */
  readonly shared?: boolean;
  /** Multicast TTL / hop limit; the kernel's default when absent. */
  readonly multicastTtl?: number;
  /** The same for what goes to one host. */
  readonly unicastTtl?: number;
  /** Deliver only what arrives with this TTL or hop limit: 255 has passed no router (RFC 5082). */
  readonly onlyTtl?: number;
  /** Whether our own multicast comes back to this machine (on by default). */
  readonly multicastLoop?: boolean;
  readonly onDatagram: (datagram: Datagram) => void;
  /** Errors are told, never thrown: a socket that fails is closed and reported once. */
  readonly onError: (error: Error) => void;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'SUBSCRIBE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Source address of the connection. */
  readonly localIp?: Ip;
  /** The interface a link-local address in `url` is on. */
  readonly link?: Link;
  readonly timeoutMs: number;
  /** The answer is cut off with an error beyond this many bytes. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Everything the pipeline asks of the node's network. */
export interface Network {
  links(): readonly Link[];
  /** Called after any change of links, addresses or routes. Returns the way to stop. */
  onChange(callback: () => void): () => void;
  openFrames(options: FrameSocketOptions, onFrame: FrameHandler): FrameSocket;
  openDatagrams(options: DatagramSocketOptions): Promise<DatagramSocket>;
  /** Plain HTTP/1.1, no redirects followed. @throws KubevipError HTTP_TIMEOUT, HTTP_TOO_LARGE, HTTP_FAILED. */
  http(request: HttpRequest): Promise<HttpResponse>;
}
