/** The record of the router stage on the Service: annotation `kubevip.dev/router-mappings`. */
import { FINALIZER, KEY } from '../../model/annotations.ts';
import { familyOf, parseIp, type Ip } from '../../model/ip.ts';
import { keyOf, type Service } from '../../model/kubernetes.ts';
import type { RouterRequest } from '../intent/port.ts';
import type { MappingRecord, MappingRequest } from './port.ts';

/** Empty when absent or edited into something else. */
export function readRecords(service: Service): readonly MappingRecord[] {
  const text = service.metadata.annotations?.[KEY.routerMappings];
  if (text === undefined) return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter(isRecord) : [];
  } catch {
    return [];
  }
}

function isRecord(value: unknown): value is MappingRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Partial<Record<keyof MappingRecord, unknown>>;
  return (
    (record.protocol === 'TCP' || record.protocol === 'UDP') &&
    isPort(record.internalPort) &&
    isPort(record.externalPort) &&
    isIp(record.internalIp) &&
    isIp(record.gateway) &&
    (record.externalIp === undefined || isIp(record.externalIp)) &&
    ['pcp', 'nat-pmp', 'igd2', 'igd1'].includes(String(record.method)) &&
    [record.controlUrl, record.serviceType, record.nonce, record.uniqueId].every((text) =>
      ['string', 'undefined'].includes(typeof text),
    ) &&
    ['number', 'undefined'].includes(typeof record.lifetime)
  );
}

function isIp(value: unknown): boolean {
  return typeof value === 'string' && parseIp(value) !== undefined;
}

function isPort(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535;
}

/** A mapping may be under way that no record tells of yet; whoever asks for one holds the finalizer first. */
export function mayBeMapped(service: Service): boolean {
  return readRecords(service).length > 0 || service.metadata.finalizers?.includes(FINALIZER) === true;
}

/** With `wanted` undefined: the request to undo everything. */
export function mappingRequestFor(
  service: Service,
  ip: Ip,
  link: string,
  wanted: RouterRequest | undefined,
): MappingRequest {
  return {
    service: keyOf(service),
    uid: service.metadata.uid ?? '',
    ip,
    link,
    ports: wanted?.ports ?? [],
    lifetime: wanted?.lifetime ?? 0,
    previous: readRecords(service).filter(({ internalIp }) => familyOf(internalIp) === familyOf(ip)),
  };
}
