/** Simple Service Discovery Protocol (UPnP Device Architecture 2.0 §1): what devices say, and how to ask. */
import type { Ip } from '../../model/ip.ts';
import { ip } from '../../model/ip.ts';

export const SSDP_PORT = 1900;
export const SSDP_GROUP_V4: Ip = ip('239.255.255.250');
/** On the link, and on the site, where some devices listen instead. */
export const SSDP_GROUP_V6: Ip = ip('ff02::c');
export const SSDP_GROUP_V6_SITE: Ip = ip('ff05::c');
/** A datagram that fits one Ethernet frame; devices send far less. */
export const SSDP_MAX_BYTES = 2048;

/**
 * What to search for to find a home router. The device is what the standard has clients search for; the services are
 * there for routers that answer only to those.
 */
export const IGD_SEARCH_TARGETS = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'urn:schemas-upnp-org:service:WANIPConnection:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
  'urn:schemas-upnp-org:service:WANPPPConnection:1',
] as const;

/** The same for a router whose IPv6 firewall can be opened, which only the second version knows. */
export const PINHOLE_SEARCH_TARGETS = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
  'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1',
] as const;

export interface SsdpSearch {
  readonly kind: 'search';
  /** ST */
  readonly target: string;
  /** MX, seconds within which devices answer. */
  readonly maxWait: number;
}

/** What an answer and an announcement have in common. */
interface Advert {
  /** ST or NT: what is advertised. */
  readonly target: string;
  readonly usn: string;
  /** URL of the description. */
  readonly location?: string;
  readonly server?: string;
  /** Seconds from CACHE-CONTROL. */
  readonly maxAge?: number;
  /** BOOTID.UPNP.ORG: grows with each restart of the device. UPnP 1.0 devices have none. */
  readonly bootId?: number;
}
export type SsdpAnswer = Advert & { readonly kind: 'answer' };
export type SsdpNotify = Advert & {
  readonly kind: 'notify';
  readonly change: 'alive' | 'byebye' | 'update';
  /** With `update`: the boot id from now on. */
  readonly nextBootId?: number;
};

export type SsdpMessage = SsdpSearch | SsdpAnswer | SsdpNotify;

/** Whether an advert speaks of a router's ports: the gateway device, its parts, connections or IPv6 firewall. */
export function isGatewayTarget(target: string): boolean {
  return /^urn:schemas-upnp-org:(device:(InternetGateway|WAN|WANConnection)Device|service:WAN((IP|PPP)Connection|IPv6FirewallControl)):\d+$/.test(
    target,
  );
}
