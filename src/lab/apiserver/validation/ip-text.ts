/** Addresses and prefixes as clients may write them. */
import { contains, firstOf, parseCidr } from '../../../model/cidr.ts';
import { parseIp } from '../../../model/ip.ts';

const NOT_AN_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const NOT_A_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** What is wrong with a text as an address. */
export function ipProblem(text: string): string | undefined {
  const ip = parseIp(text);
  if (ip === undefined) return parseIp(withoutZeros(text)) === undefined ? NOT_AN_IP : 'must not have leading 0s';
  return isIn(ip, '::ffff:0:0/96') ? 'must not be an IPv4-mapped IPv6 address' : undefined;
}

/** What is wrong with a text as an address that has to be written in the one canonical way. */
export function canonicalIpProblem(text: string): string | undefined {
  const ip = parseIp(text);
  const wrong = ipProblem(text);
  return wrong ?? (ip === text || ip === undefined ? undefined : `must be in canonical form ("${ip}")`);
}

/** Whether there are more addresses, or prefixes, than families. */
export function isOfOneFamily(texts: readonly string[]): boolean {
  return new Set(texts.map((text) => text.includes(':'))).size < texts.length;
}

/** What is wrong with a text as a prefix. */
export function cidrProblem(text: string): string | undefined {
  const [address = '', length = ''] = text.split('/');
  const plain = withoutZeros(address);
  const cidr = parseCidr(`${plain}/${Number(length)}`);
  if (cidr === undefined || !/^[^/]+\/\d+$/.test(text)) return NOT_A_CIDR;
  if (address !== plain || length !== String(Number(length))) return 'must not have leading 0s in IP or prefix length';
  if (isIn(cidr.address, '::ffff:0:0/96')) return 'must not have an IPv4-mapped IPv6 address';
  return firstOf(cidr) === cidr.address ? undefined : 'must not have bits set beyond the prefix length';
}

/** Why an address means nothing as that of a Service on a node. */
export function unusualAddress(ip: string): string | undefined {
  if (isIn(ip, '0.0.0.0/32', '::/128')) return `may not be unspecified (${ip})`;
  if (isIn(ip, '127.0.0.0/8', '::1/128')) return 'may not be in the loopback range (127.0.0.0/8, ::1/128)';
  if (isIn(ip, '169.254.0.0/16', 'fe80::/10')) return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)';
  if (isIn(ip, '224.0.0.0/24', 'ff02::/16')) {
    return 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)';
  }
  return undefined;
}

function isIn(text: string, ...prefixes: string[]): boolean {
  const ip = parseIp(text);
  return prefixes.map(parseCidr).some((cidr) => ip !== undefined && cidr !== undefined && contains(cidr, ip));
}

/** Dotted decimal was once written with them. */
function withoutZeros(text: string): string {
  return /^\d+(\.\d+){3}$/.test(text) ? text.replace(/\b0+(?=\d)/g, '') : text;
}
