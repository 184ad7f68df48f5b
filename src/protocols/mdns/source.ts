/** Where a message came from, and where an answer goes. */
import type { Ip } from '../../model/ip.ts';
import { MDNS_PORT, type Message } from './message.ts';

export interface Source {
  /** The socket it came by, as the driver numbers them: a unicast answer leaves by the same. */
  readonly channel: number;
  readonly ip: Ip;
  readonly port: number;
}

/** To one host, or absent: to the group, on every channel. */
export interface Transmission {
  readonly message: Message;
  readonly to?: Source;
}

/** RFC 6762 §6.7: not a Multicast DNS querier but a plain resolver that happened to ask here. */
export function isLegacy(from: Source): boolean {
  return from.port !== MDNS_PORT;
}

export function sourceKey(from: Source): string {
  return `${from.channel} ${from.ip} ${from.port}`;
}
