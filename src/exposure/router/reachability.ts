/** What a router's outer address means for who can reach it (IANA special-purpose address registries). */
import { contains, parseCidr, type Range } from '../../model/cidr.ts';
import { familyOf, type Ip } from '../../model/ip.ts';
import type { Reachability } from './port.ts';

const ranges = (...texts: readonly string[]): Range[] =>
  texts.map((text) => parseCidr(text)).filter((range) => range !== undefined);

const PRIVATE = ranges('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7');
/** RFC 6598, and the tunnel end of DS-Lite (RFC 6333 §5.7), which ends at a shared address too. */
const CGNAT = ranges('100.64.0.0/10', '192.0.0.0/29');
const RESERVED = ranges(
  '0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '198.18.0.0/15',
  '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4', '2001:db8::/32', '3fff::/20',
); // prettier-ignore
const GLOBAL_V6 = ranges('2000::/3');

export function reachabilityOf(externalIp: Ip | undefined): Reachability {
  if (externalIp === undefined) return 'unknown';
  const within = (list: readonly Range[]): boolean => list.some((range) => contains(range, externalIp));
  if (within(PRIVATE)) return 'private';
  if (within(CGNAT)) return 'cgnat';
  if (within(RESERVED)) return 'reserved';
  return familyOf(externalIp) === 4 || within(GLOBAL_V6) ? 'public' : 'reserved';
}
