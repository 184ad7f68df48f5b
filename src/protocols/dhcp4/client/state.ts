/** The states of this client, beside those that rest. */
import type { Ip } from '../../../model/ip.ts';
import type { Mac } from '../../../model/mac.ts';
import type { Milliseconds } from '../../../model/time.ts';
import type * as client from '../../dhcp-client/state.ts';
import type { ClientIdentity } from '../identity.ts';
import type { Forms } from './events.ts';
import type { HeldLease } from './lease.ts';

export { STAY } from '../../dhcp-client/state.ts';

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

/** How they are entered, with what each needs. */
export type OwnNext =
  | { readonly to: 'SELECTING' }
  | { readonly to: 'REQUESTING'; readonly offer: Offer }
  | { readonly to: 'REBOOTING' | 'RENEWING' | 'REBINDING' | 'DECLINING'; readonly lease: HeldLease };

export interface Design extends Forms {
  readonly config: ClientConfig;
  readonly offer: Offer;
  readonly name: OwnNext['to'];
  readonly next: OwnNext;
}

export type Context = client.Context<ClientConfig>;
export type Next = client.Next<Design>;
export type Step = client.Step<Design>;
export type State = client.State<Design>;
export type StateName = State['name'];
export type Entered = client.Entered<Design>;
