/** A lease as the client machine holds it. */
import type { Ip } from '../../../model/ip.ts';
import type { Milliseconds } from '../../../model/time.ts';

/** What the server granted. Times in seconds; 0xffffffff is for ever. */
export interface LeaseTerms {
  readonly ip: Ip;
  /** Where its answer came from: an address of the link, of the server itself or of the relay before it. */
  readonly server: Ip;
  /** Its DUID in hex, by which it is spoken to. */
  readonly serverId: string;
  /** The valid lifetime. */
  readonly leaseSeconds: number;
  /** T1 and T2. */
  readonly renewSeconds: number;
  readonly rebindSeconds: number;
}

export interface HeldLease {
  readonly terms: LeaseTerms;
  /** When the exchange began in which the server granted it: so it never ends later here than there. */
  readonly since: Milliseconds;
}
