/** The router stage: ports open on the home router, for as long as the Service wants them. */
import type { Decision } from '../../model/decision.ts';
import type { Family, Ip } from '../../model/ip.ts';
import type { ServiceKey } from '../../model/kubernetes.ts';
import type { Milliseconds } from '../../model/time.ts';

export type MappingMethod = 'pcp' | 'nat-pmp' | 'igd2' | 'igd1';

export interface WantedPort {
  readonly protocol: 'TCP' | 'UDP';
  readonly internalPort: number;
  readonly externalPort: number;
}

/** Stored on the Service as annotation `kubevip.dev/router-mappings` (a JSON list), one per port. */
export interface MappingRecord extends WantedPort {
  /** IPv4: where the external port leads. IPv6: the address that a pinhole lets the Internet come to, port for port. */
  readonly internalIp: Ip;
  readonly method: MappingMethod;
  /** Router it was made on. */
  readonly gateway: Ip;
  /** What the router says its outer address is. */
  readonly externalIp?: Ip;
  /** IGD only: where to send the delete. */
  readonly controlUrl?: string;
  readonly serviceType?: string;
  /** Pinholes by IGD only: the router's number for it. None when its firewall is off, so that no hole was made. */
  readonly uniqueId?: string;
  /** PCP only: mapping nonce, hex. */
  readonly nonce?: string;
  /** What the router granted at the last refresh; 0 = until removed. */
  readonly lifetime?: Milliseconds;
}

/**
 * What the outer address means: `public`, `private` (RFC 1918: double NAT), `cgnat` (RFC 6598),
 * `reserved` (documentation, link-local …), `unknown` (the router does not say).
 */
export type Reachability = 'public' | 'private' | 'cgnat' | 'reserved' | 'unknown';

export interface RouterMapping {
  /** Of both families; `internalIp` says of which each is. */
  readonly records: readonly MappingRecord[];
  /** Of the family that the Internet reaches best. */
  readonly reachability: Reachability;
  /** Of each family that something is open in. */
  readonly families: Readonly<Partial<Record<Family, Reachability>>>;
}

/** One for each family of a Service's addresses. */
export interface MappingRequest {
  readonly service: ServiceKey;
  readonly uid: string;
  readonly ip: Ip;
  /** Interface that holds the address; its gateway, in the family of the address, is the router that is asked. */
  readonly link: string;
  readonly ports: readonly WantedPort[];
  readonly lifetime: Milliseconds;
  /** What earlier owners made in this family, from the annotation: continued or cleaned up. */
  readonly previous: readonly MappingRecord[];
}

/** Same manner as {@link import('../address/port.ts').DhcpLeases}: set what is wanted, be called back. */
export interface RouterMappings {
  ensure(request: MappingRequest): Decision<RouterMapping>;
  /** Stop without undoing: another node goes on. */
  yield(service: ServiceKey): void;
  /**
   * The Service is not at `ip` any more, which this node lets go of next: remove what leads there, from there. `pending`
   * as long as the address is needed for that, which ends within seconds whether or not the router answers.
   */
  leave(service: ServiceKey, ip: Ip): Decision;
  /** Remove the mappings from the router. `off` once they are gone or the router could not be reached in time. */
  withdraw(request: MappingRequest): Decision;
  /** Called with the Service whose answer may have changed. Returns the way to stop. */
  onChange(callback: (service: ServiceKey) => void): () => void;
}
