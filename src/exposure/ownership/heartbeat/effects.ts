/** What the machine wants from its driver. */
import type { Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';
import type { Heartbeat } from '../../../protocols/heartbeat/message.ts';
import type { Takeover } from '../port.ts';

export type Effect =
  /** To all other agents, now. Sends come before the changes that they tell of. */
  | { readonly do: 'send'; readonly beat: Heartbeat }
  /** The owner of the address is another one, or how this node has it is another: see `owner()` and `answers()`. */
  | { readonly do: 'owner'; readonly address: Ip }
  /** The nodes with a live agent are others: see `live()`. */
  | { readonly do: 'live' }
  /** `isSure()` may be another for all addresses of this node. */
  | { readonly do: 'sure' }
  /** Another machine calls itself by the name of this node. */
  | { readonly do: 'clone' }
  /** This node takes an address that another one had. Before the `owner` of it. */
  | { readonly do: 'takeover'; readonly takeover: Takeover };

/** The owner of an address as this node knows it. */
export interface AddressOwner {
  readonly node: string;
  readonly term: number;
  /** Since when, by the monotonic clock: when this node took it or heard of it. */
  readonly since: Milliseconds;
}
