/** IP families of the Service: what the wish means for `spec.ipFamilies` and `spec.ipFamilyPolicy`. Pure. */
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Service } from '../../model/kubernetes.ts';
import { usage, type AddressWish } from './request.ts';

/** `dual`: both where the cluster has both, else the one it has. */
export type FamilyWish = 'ipv4' | 'ipv6' | 'dual';

type FamilySpec = Pick<Service['spec'], 'ipFamilies' | 'ipFamilyPolicy'>;

const OTHER = { IPv4: 'IPv6', IPv6: 'IPv4' } as const;
type FamilyName = keyof typeof OTHER;

/**
 * Fields for the spec; none: the cluster's default, or what the Service has. Addresses of both families that are
 * asked for by number are needed both, and the API then refuses a cluster without one of them.
 * @throws KubevipError FAMILY_FIXED, INVALID_ADDRESS (exit 2)
 */
export function familySpec(
  wish: FamilyWish | undefined,
  address: AddressWish | undefined,
  existing: Service | undefined,
): FamilySpec {
  const asked = familiesOf(address);
  const have = existing?.spec.ipFamilies ?? [];
  checkAddresses(wish, asked);
  if (asked.length === 2) {
    if (have.length === 2) return {};
    const [first = asked[0] ?? 'IPv4'] = have as FamilyName[];
    return { ipFamilies: [first, OTHER[first]], ipFamilyPolicy: 'RequireDualStack' };
  }
  if (wish === 'dual') return { ipFamilyPolicy: 'PreferDualStack' };
  const only = wish === undefined ? (existing ? undefined : asked.find((name) => name === 'IPv6')) : NAME[wish];
  if (only === undefined) return {};
  const [first] = have;
  if (first !== undefined && first !== only) {
    throw usage(
      'FAMILY_FIXED',
      `Service ${existing?.metadata.name ?? ''} is ${first} first, and Kubernetes lets no Service change that`,
      '--family dual gives it both; --name makes another Service.',
    );
  }
  // The API takes the second family away by itself.
  return { ...(first === undefined ? { ipFamilies: [only] } : {}), ipFamilyPolicy: 'SingleStack' };
}

const NAME = { ipv4: 'IPv4', ipv6: 'IPv6' } as const;

/** The families that a wish for an address names, each once, in its order. */
export function familiesOf(address: AddressWish | undefined): FamilyName[] {
  if (address === undefined || address.kind === 'pool') return [];
  const ips: readonly Ip[] = address.kind === 'ip' ? address.ips : address.v6 === undefined ? [] : [address.v6];
  const names = ips.map((ip) => (familyOf(ip) === 4 ? 'IPv4' : 'IPv6'));
  return [...new Set<FamilyName>(address.kind === 'dhcp' ? ['IPv4', ...names] : names)];
}

function checkAddresses(wish: FamilyWish | undefined, asked: readonly FamilyName[]): void {
  if (wish === undefined || wish === 'dual') return;
  const stray = asked.find((name) => name !== NAME[wish]);
  if (stray === undefined) return;
  throw usage(
    'INVALID_ADDRESS',
    `--family ${wish} and an ${stray} address exclude each other`,
    '--dhcp without more gives an IPv4 address. --family dual, or no --family, goes with addresses of both.',
  );
}
