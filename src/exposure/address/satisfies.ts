/** Whether the address a Service has is (still) what it asks for. */
import { familyOf, type Family, type Ip } from '../../model/ip.ts';
import { namespaceOf } from '../../model/kubernetes.ts';
import type { Intent } from '../intent/port.ts';
import { leaseOf, LEASE_FAMILIES } from './leased.ts';
import type { AssignedAddress } from './port.ts';
import { offers, poolFor, type PoolConfig } from './pools.ts';

/**
 * Changed pools never take an address from a Service, as with kube-vip: only a changed wish does. But a family that it
 * lacks is given as soon as a pool has it.
 * @param resolved what the names that are asked for lead to; undefined: that is not known here, and what was found
 * under them stands.
 */
export function satisfies(
  intent: Intent,
  assigned: AssignedAddress,
  pools: PoolConfig,
  resolved?: readonly Ip[],
): boolean {
  const wanted = intent.address;
  if ('state' in wanted) return false;
  const { ips, source } = assigned;
  switch (wanted.kind) {
    case 'explicit':
      return wanted.addresses.length === ips.length && wanted.addresses.every((ip) => ips.includes(ip));
    case 'name':
      if (assigned.name !== wanted.names.join()) return false;
      if (resolved === undefined) return ips.every((ip) => intent.families.includes(familyOf(ip)));
      return resolved.length === ips.length && resolved.every((ip) => ips.includes(ip));
    case 'dhcp':
      if (source !== 'dhcp' || !hasLeases(wanted.leased, assigned)) return false;
      return wanted.beside === undefined
        ? hasFamilies(intent, assigned, pools)
        : ips.length === 2 && ips.includes(wanted.beside);
    case 'pool':
      return isFrom(wanted.pool, intent, assigned, pools) && hasFamilies(intent, assigned, pools, wanted.pool);
  }
}

/** Leases of these families, and of no others. */
function hasLeases(families: readonly Family[], assigned: AssignedAddress): boolean {
  return LEASE_FAMILIES.every((family) => families.includes(family) === (leaseOf(assigned, family) !== undefined));
}

function isFrom(named: string | undefined, intent: Intent, assigned: AssignedAddress, pools: PoolConfig): boolean {
  if (named !== undefined) return assigned.pool === `cidr-${named}` || assigned.pool === `range-${named}`;
  if (assigned.source === 'pool') return true;
  return assigned.source === 'dhcp' && (poolFor(pools, namespaceOf(intent.service))?.dhcp ?? false);
}

/** None that it should not have, and each that it can have. */
function hasFamilies(intent: Intent, assigned: AssignedAddress, pools: PoolConfig, named?: string): boolean {
  const had = new Set(assigned.ips.map(familyOf));
  const pool = poolFor(pools, namespaceOf(intent.service), named);
  const obtainable = (family: Family): boolean => pool !== undefined && offers(pool, family);
  return (
    [...had].every((family) => intent.families.includes(family)) &&
    intent.families.every((family) => had.has(family) || !(intent.needsEveryFamily || obtainable(family)))
  );
}
