/** What is wrong with an answer, said while it can be typed anew. Undefined: nothing. */
import { BOOTSTRAP_CONFIG } from '../../cluster/config.ts';
import { subnetFor, subnetsOf } from '../../cluster/preflight/nic.ts';
import type { LanFacts } from '../../cluster/proposal.ts';
import { contains, firstOf, lastOf, rangeOf } from '../../model/cidr.ts';
import { isDnsLabel } from '../../model/dns-label.ts';
import { familyOf, parseIp, type Ip } from '../../model/ip.ts';
import type { Link } from '../../model/wire.ts';

/** Addresses in `a`, `a,b`, or a list; none of a DNS name. */
export function vipAddressesOf(vip: string | readonly string[]): Ip[] {
  const texts = typeof vip === 'string' ? vip.split(',') : vip;
  return texts.flatMap((text) => parseIp(text.trim()) ?? []);
}

function refuseText(text: string): string | undefined {
  const checked = BOOTSTRAP_CONFIG.shape.controlPlane.safeParse({ vip: text });
  if (text !== '' && checked.success) return undefined;
  return checked.error?.issues[0]?.message ?? 'An address, or a DNS name';
}

/** Of one that routers are told of. */
export function refuseRoutedVip(text: string, links: readonly Link[]): string | undefined {
  return (
    refuseText(text) ??
    vipAddressesOf(text)
      .map((ip) => inLan(ip, links))
      .find(Boolean)
  );
}

export function refuseVip(text: string, link: Link, facts: LanFacts | undefined): string | undefined {
  const trouble = refuseText(text);
  if (trouble !== undefined) return trouble;
  for (const ip of vipAddressesOf(text)) {
    const subnet = subnetFor(link, ip);
    if (subnet === undefined) {
      const subnets = subnetsOf(link).map((one) => `${firstOf(one)}/${one.prefixLength}`);
      return `${ip} is in no subnet of ${link.name} (${subnets.join(', ')})`;
    }
    if (ip === firstOf(subnet) || (familyOf(ip) === 4 && ip === lastOf(subnet)))
      return `${ip} is no address of a machine`;
    if (link.addresses.some((own) => own.ip === ip)) return `${ip} is the address of this machine itself`;
    if (ip === link.gateway.v4 || ip === link.gateway.v6) return `${ip} is the router`;
    if (facts?.used.includes(ip) === true) return `${ip} is in use by another machine`;
  }
  return undefined;
}

/** Of one that routers are told of. */
export function refuseRoutedPool(
  text: string,
  vip: string | readonly string[],
  links: readonly Link[],
): string | undefined {
  const ranges = text.split(',').flatMap((part) => rangeOf(part.trim(), text) ?? []);
  const ends = ranges.flatMap((range) => [firstOf(range), lastOf(range)]);
  return refusePool(text, vip, undefined) ?? ends.map((ip) => inLan(ip, links)).find(Boolean);
}

function inLan(ip: Ip, links: readonly Link[]): string | undefined {
  for (const link of links) {
    const subnet = subnetFor(link, ip);
    if (subnet === undefined) continue;
    return `${ip} is in the subnet ${firstOf(subnet)}/${subnet.prefixLength} of ${link.name}, where nobody would answer for it: choose addresses in no subnet`;
  }
  return undefined;
}

export function refusePool(
  text: string,
  vip: string | readonly string[],
  facts: LanFacts | undefined,
): string | undefined {
  for (const part of text.split(',').map((one) => one.trim())) {
    const range = rangeOf(part, text);
    if (range === undefined) return `${JSON.stringify(part)} is neither like 192.168.1.10-192.168.1.20 nor a prefix`;
    const api = vipAddressesOf(vip).find((ip) => contains(range, ip));
    if (api !== undefined) return `${api} is the address of the API: leave it out`;
    const gateway = facts?.gateway;
    if (gateway !== undefined && contains(range, gateway)) return `${gateway} is the router: leave it out`;
  }
  return undefined;
}

export function refuseName(text: string): string | undefined {
  const fits = text.length <= 253 && text.split('.').every(isDnsLabel) && text !== 'localhost';
  return fits ? undefined : 'Lower-case letters, digits, dashes and dots, and not localhost';
}
