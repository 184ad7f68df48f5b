/** Who tells routers that the way to an address is here: a BGP speaker, a routing table that a daemon redistributes. */
import type { Decision, NotReady } from '../../../model/decision.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Reach } from '../port.ts';

export interface RouteRequest {
  readonly ip: Ip;
  /** Interface the address stands on. */
  readonly link: { readonly name: string; readonly index: number };
  /** The way ends soon: routers are to prefer any other (RFC 8326). What cannot be said so is left as it is. */
  readonly leaving: boolean;
}

export interface RouteSink {
  readonly reach: Reach;
  /**
   * A run before this one may have left addresses that routers still send traffic to (graceful restart): they stay on the
   * node until it is known whether they are wanted.
   */
  readonly resumes: boolean;
  /** Tell routers of the address, or what has changed about it. Idempotent. `ready`: it has been told to somebody. */
  announce(route: RouteRequest): Decision;
  withdraw(ip: Ip): void;
  /** Why nobody could be told of the address now. */
  obstacle(ip: Ip): NotReady | undefined;
  /** All that there is to be told has been said once. */
  settled(): void;
  /** What `announce` and `obstacle` say may be something else now. */
  onChange(callback: () => void): () => void;
  /** After the last withdrawal. Resolves when routers had a chance to hear of it. Never rejects. */
  close(): Promise<void>;
}
