/** The address of the control plane as people write it: one or two addresses, or a DNS name. */
import { familyOf, parseIp, type Ip } from '../../model/ip.ts';
import { badSetting } from './read.ts';
import type { Given } from './read.ts';

export interface Endpoint {
  /** One, or one of each family. Empty for a DNS name. */
  readonly ips: readonly Ip[];
  readonly hostname?: string;
}

const LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
const DNS_NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(\\.${LABEL})*$`, 'i');

/** @param where the flag, for the message. @throws KubevipError BAD_SETTING */
export function readEndpoint(text: string, where: string): Endpoint {
  const parts = text.split(',').map((part) => part.trim());
  const ips = parts.map((part) => parseIp(part));
  const [first, second] = ips;
  if (ips.length === 2 && first !== undefined && second !== undefined && familyOf(first) !== familyOf(second))
    return { ips: [first, second] };
  if (ips.length === 1 && first !== undefined) return { ips: [first] };
  // A name of digits and dots alone is a mistyped address: 192.168.1.300.
  if (parts.length === 1 && DNS_NAME.test(text) && /[a-z]/i.test(text)) return { ips: [], hostname: text };
  throw badSetting(where, text, 'an IPv4 address, an IPv6 address, one of each (IPV4,IPV6), or a DNS name');
}

/** Prefix lengths for `vip_subnet`, in the order of the addresses. @throws KubevipError BAD_SETTING */
export function subnetOf({ values }: Given, endpoint: Endpoint | undefined): string {
  const text = values.vip_subnet;
  if (text === '') {
    if (endpoint === undefined) return '';
    if (endpoint.hostname === undefined) return endpoint.ips.map((ip) => (familyOf(ip) === 4 ? 32 : 128)).join(',');
    return { ipv4: '32', ipv6: '128' }[values.dns_mode] ?? '32,128';
  }
  const parts = text.split(',').map((part) => part.trim().replace(/^\//, ''));
  const auto = endpoint === undefined && parts.every((part) => part === 'auto');
  const fits = parts.every((part, index) => {
    const ip = endpoint?.ips[index];
    return /^\d{1,3}$/.test(part) && Number(part) <= (ip !== undefined && familyOf(ip) === 4 ? 32 : 128);
  });
  if (parts.length > 2 || !(auto || fits))
    throw badSetting(
      '--vipSubnet',
      text,
      'a prefix length like 32, or two like 32,128, that fit the address',
      ...(parts.includes('auto') ? ['`auto` is for Services alone, without --address.'] : []),
    );
  return text;
}
