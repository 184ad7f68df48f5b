/** What is different between DHCPv4 and DHCPv6 for those who keep leases. */
import type { Ip } from '../../../model/ip.ts';
import type { ServiceKey } from '../../../model/kubernetes.ts';
import type { Clock, Entropy, Milliseconds } from '../../../model/time.ts';
import type { Network } from '../../../model/wire.ts';
import type { ClientInput, ClientOutput, Forms } from '../../../protocols/dhcp-client/events.ts';
import type { ClientIdentity } from '../../../protocols/dhcp4/identity.ts';
import type { DhcpLease } from '../port.ts';

export interface SessionFacts {
  readonly service: ServiceKey;
  readonly link: string;
  readonly identity: ClientIdentity;
  readonly hostname: string;
  readonly requested?: Ip;
  readonly standby?: boolean;
}

/** The client machine of either version, as much of it as is the same. */
export interface Client<F extends Forms> {
  handle(input: ClientInput<F>, now: Milliseconds): readonly ClientOutput<F>[];
  deadline(): Milliseconds | undefined;
  readonly state: string;
  readonly lease: F['held'] | undefined;
}

export interface LinkEvents<F extends Forms> {
  /** A server's message to any client on the link. */
  onReply(link: string, reply: F['reply']): void;
  /** The interface came up, came back or was replaced. */
  onUp(link: string): void;
  /** The interface went down or away. */
  onDown(link: string): void;
}

/** One socket per interface, shared by all leases on it. */
export interface Sockets<F extends Forms> {
  /** Opens the socket of an interface unless it is open, and watches for one that is missing. @returns as `problem`. */
  open(link: string): string | undefined;
  /** What keeps DHCP from being spoken on an interface; undefined when nothing does. */
  problem(link: string): string | undefined;
  /** @returns whether it could be put on the wire; what becomes of it there nobody knows. */
  send(link: string, outgoing: F['outgoing']): boolean;
  /** Hears what is sent to the clients' hardware addresses, too, where they have one of their own. */
  listenToAll(link: string, wanted: boolean): void;
  close(link: string): void;
  closeAll(): void;
}

export interface Version<F extends Forms> {
  /** For the log. */
  readonly name: 'DHCP' | 'DHCPv6';
  /** Whether acquisitions begin one after the other (see turns.ts). */
  readonly inTurns: boolean;
  sockets(network: Network, events: LinkEvents<F>): Sockets<F>;
  client(facts: SessionFacts, entropy: Entropy): Client<F>;
  /** By what a client is known on a link, and by what an answer names the one it is for. */
  clientOf(identity: ClientIdentity): string;
  addressee(reply: F['reply']): string;
  /** For the Service. */
  toRecord(held: F['held'], identity: ClientIdentity, clock: Clock): DhcpLease;
  /** Undefined if the record makes no sense. */
  fromRecord(record: DhcpLease, clock: Clock): F['held'] | undefined;
  /** For the log: where a message goes, and the number of its transaction. */
  describe(outgoing: F['outgoing']): { readonly to: Ip; readonly xid: number };
}
