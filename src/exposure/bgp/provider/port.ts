/** Who knows a machine's BGP peers: the provider that it stands at. */
import type { PeerWish } from '../config/wish.ts';

export interface PeerProvider {
  /** Name for messages. */
  readonly name: string;
  /** Peers of this machine. @throws KubevipError PROVIDER_FAILED saying what to do; the token is in no message. */
  peersOf(node: string): Promise<readonly PeerWish[]>;
}

/** GET of a JSON document. @throws Error with the HTTP status in it, never with the headers. */
export type GetJson = (url: string, headers: Readonly<Record<string, string>>) => Promise<unknown>;
