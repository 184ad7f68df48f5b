/** What goes into the client machine and what comes out of it. The kinds are those of the DHCPv4 client. */
import type { Ip } from '../../../model/ip.ts';
import type { DhcpMessage } from '../message.ts';
import type { HeldLease } from './lease.ts';

export type ClientInput =
  /** Get a lease. */
  | { readonly kind: 'start' }
  /** Go on with a lease that another node, or an earlier run, was given. */
  | { readonly kind: 'resume'; readonly lease: HeldLease }
  | { readonly kind: 'message'; readonly reply: Reply }
  /** The deadline has passed. */
  | { readonly kind: 'tick' }
  /** A server has been heard, or the link came back: do not sit out the rest of a long pause. */
  | { readonly kind: 'hurry' }
  /** Somebody else uses the address of this lease. */
  | { readonly kind: 'conflict'; readonly lease: HeldLease }
  /** Give this lease back. */
  | { readonly kind: 'release'; readonly lease: HeldLease }
  /** Want nothing any more: what was granted, or may have been while the answer is on its way, is given back, but for `kept`. */
  | { readonly kind: 'abandon'; readonly kept?: Ip }
  /** Be silent from now on; the lease stands. */
  | { readonly kind: 'stop' };

export interface Reply {
  readonly message: DhcpMessage;
  readonly sourceIp: Ip;
}

/** To all servers on the link, whichever of them is meant (RFC 8415 §14). */
export interface Outgoing {
  readonly message: DhcpMessage;
}

export type ClientOutput =
  | ({ readonly kind: 'send' } & Outgoing)
  /** A server offers an address. */
  | { readonly kind: 'offered'; readonly ip: Ip; readonly server: Ip }
  /** The lease is ours, or still ours, with these terms: the address may have changed. */
  | { readonly kind: 'bound'; readonly lease: HeldLease }
  /** The server takes back what it offered; the client starts over. `count`: refusals in a row. */
  | { readonly kind: 'refused'; readonly server: Ip; readonly text: string | undefined; readonly count: number }
  /** A lease that was ours is not any more. The client stops; whether it shall start over is decided by its owner. */
  | { readonly kind: 'lost'; readonly lease: HeldLease; readonly cause: LossCause };

export type LossCause =
  { readonly kind: 'refused'; readonly server: Ip; readonly text: string | undefined } | { readonly kind: 'expired' };
