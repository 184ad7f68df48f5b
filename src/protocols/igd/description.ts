/** The description of an Internet Gateway Device (UPnP Device Architecture §2): who it is and where it takes orders. */
import { DecodeError } from '../../model/errors.ts';
import { child, childText, descendants, parseXml, type XmlElement } from './xml.ts';

export interface IgdDescription {
  readonly friendlyName: string;
  readonly manufacturer: string;
  readonly modelName: string;
  /** `urn:schemas-upnp-org:device:InternetGatewayDevice:2` */
  readonly deviceType: string;
  /** Every service that opens ports, in document order: several WAN connections are common. */
  readonly services: readonly IgdService[];
}

export interface IgdService {
  readonly kind: 'WANIPConnection' | 'WANPPPConnection' | 'WANIPv6FirewallControl';
  readonly version: number;
  /** The whole URN, as actions must repeat it. */
  readonly serviceType: string;
  readonly serviceId: string;
  /** Absolute, http only. */
  readonly controlUrl: string;
}

const SERVICE = /^urn:schemas-upnp-org:service:(WANIPConnection|WANPPPConnection|WANIPv6FirewallControl):(\d{1,3})$/;

/**
 * @param location where the description was fetched from. Control URLs may be relative to it or to `URLBase`, but
 *   whatever host they name, orders go to the host of `location`: some routers name an address they no longer have, and
 *   nobody may have us send requests elsewhere.
 * @throws DecodeError for anything that is no device description.
 */
export function decodeIgdDescription(xml: string, location: string): IgdDescription {
  const base = httpUrl(location);
  if (!base) throw new DecodeError('the location of a device description is an http URL');
  const root = parseXml(xml);
  const device = root.name === 'root' ? child(root, 'device') : undefined;
  if (!device) throw new DecodeError('not a UPnP device description');
  const urlBase = httpUrl(childText(root, 'URLBase') ?? '', base) ?? base;
  return {
    friendlyName: childText(device, 'friendlyName') ?? '',
    manufacturer: childText(device, 'manufacturer') ?? '',
    modelName: childText(device, 'modelName') ?? '',
    deviceType: childText(device, 'deviceType') ?? '',
    services: descendants(device, 'service').flatMap((element) => serviceOf(element, urlBase, base)),
  };
}

function serviceOf(element: XmlElement, urlBase: URL, location: URL): IgdService[] {
  const serviceType = childText(element, 'serviceType') ?? '';
  const path = childText(element, 'controlURL') ?? '';
  const match = SERVICE.exec(serviceType);
  const url = path === '' ? undefined : httpUrl(path, urlBase);
  if (!match || !url) return [];
  url.hostname = location.hostname;
  url.hash = '';
  return [
    {
      kind: match[1] as IgdService['kind'],
      version: Number(match[2]),
      serviceType,
      serviceId: childText(element, 'serviceId') ?? '',
      controlUrl: url.href,
    },
  ];
}

function httpUrl(text: string, base?: URL): URL | undefined {
  const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : undefined;
  if (url?.protocol !== 'http:') return undefined;
  url.username = '';
  url.password = '';
  return url;
}
