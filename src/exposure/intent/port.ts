/** What a Service asks for, read once from its spec and annotations (see intent.ts). */
import type { NotReady } from '../../model/decision.ts';
import type { Ip, Family } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { Protocol, ServiceKey } from '../../model/kubernetes.ts';
import type { Milliseconds } from '../../model/time.ts';

export interface Intent {
  readonly service: ServiceKey;
  readonly uid: string;
  /** In the Service's order of preference, never empty. */
  readonly families: readonly Family[];
  /** `ipFamilyPolicy: RequireDualStack`: an address of each family or none at all. */
  readonly needsEveryFamily: boolean;
  readonly address: AddressRequest | NotReady;
  readonly ports: readonly IntentPort[];
  /** Local: only nodes with ready endpoints may own the address. */
  readonly trafficPolicy: 'Cluster' | 'Local';
  /** Interface by name; undefined: the one whose subnet holds the address, or the configured one. */
  readonly link?: string;
  /** What to do when another machine uses the address; undefined: as the agent is set. */
  readonly onConflict?: 'defend' | 'yield';
  readonly router?: RouterRequest | NotReady;
  readonly name?: NameRequest | NotReady;
}

export type AddressRequest =
  | { readonly kind: 'explicit'; readonly addresses: readonly Ip[] }
  /** What these DNS names lead to, resolved again and again. In lower case, without the dot at their end. */
  | { readonly kind: 'name'; readonly names: readonly string[] }
  | { readonly kind: 'pool'; readonly pool?: string }
  | {
      readonly kind: 'dhcp';
      readonly hostname: string;
      /** Families whose address is leased; never empty. */
      readonly leased: readonly Family[];
      /** Addresses to ask the servers for. */
      readonly requested?: Ip;
      readonly requested6?: Ip;
      readonly mac?: Mac;
      /** The address of the other family that is asked for besides. Absent: one from the pool, if the Service has that family. */
      readonly beside?: Ip;
    };

export interface IntentPort {
  /** As in the Service; empty for a single unnamed port. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly appProtocol?: string;
}

export interface RouterRequest {
  readonly ports: readonly {
    readonly protocol: 'TCP' | 'UDP';
    readonly internalPort: number;
    readonly externalPort: number;
  }[];
  /** Families to open them in; undefined: each that the Service has an address of. */
  readonly families?: readonly Family[];
  /** Lifetime asked of the router; 0 = until removed. */
  readonly lifetime: Milliseconds;
}

export interface NameRequest {
  /** Fully qualified without the last dot: `web.local`. First is the name used for DNS-SD. */
  readonly hosts: readonly string[];
}
