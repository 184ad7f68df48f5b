/** The leases of an address record, by family. */
import type { Family } from '../../model/ip.ts';
import type { AssignedAddress, DhcpLease } from './port.ts';

/** IPv4 first, as on the Service. */
export const LEASE_FAMILIES: readonly Family[] = [4, 6];

export function leaseOf(
  assigned: Pick<AssignedAddress, 'lease' | 'lease6'> | undefined,
  family: Family,
): DhcpLease | undefined {
  return family === 4 ? assigned?.lease : assigned?.lease6;
}

export function leasesOf(assigned: AssignedAddress | undefined): DhcpLease[] {
  return LEASE_FAMILIES.flatMap((family) => leaseOf(assigned, family) ?? []);
}

/** With the newest form of a lease, whose address may be another one than before. */
export function renewed(assigned: AssignedAddress, family: Family, lease: DhcpLease): AssignedAddress {
  const before = leaseOf(assigned, family)?.ip;
  const ips = assigned.ips.map((ip) => (ip === before ? lease.ip : ip));
  return { ...assigned, ips, ...(family === 4 ? { lease } : { lease6: lease }) };
}

/** Without a lease that is lost, and its address; undefined when no leased address is left. */
export function withoutLease(assigned: AssignedAddress, family: Family): AssignedAddress | undefined {
  const { lease, lease6, ...rest } = assigned;
  const [lost, kept] = family === 4 ? [lease, lease6] : [lease6, lease];
  if (kept === undefined) return undefined;
  const ips = rest.ips.filter((ip) => ip !== lost?.ip);
  return { ...rest, ips, ...(family === 4 ? { lease6: kept } : { lease: kept }) };
}
