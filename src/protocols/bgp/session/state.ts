/** How the states of RFC 4271 §8.2.2 fit together, for one connection: each names the next one. */
import type { Ip } from '../../../model/ip.ts';
import type { Entropy, Milliseconds } from '../../../model/time.ts';
import type { AdjRibOut } from '../adj-rib-out.ts';
import type { ExportContext } from '../export-policy.ts';
import type { Message } from '../message.ts';
import type { Notification } from '../notification.ts';
import type { PeerConfig } from './config.ts';
import type { Cause, ConnectionId, PeerOutput } from './events.ts';
import type { Negotiated } from './negotiate.ts';
import type { Received } from './received.ts';

export type StateName = 'Idle' | 'Connect' | 'Active' | 'OpenSent' | 'OpenConfirm' | 'Established';

/** What all connections of a peer share. Only the peer changes it. */
export interface Context {
  readonly config: PeerConfig;
  readonly entropy: Entropy;
  readonly rib: AdjRibOut;
  readonly received: Received;
  /** Until when not to call; undefined: not at all. */
  callAt: Milliseconds | undefined;
  /** Whether OPEN says that a restart is under way. */
  restarting: boolean;
  exportContext(negotiated: Negotiated): ExportContext;
  newConnection(): ConnectionId;
}

export interface Connection {
  readonly id: ConnectionId;
  readonly localIp: Ip;
}

export type Next =
  | { readonly to: 'Idle' | 'Active'; readonly cause: Cause }
  | { readonly to: 'Connect' }
  | { readonly to: 'OpenSent'; readonly connection: Connection }
  | { readonly to: 'OpenConfirm' | 'Established'; readonly connection: Connection; readonly negotiated: Negotiated };

export interface Step {
  readonly outputs?: readonly PeerOutput[];
  readonly next?: Next;
}

export interface State {
  readonly name: StateName;
  readonly connection?: ConnectionId;
  readonly negotiated?: Negotiated;
  /** When to tick; undefined: never. */
  deadline(): Milliseconds | undefined;
  tick(now: Milliseconds): Step;
  /** The connection asked for is there. */
  connected?(localIp: Ip): Step;
  /** The connection has failed, or is over. */
  lost?(message: string): Step;
  /** @throws BgpDecodeError for what has to be answered with a NOTIFICATION. */
  receive?(message: Message, now: Milliseconds): Step;
  /** There may be something to say. */
  flush?(now: Milliseconds): Step;
  /** The network takes no more for now; `drained`: it does again. */
  congested?(now: Milliseconds): void;
  drained?(now: Milliseconds): Step;
}

export interface Entered {
  readonly state: State;
  readonly outputs: readonly PeerOutput[];
}

/** Nothing happens. */
export const STAY: Step = {};

/** Ends with a NOTIFICATION. */
export function refuse(code: number, subcode: number, message: string, data = new Uint8Array()): Step {
  const notification: Notification = { kind: 'notification', code, subcode, data };
  return { next: { to: 'Idle', cause: { kind: 'sent', notification, message } } };
}

/** What each state with a connection does with these two. */
export function over(cause: Cause): Step {
  return { next: { to: 'Idle', cause } };
}
