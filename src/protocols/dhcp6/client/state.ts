/** How the states of the machine fit together: each names the next one, and none knows another's insides. */
import type { Ip } from '../../../model/ip.ts';
import type { Entropy, Milliseconds } from '../../../model/time.ts';
import type { Dhcp6Identity } from '../identity.ts';
import type { ClientOutput, Reply } from './events.ts';
import type { HeldLease } from './lease.ts';

export type StateName =
  | 'INIT'
  | 'SOLICITING'
  | 'REQUESTING'
  | 'RESUMING'
  | 'BOUND'
  | 'RENEWING'
  | 'REBINDING'
  | 'RESTORING'
  | 'DECLINING'
  | 'STOPPED';

export interface ClientConfig extends Dhcp6Identity {
  /** Option 39; empty: not sent. */
  readonly hostname: string;
  /** Address to ask for in the first SOLICIT. */
  readonly requested?: Ip;
}

export interface Offer {
  readonly ip: Ip;
  readonly server: Ip;
  readonly serverId: string;
}

/** What the machine remembers across states. Only the machine replaces it. */
export interface Context {
  readonly config: ClientConfig;
  readonly entropy: Entropy;
  /** Of the exchange under way; a repetition keeps it (RFC 8415 §16.1). */
  readonly transactionId: number;
  /** When that began, for option 8. */
  readonly begunAt: Milliseconds;
  /** Address still to be wished for: not one that was refused or is used by somebody else. */
  readonly wish: Ip | undefined;
  /** Refusals in a row. */
  readonly refusals: number;
}

/** Where to go next, with what that state needs. */
export type Next =
  | { readonly to: 'INIT'; readonly refused?: boolean }
  | { readonly to: 'SOLICITING' | 'STOPPED' }
  | { readonly to: 'REQUESTING'; readonly offer: Offer }
  | { readonly to: 'RESTORING'; readonly lease: HeldLease; readonly by: Offer }
  | { readonly to: 'RESUMING' | 'BOUND' | 'RENEWING' | 'REBINDING' | 'DECLINING'; readonly lease: HeldLease };

export interface Step {
  readonly outputs?: readonly ClientOutput[];
  readonly next?: Next;
}

export interface State {
  readonly name: StateName;
  /** The lease that is ours while in this state. */
  readonly lease?: HeldLease;
  /** What has been asked for by REQUEST: the server may have granted it already. */
  readonly asked?: Offer;
  /** When to tick; undefined: never. */
  deadline(): Milliseconds | undefined;
  tick(now: Milliseconds): Step;
  receive(reply: Reply, now: Milliseconds): Step;
  /** Where `start` has to wait for something. */
  start?(): void;
  /** Only where waiting less makes sense. */
  hurry?(now: Milliseconds): void;
}

/** A state just entered, and what it does on entry. */
export interface Entered {
  readonly state: State;
  readonly outputs: readonly ClientOutput[];
}

/** Nothing happens. */
export const STAY: Step = {};
