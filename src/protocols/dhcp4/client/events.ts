/** What goes into the client machine and what comes out of it. */
import type { Ip } from '../../../model/ip.ts';
import type { Mac } from '../../../model/mac.ts';
import type * as client from '../../dhcp-client/events.ts';
import type { DhcpMessage } from '../message.ts';
import type { HeldLease } from './lease.ts';

/** A server's message, and who brought it. */
export interface Reply {
  readonly message: DhcpMessage;
  readonly sourceIp: Ip;
  readonly sourceMac: Mac;
}

export interface Outgoing {
  readonly message: DhcpMessage;
  readonly sourceIp: Ip;
  readonly targetIp: Ip;
  readonly targetMac: Mac;
}

export interface Forms {
  readonly outgoing: Outgoing;
  readonly reply: Reply;
  readonly held: HeldLease;
}

export type ClientInput = client.ClientInput<Forms>;
export type ClientOutput = client.ClientOutput<Forms>;
