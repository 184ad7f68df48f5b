/** What goes into the machine of one peer and what comes out of it. */
import type { Family, Ip } from '../../../model/ip.ts';
import { describeNotification, type Notification } from '../notification.ts';
import type { Route } from '../route.ts';
import type { Negotiated } from './negotiate.ts';

/** Names a TCP connection, for as long as the machine lives. */
export type ConnectionId = number;

export type PeerInput =
  | { readonly kind: 'start' }
  /** The end; see {@link Farewell}. `start` begins anew. */
  | { readonly kind: 'stop'; readonly farewell: Farewell }
  /** End the session, and begin anew. */
  | { readonly kind: 'reset'; readonly communication?: string }
  /** All routes the peer is to be told. */
  | { readonly kind: 'routes'; readonly routes: Iterable<Route> }
  /** Mark all routes as about to go, or take the mark away (RFC 8326). */
  | { readonly kind: 'graceful-shutdown'; readonly on: boolean }
  /** The connection that was asked for is there. */
  | { readonly kind: 'connected'; readonly connection: ConnectionId; readonly localIp: Ip }
  /** The peer has called. The machine answers with `accept` or `refuse` for this token. */
  | { readonly kind: 'incoming'; readonly token: number; readonly localIp: Ip }
  /** The connection has failed, or was ended by the peer. */
  | { readonly kind: 'lost'; readonly connection: ConnectionId; readonly message: string }
  | { readonly kind: 'data'; readonly connection: ConnectionId; readonly bytes: Uint8Array }
  /** The network takes no more for now; `drained` when it does again. */
  | { readonly kind: 'congested' | 'drained'; readonly connection: ConnectionId }
  /** BFD says that the path to the peer is broken (RFC 5882 §4.1). */
  | { readonly kind: 'bfd-down'; readonly message: string }
  /** The deadline has passed. */
  | { readonly kind: 'tick' };

export type Farewell =
  /** Cease/Administrative Shutdown: the peer forgets our routes at once. */
  | { readonly kind: 'shutdown'; readonly communication?: string }
  /** Cease/Peer De-configured. */
  | { readonly kind: 'deconfigured' }
  /** Cease/Other Configuration Change: it comes back with other settings. */
  | { readonly kind: 'reconfigured' }
  /** Without a word, so that a peer that agreed to graceful restart keeps our routes until we are back. */
  | { readonly kind: 'restart' };

/** Why a session, or the attempt at one, is over. */
export type Cause =
  | { readonly kind: 'sent'; readonly notification: Notification; readonly message: string }
  | { readonly kind: 'received'; readonly notification: Notification }
  | { readonly kind: 'connection'; readonly message: string }
  | { readonly kind: 'replaced' }
  | { readonly kind: 'stopped' };

export type PeerOutput =
  | { readonly kind: 'connect'; readonly connection: ConnectionId }
  | { readonly kind: 'accept'; readonly token: number; readonly connection: ConnectionId }
  | { readonly kind: 'refuse'; readonly token: number; readonly message: string }
  | { readonly kind: 'send'; readonly connection: ConnectionId; readonly bytes: Uint8Array }
  /** Once what was sent has left. Nothing more is said or heard by this connection. */
  | { readonly kind: 'close'; readonly connection: ConnectionId }
  /** Established. */
  | { readonly kind: 'up'; readonly negotiated: Negotiated }
  /** Everything has been said, up to End-of-RIB. */
  | { readonly kind: 'told' }
  /** The peer has said everything of this family. */
  | { readonly kind: 'end-of-rib'; readonly family: Family }
  /** An Established session is over. */
  | { readonly kind: 'down'; readonly cause: Cause }
  /** An attempt did not lead to a session. */
  | { readonly kind: 'failed'; readonly cause: Cause }
  /** First fault in an UPDATE of this session that did not cost it. */
  | { readonly kind: 'fault'; readonly message: string };

/** For people: `the peer sent Cease/Administrative Shutdown: back at noon`. */
export function describeCause(cause: Cause): string {
  switch (cause.kind) {
    case 'sent':
      return `${cause.message} (sent ${describeNotification(cause.notification)})`;
    case 'received':
      return `the peer sent ${describeNotification(cause.notification)}`;
    case 'connection':
      return cause.message;
    case 'replaced':
      return 'the peer has opened another connection in its place';
    case 'stopped':
      return 'stopped';
  }
}
