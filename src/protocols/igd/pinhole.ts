/** The actions of WANIPv6FirewallControl:1 (§2.5 there): holes in a router's IPv6 firewall, each known by its number. */
import { DecodeError } from '../../model/errors.ts';
import type { Ip } from '../../model/ip.ts';
import type { SoapArguments } from './soap.ts';

export interface Pinhole {
  readonly protocol: 'TCP' | 'UDP';
  readonly internalIp: Ip;
  readonly internalPort: number;
  /** Seconds, 1 to {@link PINHOLE_LONGEST_LEASE}. */
  readonly lease: number;
}

export interface FirewallStatus {
  /** False: everything is let in, and no pinhole can be made or is needed. */
  readonly enabled: boolean;
  /** Whether devices may open pinholes. */
  readonly pinholesAllowed: boolean;
}

/** §2.3.4: a day. There is no pinhole without end. */
export const PINHOLE_LONGEST_LEASE = 86_400;

/** IANA protocol numbers, as the actions carry them. */
const PROTOCOL = { TCP: 6, UDP: 17 } as const;
type Values = ReadonlyMap<string, string>;

/** Whether a service is the firewall, not a connection. @param serviceType its whole URN. */
export function isPinholeService(serviceType: string): boolean {
  return /^urn:schemas-upnp-org:service:WANIPv6FirewallControl:\d{1,3}$/.test(serviceType);
}

/** Arguments of AddPinhole: anybody may come from any port. The host outside is the empty string, the port 0. */
export function addPinholeArguments({ protocol, internalIp, internalPort, lease }: Pinhole): SoapArguments {
  return [
    ['RemoteHost', ''],
    ['RemotePort', 0],
    ['InternalClient', internalIp],
    ['InternalPort', internalPort],
    ['Protocol', PROTOCOL[protocol]],
    ['LeaseTime', lease],
  ];
}

/** Arguments of UpdatePinhole. */
export function updatePinholeArguments(uniqueId: string, lease: number): SoapArguments {
  return [...pinholeArguments(uniqueId), ['NewLeaseTime', lease]];
}

/** Arguments of DeletePinhole, CheckPinholeWorking and GetPinholePackets. */
export function pinholeArguments(uniqueId: string): SoapArguments {
  return [['UniqueID', uniqueId]];
}

/** Answer of AddPinhole: the number of the pinhole, 16 bits. @throws DecodeError */
export function decodeUniqueId(values: Values): string {
  const text = (values.get('UniqueID') ?? '').trim();
  if (!isUniqueId(text)) throw new DecodeError('a pinhole without a usable UniqueID');
  return text;
}

/** Whether a text can be the number of a pinhole. */
export function isUniqueId(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

/** Answer of GetFirewallStatus. A router that leaves something out is taken to allow it. */
export function decodeFirewallStatus(values: Values): FirewallStatus {
  return { enabled: isYes(values.get('FirewallEnabled')), pinholesAllowed: isYes(values.get('InboundPinholeAllowed')) };
}

function isYes(text: string | undefined): boolean {
  return !/^(0|false|no)$/i.test((text ?? '').trim());
}
