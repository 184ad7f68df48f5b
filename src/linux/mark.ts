/** How things we put on a node are told from those of others. */

/**
 * Two agents may run on a node, one for the control plane and one for Services. Each cleans up after itself alone,
 * so each has a mark of its own.
 */
export type Instance = 'services' | 'control-plane';

export interface Mark {
  /**
   * IFA_PROTO of our addresses (`proto 0x4b` in ip(8)). The kernel uses 1 to 3 itself and leaves the rest to programs;
   * 0x4b is `K`.
   */
  readonly protocol: number;
  /** End of the label of our IPv4 addresses where the kernel keeps no protocol (before 5.18). */
  readonly label: string;
  /** Metric of our routes in a table for a routing daemon, where the protocol is for the user to choose. */
  readonly metric: number;
  /** nftables tables: in the families arp and inet for silence, in ip and ip6 for detours and for the spread over API servers. */
  readonly table: string;
}

export const MARKS: Readonly<Record<Instance, Mark>> = {
  services: { protocol: 0x4b, label: ':kv', metric: 0x4b, table: 'kubevip' },
  'control-plane': { protocol: 0x4c, label: ':kp', metric: 0x4c, table: 'kubevip-control-plane' },
};

/** Group of the VLAN interfaces that we made (`ip link show group 27510`): "kv" in ASCII. */
export const VLAN_LINK_GROUP = 0x6b76;

/**
 * Tunnels of each agent: the group of their interfaces (`ip link show group 27511`), the first of the marks of their
 * connections, packets, rules and routing tables, and the nftables table that leads their traffic.
 */
export const TUNNELS: Readonly<
  Record<Instance, { readonly group: number; readonly mark: number; readonly table: string }>
> = {
  services: { group: 0x6b77, mark: 0x6b77_0000, table: 'kubevip-tunnels' },
  'control-plane': { group: 0x6b78, mark: 0x6b78_0000, table: 'kubevip-control-plane-tunnels' },
};

/** Further nftables tables for Services, each replaced as a whole by whoever it belongs to. */
export const SERVICE_TABLES = { ports: 'kubevip-ports', egress: 'kubevip-egress', mirror: 'kubevip-mirror' } as const;

/** Names of all nftables tables of our agents. */
export const OWN_TABLES: ReadonlySet<string> = new Set([
  ...Object.values(MARKS).map(({ table }) => table),
  ...Object.values(TUNNELS).map(({ table }) => table),
  ...Object.values(SERVICE_TABLES),
]);

/** Whether an address carries the mark. */
export function carries(mark: Mark, address: { readonly protocol: number; readonly label: string }): boolean {
  return address.protocol === mark.protocol || address.label.endsWith(mark.label);
}

/** Whether an address is of any of our agents. */
export function isOurs(address: { readonly protocol: number; readonly label: string }): boolean {
  return Object.values(MARKS).some((mark) => carries(mark, address));
}
