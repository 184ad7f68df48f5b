/** Whether the address a Service has is (still) what it asks for. */
import type { Intent } from '../intent/port.ts';
import type { AssignedAddress } from './port.ts';
import { poolFor, type PoolConfig } from './pools.ts';

/** Changed pools never re-address a Service, as with kube-vip: only a changed wish does. */
export function satisfies(intent: Intent, assigned: AssignedAddress, pools: PoolConfig): boolean {
  const wanted = intent.address;
  if ('state' in wanted) return false;
  switch (wanted.kind) {
    case 'explicit':
      return (
        wanted.addresses.length === assigned.ips.length && wanted.addresses.every((ip) => assigned.ips.includes(ip))
      );
    case 'dhcp':
      return assigned.source === 'dhcp';
    case 'pool': {
      if (wanted.pool !== undefined)
        return assigned.pool === `cidr-${wanted.pool}` || assigned.pool === `range-${wanted.pool}`;
      if (assigned.source === 'pool') return true;
      return assigned.source === 'dhcp' && (poolFor(pools, intent.service.split('/')[0] ?? '')?.dhcp ?? false);
    }
  }
}
