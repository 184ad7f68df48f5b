/** Why a pool gives no address, with what to write where. */
import { failed, type NotReady } from '../../model/decision.ts';
import type { Family } from '../../model/ip.ts';
import type { Pool, PoolConfig } from './pools.ts';

/** @param pool undefined: there is none for the namespace. */
export function noFamily(pool: Pool | undefined, family: Family, namespace: string): NotReady {
  const where = pool ? `pool ${pool.key} has` : `there is no pool for namespace ${namespace} with`;
  return failed('NoPool', `${where} no IPv${family} addresses; add some to ConfigMap kubevip in kube-system`);
}

/** @param named the pool asked for by name, without cidr- or range-. */
export function noPool(config: PoolConfig, namespace: string, named: string | undefined): NotReady {
  const keys =
    named === undefined
      ? `cidr-${namespace}, cidr-global, range-${namespace} or range-global`
      : `cidr-${named} or range-${named}`;
  const bad = config.problems.find(({ key }) => keys.split(/, | or /).includes(key));
  if (bad) return failed('PoolInvalid', `ConfigMap kubevip, key ${bad.key}: ${bad.message}`);
  return failed(
    'NoPool',
    `ConfigMap kubevip in kube-system has none of ${keys}; or ask for DHCP with kube-vip.io/loadbalancerIPs: 0.0.0.0`,
  );
}
