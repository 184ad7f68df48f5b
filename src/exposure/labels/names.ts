/** kube-vip's labels on nodes, made to fit what Kubernetes allows in a label (63 characters of [A-Za-z0-9._-]). */
import { ipToBytes, type Ip } from '../../model/ip.ts';
import { familyOf } from '../../model/ip.ts';
import type { ServiceKey } from '../../model/kubernetes.ts';

/** On the node with the control-plane VIP. */
export const HAS_IP = 'kube-vip.io/has-ip';
const SERVICE_PREFIX = 'service-provided.kube-vip.io/';
const LONGEST = 63;

export function isServiceLabel(key: string): boolean {
  return key.startsWith(SERVICE_PREFIX);
}

/** `service-provided.kube-vip.io/NAME.NAMESPACE`; cut, with a hash for an end, where that is too long. */
export function serviceLabel(service: ServiceKey): string {
  const [namespace = '', name = ''] = service.split('/');
  const whole = `${name}.${namespace}`;
  if (whole.length <= LONGEST) return SERVICE_PREFIX + whole;
  const hash = hashOf(whole);
  return `${SERVICE_PREFIX}${whole.slice(0, LONGEST - hash.length - 1)}-${hash}`;
}

/** IPv6 in hex, as kube-vip has it, since a label has no colon; several with an underscore between, since it has no comma. */
export function addressesLabel(ips: readonly Ip[]): string {
  return ips.map((ip) => (familyOf(ip) === 4 ? ip : Buffer.from(ipToBytes(ip)).toString('hex'))).join('_');
}

/** FNV-1a, 32 bits: tells long names apart, and is the same everywhere. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}
