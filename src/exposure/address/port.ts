/** The address stage: which address a Service gets, and the parts of the network it needs for that. */
import type { Decision } from '../../model/decision.ts';
import type { Family, Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import type { ServiceKey } from '../../model/kubernetes.ts';

/** Stored on the Service as annotation `kubevip.dev/assigned`: the whole state of the stage. */
export interface AssignedAddress {
  readonly ips: readonly Ip[];
  readonly source: 'pool' | 'explicit' | 'dhcp';
  /** ConfigMap key the address came from. */
  readonly pool?: string;
  readonly link?: string;
  /** DNS names that led to them, separated by commas. */
  readonly name?: string;
  /** Of the IPv4 and of the IPv6 address; leased addresses come first in `ips`. */
  readonly lease?: DhcpLease;
  readonly lease6?: DhcpLease;
  /** What takes its place as soon as its owner has cleared away what hangs on it. */
  readonly next?: Omit<AssignedAddress, 'next'>;
}

/** A lease that any node can go on with: nothing in it belongs to one node. */
export interface DhcpLease {
  readonly ip: Ip;
  /**
   * RFC 2131 `chaddr` and RFC 2132 §9.14 client identifier (hex), derived from the Service's UID. To a DHCPv6 server only
   * the IAID and the DUID are shown that the identifier is made of.
   */
  readonly mac: Mac;
  readonly clientId: string;
  readonly server: Ip;
  /** Of a DHCPv6 server: its DUID (hex). */
  readonly serverId?: string;
  readonly serverMac?: Mac;
  readonly prefixLength?: number;
  readonly router?: Ip;
  readonly dns?: readonly Ip[];
  readonly domain?: string;
  /** ISO 8601; wall clock of the node that took the lease. */
  readonly acquiredAt: string;
  readonly leaseSeconds: number;
  readonly renewSeconds: number;
  readonly rebindSeconds: number;
}

/** Addresses of a DNS name, in the order of the answer. @throws Error when there is no answer. */
export type LookUp = (name: string) => Promise<readonly Ip[]>;

/** Asks the LAN whether somebody uses an address (RFC 5227 probe, fast variant). */
export interface AddressProber {
  /**
   * @returns the MAC that answered, or undefined when the address is free on `link`.
   * @throws KubevipError NO_LINK if the interface is gone or down.
   */
  probe(ip: Ip, link: string, signal?: AbortSignal): Promise<Mac | undefined>;
}

export interface DhcpRequest {
  readonly service: ServiceKey;
  readonly uid: string;
  readonly hostname: string;
  /** Interface name. */
  readonly link: string;
  /** Address to ask for (in DISCOVER option 50, in SOLICIT the address of the IA). */
  readonly requested?: Ip;
  readonly mac?: Mac;
  /** Nobody answers for the address yet, so the server can be heard by broadcast only. */
  readonly standby?: boolean;
}

/** Leases of either family: each has a protocol and servers of its own. */
export type LeasesByFamily = Readonly<Record<Family, DhcpLeases>>;

/**
 * Leases of one family for Services. Calls set what is wanted and answer with what is; `changed` is called when
 * an answer changes, and the reconciler asks again. Nothing here blocks.
 */
export interface DhcpLeases {
  /** Get a lease (DISCOVER … ACK, SOLICIT … REPLY). The allocating node calls this until the Service carries the lease. */
  acquire(request: DhcpRequest): Decision<DhcpLease>;
  /**
   * Keep this lease: renew at T1, rebind at T2, on the owner's node. `ready` carries the newest form of
   * the lease, to be written to the Service when it differs; `failed` with reason `LeaseLost` when the
   * server refused it or it ran out: the address must be dropped and acquired anew.
   */
  keep(request: DhcpRequest, lease: DhcpLease): Decision<DhcpLease>;
  /**
   * Nothing more is done here. What was granted to this node, or may be while the answer is on its way, is given back,
   * unless it is `carried` by the Service: with that another node goes on.
   */
  abandon(service: ServiceKey, carried?: DhcpLease): void;
  /** Give the lease back (RELEASE). `off` once sent. */
  release(request: DhcpRequest, lease: DhcpLease): Decision;
  /** Called with the Service whose answer may have changed. Returns the way to stop. */
  onChange(callback: (service: ServiceKey) => void): () => void;
}
