/** Which interface a request is about. */
import { cidr, contains, type Cidr } from '../../model/cidr.ts';
import { familyOf, isLinkLocal, type Family, type Ip } from '../../model/ip.ts';
import type { Link } from '../../model/wire.ts';
import type { PreflightRequest } from './request.ts';

/** Interfaces that networks of pods make: their subnets are not the LAN. */
const OF_PODS = /^(cni\d|flannel|cilium|cali|lxc|vxlan|kube-|nodelocaldns|veth|docker\d|br-|podman|weave)/;

/** The one that was named, else that whose subnet holds the VIP, else that of the default route, else the only one. */
export function nicOf(links: readonly Link[], request: Pick<PreflightRequest, 'link' | 'vips'>): Link | undefined {
  if (request.link !== undefined) return links.find(({ name }) => name === request.link);
  const lan = lanLinks(links);
  const [vip] = request.vips ?? [];
  const holding = vip === undefined ? undefined : lan.find((link) => subnetFor(link, vip) !== undefined);
  const routed = lan.find(({ gateway }) => gateway.v4 !== undefined) ?? lan.find(({ gateway }) => gateway.v6);
  return holding ?? routed ?? (lan.length === 1 ? lan[0] : undefined);
}

/** Neither loopback nor made by container networks. */
export function lanLinks(links: readonly Link[]): Link[] {
  return links.filter(({ name }) => name !== 'lo' && !OF_PODS.test(name));
}

/** Subnets on a link, without host routes and link-local ones. */
export function subnetsOf(link: Link): Cidr[] {
  return link.addresses
    .filter(({ ip, prefixLength }) => prefixLength < (familyOf(ip) === 4 ? 32 : 128) && !isLinkLocal(ip))
    .flatMap(({ ip, prefixLength }) => cidr(ip, prefixLength) ?? []);
}

export function subnetFor(link: Link, ip: Ip): Cidr | undefined {
  return subnetsOf(link).find((subnet) => contains(subnet, ip));
}

/** IP families of what is asked for; IPv4 when nothing says otherwise. */
export function familiesOf(request: PreflightRequest): ReadonlySet<Family> {
  const families = [
    ...(request.podSubnets ?? []).map(({ family }) => family),
    ...(request.serviceSubnets ?? []).map(({ family }) => family),
    ...(request.vips ?? []).map(familyOf),
  ];
  return new Set(families.length === 0 ? [4] : families);
}
