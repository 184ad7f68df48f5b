/** Names of the Leases of kubevip, and what they are about. */
import { familyOf, ipToBytes, parseIp, type Ip } from '../../model/ip.ts';
import type { Lease } from '../../model/kubernetes.ts';
import { KEY } from '../../model/annotations.ts';

const PRESENCE_PREFIX = 'kubevip-node-';

/** On every Lease of ours. */
export const LEASE_LABELS = { 'app.kubernetes.io/managed-by': 'kubevip' } as const;

/**
 * Name of the Lease of an address, a DNS label: `kubevip-10-0-0-5`, `kubevip-fd00-0-0-0-0-0-0-1`. All eight
 * groups are written, for `fd00::` would end in a dash.
 */
export function leaseNameOf(address: Ip): string {
  if (familyOf(address) === 4) return `kubevip-${address.replaceAll('.', '-')}`;
  const bytes = ipToBytes(address);
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((bytes[2 * i] ?? 0) * 256 + (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return `kubevip-${groups.join('-')}`;
}

/** The address whose owner a Lease records; undefined for any other Lease. */
export function addressOf(lease: Lease): Ip | undefined {
  const address = parseIp(lease.metadata.annotations?.[KEY.leaseAddress] ?? '');
  return address !== undefined && leaseNameOf(address) === lease.metadata.name ? address : undefined;
}

/** Name of the Lease that says that the agent on `node` is alive. */
export function presenceNameOf(node: string): string {
  return `${PRESENCE_PREFIX}${node}`;
}

/** The node whose agent a Lease is about; undefined for any other Lease. */
export function nodeOf(leaseName: string): string | undefined {
  return leaseName.startsWith(PRESENCE_PREFIX) ? leaseName.slice(PRESENCE_PREFIX.length) : undefined;
}
