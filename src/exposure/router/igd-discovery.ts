/** From a device description to the one service of a router that opens its ports. */
import { DecodeError } from '../../model/errors.ts';
import { bracketed, type Ip } from '../../model/ip.ts';
import { decodeExternalAddress, decodeStatus } from '../../protocols/igd/actions.ts';
import { decodeIgdDescription, type IgdService } from '../../protocols/igd/description.ts';
import { callIgd, onLink } from './igd-call.ts';
import { createIgdClient } from './igd-client.ts';
import { createPinholeClient } from './pinhole-client.ts';
import type { RouterClient } from './client.ts';
import type { RouterIo } from './exchange.ts';

const TIMEOUT_MS = 3000;
const MAX_BYTES = 256 * 1024;

/**
 * The client for the router whose description is at `location`. Whatever address that names, the gateway is asked: only
 * the path and the port are the router's to say. Undefined when it has nothing to offer.
 */
export async function openIgd(
  io: RouterIo,
  gateway: Ip,
  location: string,
  source: Ip,
  signal?: AbortSignal,
): Promise<RouterClient | undefined> {
  const services = connections(await servicesAt(io, { gateway }, location, source, signal));
  const service = await bestOf(io, services, source, signal);
  if (!service) return undefined;
  const method = service.version >= 2 ? 'igd2' : 'igd1';
  return createIgdClient({ ...io, method, gateway, ...service });
}

/** The same for its IPv6 firewall, which is asked by IPv6: a pinhole is for the address that the order comes from. */
export async function openFirewall(
  io: RouterIo,
  route: { readonly gateway: Ip; readonly link: string },
  location: string,
  source: Ip,
  signal?: AbortSignal,
): Promise<RouterClient | undefined> {
  const services = await servicesAt(io, route, location, source, signal);
  const service = services.find(({ kind }) => kind === 'WANIPv6FirewallControl');
  return service && createPinholeClient({ ...io, ...route, ...service });
}

function onGateway(location: string, gateway: Ip): string | undefined {
  if (!URL.canParse(location)) return undefined;
  const url = new URL(location);
  if (url.protocol !== 'http:') return undefined;
  url.hostname = bracketed(gateway);
  return url.href;
}

async function servicesAt(
  io: RouterIo,
  { gateway, link }: { readonly gateway: Ip; readonly link?: string },
  location: string,
  source: Ip,
  signal?: AbortSignal,
): Promise<readonly IgdService[]> {
  const url = onGateway(location, gateway);
  if (url === undefined) return [];
  try {
    const { status, body } = await io.network.http({
      method: 'GET',
      url,
      localIp: source,
      ...onLink(io, link),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
      ...(signal ? { signal } : {}),
    });
    return status === 200 ? decodeIgdDescription(body, url).services : [];
  } catch (error) {
    // A router that answers searches but cannot describe itself has no UPnP to offer.
    if (error instanceof DecodeError || isHttpError(error)) return [];
    throw error;
  }
}

function isHttpError(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}

/** Newest version first; otherwise in the router's order. */
function connections(services: readonly IgdService[]): IgdService[] {
  return services.filter(({ kind }) => kind !== 'WANIPv6FirewallControl').sort((a, b) => b.version - a.version);
}

/** Of several connections (DSL boxes list PPP and IP, of which one is in use) the one that is up and has an address. */
async function bestOf(
  io: RouterIo,
  services: readonly IgdService[],
  source: Ip,
  signal?: AbortSignal,
): Promise<IgdService | undefined> {
  if (services.length <= 1) return services[0];
  // A hostile list is long; a real one is not.
  const candidates = services.slice(0, 6);
  const scores = await Promise.all(candidates.map((service) => score(io, service, source, signal)));
  const best = Math.max(...scores);
  return candidates[scores.indexOf(best)];
}

async function score(io: RouterIo, service: IgdService, source: Ip, signal?: AbortSignal): Promise<number> {
  const [status, address] = await Promise.all([
    callIgd(io, service, 'GetStatusInfo', [], source, signal),
    callIgd(io, service, 'GetExternalIPAddress', [], source, signal),
  ]);
  const up = status.kind === 'done' && decodeStatus(status.values).status.toLowerCase() === 'connected';
  const addressed = address.kind === 'done' && decodeExternalAddress(address.values) !== undefined;
  return (up ? 2 : 0) + (addressed ? 1 : 0);
}
