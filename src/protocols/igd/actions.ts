/** The actions of WANIPConnection and WANPPPConnection that we use, and what their answers mean. */
import { DecodeError } from '../../model/errors.ts';
import { parseIp, type Ip } from '../../model/ip.ts';
import type { SoapArguments } from './soap.ts';

export interface PortMappingEntry {
  readonly protocol: 'TCP' | 'UDP';
  readonly externalPort: number;
  readonly internalIp: Ip;
  readonly internalPort: number;
  readonly enabled: boolean;
  readonly description: string;
  /** Seconds left; 0 = until removed. */
  readonly lease: number;
}

export interface ConnectionStatus {
  /** `Connected`, `Disconnected`, … */
  readonly status: string;
  /** Seconds the connection has been up. */
  readonly uptime: number;
}

type Values = ReadonlyMap<string, string>;
type Key = Pick<PortMappingEntry, 'protocol' | 'externalPort'>;

/**
 * Arguments of AddPortMapping and AddAnyPortMapping. The remote host is the empty string: it means anybody, where
 * `0.0.0.0` is refused by many routers.
 */
export function addPortMappingArguments(entry: Omit<PortMappingEntry, 'enabled'>): SoapArguments {
  return [
    ...keyArguments(entry),
    ['NewInternalPort', entry.internalPort],
    ['NewInternalClient', entry.internalIp],
    ['NewEnabled', 1],
    ['NewPortMappingDescription', entry.description],
    ['NewLeaseDuration', entry.lease],
  ];
}

/** Arguments of DeletePortMapping and GetSpecificPortMappingEntry. */
export function keyArguments(key: Key): SoapArguments {
  return [
    ['NewRemoteHost', ''],
    ['NewExternalPort', key.externalPort],
    ['NewProtocol', key.protocol],
  ];
}

/** Arguments of GetGenericPortMappingEntry: entries are numbered from 0, the end of the list is fault 713. */
export function indexArguments(index: number): SoapArguments {
  return [['NewPortMappingIndex', index]];
}

/** Answer of AddAnyPortMapping: the external port that was given. @throws DecodeError */
export function decodeReservedPort(values: Values): number {
  return portOf(values, 'NewReservedPort');
}

/** Answer of GetSpecificPortMappingEntry for `key`. @throws DecodeError */
export function decodeSpecificEntry(values: Values, key: Key): PortMappingEntry {
  const internalIp = parseIp(values.get('NewInternalClient') ?? '');
  if (internalIp === undefined) throw new DecodeError('a port mapping without a usable NewInternalClient');
  return {
    protocol: key.protocol,
    externalPort: key.externalPort,
    internalIp,
    internalPort: portOf(values, 'NewInternalPort'),
    enabled: !/^(0|false|no)$/i.test(values.get('NewEnabled') ?? '1'),
    description: values.get('NewPortMappingDescription') ?? '',
    lease: secondsOf(values.get('NewLeaseDuration')),
  };
}

/** Answer of GetGenericPortMappingEntry. @throws DecodeError */
export function decodeGenericEntry(values: Values): PortMappingEntry {
  const protocol = (values.get('NewProtocol') ?? '').toUpperCase();
  if (protocol !== 'TCP' && protocol !== 'UDP') throw new DecodeError('a port mapping without a usable NewProtocol');
  return decodeSpecificEntry(values, { protocol, externalPort: portOf(values, 'NewExternalPort') });
}

/** Answer of GetExternalIPAddress; undefined while the router has none. */
export function decodeExternalAddress(values: Values): Ip | undefined {
  const address = parseIp(values.get('NewExternalIPAddress') ?? '');
  return address === '0.0.0.0' || address === '::' ? undefined : address;
}

/** Answer of GetStatusInfo. */
export function decodeStatus(values: Values): ConnectionStatus {
  return { status: values.get('NewConnectionStatus') ?? '', uptime: secondsOf(values.get('NewUptime')) };
}

function portOf(values: Values, name: string): number {
  const text = values.get(name) ?? '';
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw new DecodeError(`a port mapping without a usable ${name}`);
  return Number(text);
}

/** Nonsense counts as 0, which makes nobody wait for a deadline that is not there. */
function secondsOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Math.min(Number(text), 0xffff_ffff) : 0;
}
