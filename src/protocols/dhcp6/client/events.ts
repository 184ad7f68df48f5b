/** What goes into the client machine and what comes out of it. */
import type { Ip } from '../../../model/ip.ts';
import type * as client from '../../dhcp-client/events.ts';
import type { DhcpMessage } from '../message.ts';
import type { HeldLease } from './lease.ts';

export interface Reply {
  readonly message: DhcpMessage;
  readonly sourceIp: Ip;
}

/** To all servers on the link, whichever of them is meant (RFC 8415 §14). */
export interface Outgoing {
  readonly message: DhcpMessage;
}

export interface Forms {
  readonly outgoing: Outgoing;
  readonly reply: Reply;
  readonly held: HeldLease;
}

export type ClientInput = client.ClientInput<Forms>;
export type ClientOutput = client.ClientOutput<Forms>;
