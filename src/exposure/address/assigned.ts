/** The record of the address stage on the Service: annotation `kubevip.dev/assigned`. */
import { KEY } from '../../model/annotations.ts';
import { parseIp, type Ip } from '../../model/ip.ts';
import type { Service } from '../../model/kubernetes.ts';
import { leasesOf } from './leased.ts';
import type { AssignedAddress } from './port.ts';

/** Objects of the watch are never changed, and each is looked at many times. */
const known = new WeakMap<Service, { readonly assigned: AssignedAddress | undefined }>();

/** Undefined when absent or not ours to understand (edited by hand): the allocator then starts afresh. */
export function readAssigned(service: Service): AssignedAddress | undefined {
  const entry = known.get(service) ?? { assigned: parse(service) };
  known.set(service, entry);
  return entry.assigned;
}

function parse(service: Service): AssignedAddress | undefined {
  const text = service.metadata.annotations?.[KEY.assigned];
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const assigned = toAssigned(value);
  if (assigned === undefined) return undefined;
  const { next, ...now } = assigned;
  const then = toAssigned(next);
  return then === undefined ? now : { ...now, next: withoutNext(then) };
}

function toAssigned(value: unknown): AssignedAddress | undefined {
  if (typeof value !== 'object' || value === null || !('ips' in value) || !Array.isArray(value.ips)) return undefined;
  const ips = value.ips.map((ip: unknown) => (typeof ip === 'string' ? parseIp(ip) : undefined));
  if (ips.length === 0 || !ips.every((ip): ip is Ip => ip !== undefined)) return undefined;
  const record = value as AssignedAddress;
  if (!['pool', 'explicit', 'dhcp'].includes(record.source)) return undefined;
  const leased = record.source === 'dhcp' ? leasesOf(record) : [];
  if (record.source === 'dhcp' && leased.length === 0) return undefined;
  if (leased.some((lease, i) => parseIp(lease.ip) !== ips[i])) return undefined;
  return { ...record, ips };
}

export function withoutNext(assigned: AssignedAddress): AssignedAddress {
  const { next, ...now } = assigned;
  return next === undefined ? assigned : now;
}

export function writeAssigned(assigned: AssignedAddress): string {
  return JSON.stringify(assigned);
}

/** Whether an annotation or `spec.loadBalancerIP` only repeats what a pool gave, as kube-vip's cloud provider writes it. */
export function isOwnRecord(text: string, assigned: AssignedAddress | undefined): boolean {
  const parts = text.split(',').map((part) => parseIp(part.trim()));
  return [assigned, assigned?.next].some(
    (known) => known?.source === 'pool' && parts.every((part) => part !== undefined && known.ips.includes(part)),
  );
}

/** For people: which addresses, and where they come from. */
export function describeAssigned(assigned: AssignedAddress): string {
  const ips = assigned.ips.join(', ');
  if (assigned.source === 'pool') return `${ips} from pool ${assigned.pool ?? '?'}`;
  if (assigned.source === 'dhcp') {
    const leases = leasesOf(assigned);
    const others = assigned.ips.slice(leases.length);
    const besides =
      others.length > 0
        ? `, ${others.join(', ')} ${assigned.pool ? `from pool ${assigned.pool}` : 'as asked for'}`
        : '';
    return `${leases.map(({ ip, server }) => `${ip} by DHCP from ${server}`).join(', ')}${besides}`;
  }
  return assigned.name === undefined ? `${ips} as asked for` : `${ips} by the name ${assigned.name}`;
}
