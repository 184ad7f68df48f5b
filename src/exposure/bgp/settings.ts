/** One peer as the speaker is told of it. */
import type { Ip } from '../../model/ip.ts';
import type { BfdTimers } from '../../protocols/bfd/session.ts';
import type { PeerConfig } from '../../protocols/bgp/session/config.ts';
import type { Distance } from './port.ts';

export const BGP_PORT = 179;

export interface PeerSettings extends PeerConfig {
  readonly ip: Ip;
  /** The one it listens on; default 179. */
  readonly port?: number;
  /** Interface by name: needed for link-local addresses, else the only way to the peer. */
  readonly link?: string;
  /** Source address. */
  readonly localIp?: Ip;
  /** TCP MD5. Never shown. */
  readonly password?: string;
  readonly distance: Distance;
  /** Watch the path by BFD: its end is the session's. */
  readonly bfd?: BfdTimers;
}

/** Names a peer: there is one session with an address, on a link where the address alone does not say which. */
export function peerName({ ip, link }: Pick<PeerSettings, 'ip' | 'link'>): string {
  return link === undefined ? ip : `${ip}%${link}`;
}
