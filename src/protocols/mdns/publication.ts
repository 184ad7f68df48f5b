/** What is published: host names with addresses, and services on them by DNS-SD (RFC 6763). */
import { familyOf, type Ip } from '../../model/ip.ts';
import { HOST_TTL, OTHER_TTL, type Name, type ResourceRecord } from './message.ts';
import { labelsOf, nameOf } from './name.ts';

/** RFC 6763 §9: where the types of a network are listed. */
export const SERVICE_TYPES: Name = '_services._dns-sd._udp.local';

export interface PublishedService {
  /** `_http._tcp` */
  readonly type: string;
  readonly port: number;
  readonly txt: Readonly<Record<string, string>>;
}

export interface Publication {
  /** `web.local`; services stand on the first. */
  readonly hosts: readonly Name[];
  readonly addresses: readonly Ip[];
  /** Instance label for people, unescaped: `Web`. */
  readonly instance: string;
  readonly services: readonly PublishedService[];
  /**
   * Names an earlier owner has already won, announced without probing: hosts and instances
   * (`web (2)._http._tcp.local`). A renaming of what is asked for stays.
   */
  readonly verified: readonly Name[];
}

export function hostRecords(name: Name, addresses: readonly Ip[]): ResourceRecord[] {
  return addresses.map((data): ResourceRecord => {
    const type = familyOf(data) === 4 ? 'A' : 'AAAA';
    return { name, type, ttl: HOST_TTL, flush: true, data };
  });
}

/** The unique records of an instance. */
export function instanceRecords(name: Name, target: Name, service: PublishedService): ResourceRecord[] {
  const srv = { priority: 0, weight: 0, port: service.port, target };
  return [
    { name, type: 'SRV', ttl: HOST_TTL, flush: true, data: srv },
    { name, type: 'TXT', ttl: OTHER_TTL, flush: true, data: txtStrings(service.txt) },
  ];
}

/** The shared records that lead to an instance. */
export function pointerRecords(instance: Name, type: string): ResourceRecord[] {
  const typeName = typeNameOf(type);
  const base = { type: 'PTR', ttl: OTHER_TTL, flush: false } as const;
  return [
    { ...base, name: typeName, data: instance },
    { ...base, name: SERVICE_TYPES, data: typeName },
  ];
}

/** `_http._tcp` → `_http._tcp.local` */
export function typeNameOf(type: string): Name {
  return `${type}.local`;
}

/** `Web 2.0`, `_http._tcp` → `Web 2\.0._http._tcp.local` */
export function instanceNameOf(label: string, type: string): Name {
  return nameOf([label, ...labelsOf(typeNameOf(type))]);
}

/** RFC 6763 §6.3: `key=value`, each at most 255 bytes; what is longer is cut off. */
function txtStrings(txt: Readonly<Record<string, string>>): Uint8Array[] {
  return Object.entries(txt).map(([key, value]) => Uint8Array.from(Buffer.from(`${key}=${value}`).subarray(0, 255)));
}
