/** The states of this client, beside those that rest. */
import type { Ip } from '../../../model/ip.ts';

import type * as client from '../../dhcp-client/state.ts';
import type { Dhcp6Identity } from '../identity.ts';
import type { Forms } from './events.ts';
import type { HeldLease } from './lease.ts';

export { STAY } from '../../dhcp-client/state.ts';

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

/** How they are entered, with what each needs. */
export type OwnNext =
  | { readonly to: 'SOLICITING' }
  | { readonly to: 'REQUESTING'; readonly offer: Offer }
  | { readonly to: 'RESTORING'; readonly lease: HeldLease; readonly by: Offer }
  | {
      readonly to: 'RESUMING' | 'CONFIRMING' | 'RENEWING' | 'REBINDING' | 'DECLINING';
      readonly lease: HeldLease;
    };

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
