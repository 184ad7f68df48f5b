/** Calling one action of a router's connection service. */
import { DecodeError, messageOf } from '../../model/errors.ts';
import type { Ip } from '../../model/ip.ts';
import type { HttpResponse, Link } from '../../model/wire.ts';
import { isPinholeService } from '../../protocols/igd/pinhole.ts';
import { igdReason, pinholeReason, type IgdMeaning } from '../../protocols/igd/faults.ts';
import {
  decodeSoapResponse,
  encodeSoapRequest,
  type SoapArguments,
  type SoapFault,
  type SoapResponse,
} from '../../protocols/igd/soap.ts';
import { printable } from './description.ts';
import type { Refused, Unreachable } from './client.ts';
import { unreachable, type RouterIo } from './exchange.ts';

export interface IgdEndpoint {
  readonly serviceType: string;
  readonly controlUrl: string;
  /** Interface by name, for a router that is known by a link-local address. */
  readonly link?: string;
}

export type Called =
  | { readonly kind: 'done'; readonly values: ReadonlyMap<string, string> }
  | ({ readonly kind: 'fault'; readonly fault: SoapFault } & IgdMeaning)
  | Unreachable;

/** A router with many rules was seen to take half a second; small ones take longer. */
const TIMEOUT_MS = 5000;
const MAX_BYTES = 64 * 1024;

/** Answers of routers are read by {@link decode}; what it cannot read counts as no answer. */
export async function callIgd(
  io: RouterIo,
  endpoint: IgdEndpoint,
  action: string,
  args: SoapArguments,
  source: Ip,
  signal?: AbortSignal,
): Promise<Called> {
  const { headers, body } = encodeSoapRequest(endpoint.serviceType, action, args);
  let response: HttpResponse;
  try {
    response = await io.network.http({
      method: 'POST',
      url: endpoint.controlUrl,
      headers,
      body,
      localIp: source,
      ...onLink(io, endpoint.link),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    return unreachable(`${action} at ${endpoint.controlUrl}: ${messageOf(error)}`);
  }
  try {
    return interpreted(decodeSoapResponse(response.body, action), endpoint);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return unreachable(`${action} at ${endpoint.controlUrl}: HTTP ${response.status}, ${error.message}`);
  }
}

/** The interface by name, where an address says nothing without it. */
export function onLink(io: RouterIo, name: string | undefined): { readonly link?: Link } {
  const link = io.network.links().find((each) => each.name === name);
  return link ? { link } : {};
}

/** The services number their faults each in its own way. */
function interpreted(response: SoapResponse, { serviceType }: IgdEndpoint): Called {
  if (response.kind === 'done') return response;
  const meaning = isPinholeService(serviceType) ? pinholeReason : igdReason;
  return { ...response, ...meaning(response.fault.code) };
}

/** A fault as the refusal it is: the standard's name for the code, the router's own words if it has any. */
export function refusedBy({ fault, name, words }: Extract<Called, { kind: 'fault' }>): Refused {
  const said = printable(fault.description);
  const own = said === '' || said.toLowerCase() === name.toLowerCase() ? '' : ` (“${said}”)`;
  return { kind: 'refused', code: `${fault.code} ${name}`, words: `${words}${own}` };
}
