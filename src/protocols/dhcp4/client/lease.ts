/** A lease as the client machine holds it. */
import type { Ip } from '../../../model/ip.ts';
import type { Mac } from '../../../model/mac.ts';
import type { Milliseconds } from '../../../model/time.ts';

/** What the server granted, in its words. Times in seconds; 0xffffffff is for ever. */
export interface LeaseTerms {
  readonly ip: Ip;
  readonly server: Ip;
  /** Where the answer came from on this link: the server itself or the relay before it. */
  readonly serverMac?: Mac;
  readonly prefixLength?: number;
  readonly router?: Ip;
  readonly dns?: readonly Ip[];
  readonly domain?: string;
  readonly leaseSeconds: number;
  readonly renewSeconds: number;
  readonly rebindSeconds: number;
}

export interface HeldLease {
  readonly terms: LeaseTerms;
  /**
   * When the request was sent that the server granted: all its times count from there (RFC 2131 §4.4.1). Of a request
   * sent more than once the first time, since the answer does not say which one it is for.
   */
  readonly since: Milliseconds;
}
