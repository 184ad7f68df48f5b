/** Looks at a Service before it is written, with the eyes of the agent: what it would refuse is refused here. */
import { poolContains } from '../../exposure/address/candidates.ts';
import { parsePools, poolFor, type Pool, type PoolConfig } from '../../exposure/address/pools.ts';
import { DEFAULT_CLASS_RULES, readIntent } from '../../exposure/intent/intent.ts';
import type { Intent } from '../../exposure/intent/port.ts';
import type { Cluster } from '../../kube/client.ts';
import { isApiError } from '../../kube/errors.ts';
import { firstOf, lastOf } from '../../model/cidr.ts';
import { KubevipError } from '../../model/errors.ts';
import { familyOf } from '../../model/ip.ts';
import type { Service } from '../../model/kubernetes.ts';
import { usage } from './request.ts';

/** Where kube-vip's cloud provider keeps its pools, and so do we. */
export const POOLS = { namespace: 'kube-system', name: 'kubevip' } as const;

/** Undefined when we may not read the ConfigMap. @throws ApiError */
export async function readPools(
  cluster: Pick<Cluster, 'resource'>,
  signal?: AbortSignal,
): Promise<PoolConfig | undefined> {
  try {
    return parsePools((await cluster.resource('ConfigMap').find(POOLS, { signal }))?.data ?? {});
  } catch (error) {
    if (isApiError(error, 'FORBIDDEN')) return undefined;
    throw error;
  }
}

/**
 * What the Service asks for, if all of it can be had as far as can be known here.
 * @throws KubevipError IGNORED, INVALID_ADDRESS, INVALID_ROUTER, INVALID_NAME, NO_POOL, NO_SUCH_POOL, ADDRESS_OUTSIDE_POOLS
 */
export function checkService(service: Service, pools: PoolConfig | undefined): Intent {
  // A Service that is not made yet has no UID, and the agent would not look at it.
  const intent = readIntent(
    { ...service, metadata: { ...service.metadata, uid: service.metadata.uid ?? 'new' } },
    DEFAULT_CLASS_RULES,
  );
  if (intent.state !== 'ready') {
    throw new KubevipError(`Service ${service.metadata.name} is not for kubevip: ${intent.message}`, {
      code: 'NOT_OURS',
      hints: ['Take another name for a new Service: --name NAME'],
    });
  }
  const { address, router, name } = intent.value;
  if ('state' in address) throw usage('INVALID_ADDRESS', address.message);
  if (router && 'state' in router)
    throw usage('INVALID_ROUTER', router.message, 'For example --router, --router 8080 or --router 80=8080,443=8443.');
  if (name && 'state' in name) throw usage('INVALID_NAME', name.message);
  if (pools) checkAddress(intent.value, pools);
  return intent.value;
}

function checkAddress({ address, service }: Intent, pools: PoolConfig): void {
  if ('state' in address || address.kind === 'dhcp' || address.kind === 'name') return;
  const namespace = service.split('/')[0] ?? '';
  const ranges = [...pools.pools.values()].filter((pool) => !pool.dhcp);
  if (address.kind === 'explicit') {
    // Without any pool of the family the operator keeps book elsewhere.
    const outside = address.addresses.find(
      (ip) =>
        ranges.some((pool) => pool.ranges.some(({ family }) => family === familyOf(ip))) &&
        !ranges.some((pool) => poolContains(pool, ip)),
    );
    if (outside === undefined) return;
    throw new KubevipError(`${outside} is in no pool`, {
      code: 'ADDRESS_OUTSIDE_POOLS',
      hints: [`Pools: ${ranges.map(describePool).join('; ')}`, 'Or take an address from them by leaving --ip out.'],
    });
  }
  if (poolFor(pools, namespace, address.pool)) return;
  const bad = pools.problems.map(({ key, message }) => `ConfigMap kubevip, key ${key}: ${message}`);
  const known = [...pools.pools.values()];
  if (address.pool !== undefined) {
    throw new KubevipError(`there is no pool ${JSON.stringify(address.pool)}`, {
      code: 'NO_SUCH_POOL',
      hints: [
        ...bad,
        known.length === 0
          ? 'ConfigMap kubevip in kube-system has no pools.'
          : `Pools: ${known.map(describePool).join('; ')}`,
      ],
    });
  }
  throw new KubevipError(`there is no pool for namespace ${namespace} to take an address from`, {
    code: 'NO_POOL',
    hints: [
      ...bad,
      'Ask the LAN’s DHCP server for one: --dhcp',
      'Or make a pool: kubectl -n kube-system create configmap kubevip --from-literal cidr-global=192.168.1.200/29',
    ],
  });
}

/** `range-global 10.77.0.200-10.77.0.249` */
export function describePool(pool: Pool): string {
  if (pool.dhcp) return `${pool.key} by DHCP`;
  return `${pool.key} ${pool.ranges.map((range) => `${firstOf(range)}-${lastOf(range)}`).join(', ')}`;
}
