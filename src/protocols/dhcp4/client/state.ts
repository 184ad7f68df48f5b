/** How the states of the machine fit together: each names the next one, and none knows another's insides. */
import type { Ip } from '../../../model/ip.ts';
import type { Mac } from '../../../model/mac.ts';
import type { Entropy, Milliseconds } from '../../../model/time.ts';
import type { ClientIdentity } from '../identity.ts';
import type { ClientOutput, Reply } from './events.ts';
import type { HeldLease } from './lease.ts';

export type StateName =
  'INIT' | 'SELECTING' | 'REQUESTING' | 'REBOOTING' | 'BOUND' | 'RENEWING' | 'REBINDING' | 'DECLINING' | 'STOPPED';

export interface ClientConfig extends ClientIdentity {
  /** Option 12; empty: not sent. */
  readonly hostname: string;
  /** Address to ask for in the first DISCOVER. */
  readonly requested?: Ip;
  /** The address stands nowhere: renewals are asked so that the answer is a broadcast. */
  readonly standby?: boolean;
}

export interface Offer {
  readonly ip: Ip;
  readonly server: Ip;
  readonly serverMac: Mac;
  /** When the DISCOVER was last sent. */
  readonly askedAt: Milliseconds;
}

/** What the machine remembers across states. Only the machine replaces it. */
export interface Context {
  readonly config: ClientConfig;
  readonly entropy: Entropy;
  /** Transaction of the acquisition under way, shared by DISCOVER and REQUEST. */
  readonly xid: number;
  /** When it began, for `secs`. */
  readonly begunAt: Milliseconds;
  /** Address still to be wished for: not one that was refused or is used by somebody else. */
  readonly wish: Ip | undefined;
  /** Refusals in a row. */
  readonly refusals: number;
}

/** Where to go next, with what that state needs. */
export type Next =
  | { readonly to: 'INIT'; readonly refused?: boolean }
  | { readonly to: 'SELECTING' }
  | { readonly to: 'REQUESTING'; readonly offer: Offer }
  | { readonly to: 'REBOOTING' | 'BOUND' | 'RENEWING' | 'REBINDING' | 'DECLINING'; readonly lease: HeldLease }
  | { readonly to: 'STOPPED' };

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
