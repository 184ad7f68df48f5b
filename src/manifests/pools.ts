/** The ConfigMap that says which Services get which addresses (docs/reference/pools.md). */
import { rangeOf } from '../model/cidr.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import { familyOf, parseIp } from '../model/ip.ts';
import { NAMESPACE } from './names.ts';
import type { ConfigMapManifest } from './objects.ts';

/** `global` or a namespace → `192.168.1.200-192.168.1.209`, `192.168.1.128/27`, a list of either, or `dhcp`. */
export type Pools = Readonly<Record<string, string>>;

export interface PoolsConfig {
  /** Default `kubevip`, where kube-vip's cloud provider looks too. */
  readonly name?: string;
  readonly namespace?: string;
  /** Further keys as they are: `search-order`, `allow-share-global` … */
  readonly extra?: Readonly<Record<string, string>>;
}

/** How kube-vip writes "ask the router" into a pool. */
const DHCP = '0.0.0.0/32';

/** @throws KubevipError BAD_POOL (exit 2) naming the pool and what is not an address range. */
export function poolsConfigMap(pools: Pools, config: PoolsConfig = {}): ConfigMapManifest {
  const { name = 'kubevip', namespace = NAMESPACE } = config;
  const entries = Object.entries(pools).map(([pool, text]) => poolEntry(pool, text));
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace },
    data: { ...Object.fromEntries(entries), ...config.extra },
  };
}

function poolEntry(pool: string, text: string): [key: string, value: string] {
  const value = text.trim();
  if (value === 'dhcp' || value === '0.0.0.0' || value === DHCP) return [`cidr-${pool}`, DHCP];
  const parts = value.split(',').map((part) => part.trim());
  const asCidr = parts.some((part) => part.includes('/'));
  const written = parts.map((part) => {
    const single = parseIp(part);
    const whole =
      single === undefined ? part : asCidr ? `${single}/${familyOf(single) === 4 ? 32 : 128}` : `${single}-${single}`;
    if (rangeOf(whole, value) === undefined) throw badPool(pool, part, asCidr);
    return whole;
  });
  return [`${asCidr ? 'cidr' : 'range'}-${pool}`, written.join(',')];
}

function badPool(pool: string, part: string, asCidr: boolean): KubevipError {
  const wanted = asCidr ? 'a prefix like 192.168.1.128/27' : 'a range like 192.168.1.200-192.168.1.209';
  return new KubevipError(`pool ${pool}: ${JSON.stringify(part)} is not ${wanted}`, {
    code: 'BAD_POOL',
    exit: EXIT.usage,
    hints: [
      'Several of one kind are separated by commas; prefixes and ranges do not go together in one pool.',
      'Write `dhcp` for addresses from the router.',
    ],
  });
}
