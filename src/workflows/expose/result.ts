/** What came of it: the JSON of `expose`, and how its URLs are made. */
import { readAssigned } from '../../exposure/address/assigned.ts';
import { reachabilityOf } from '../../exposure/router/reachability.ts';
import type { MappingRecord } from '../../exposure/router/port.ts';
import { readRecords } from '../../exposure/router/records.ts';
import { KEY } from '../../model/annotations.ts';
import { KubevipError, type ErrorDetails } from '../../model/errors.ts';
import { bracketed, familyOf, hostPort, type Ip } from '../../model/ip.ts';
import type { Protocol, Service, ServicePort } from '../../model/kubernetes.ts';
import type { StageView } from './judge.ts';
import { publishedNames } from './judge.ts';

export interface Endpoint {
  /** `http://10.77.0.101`, `tcp://10.77.0.101:5432` */
  readonly url: string;
  readonly scope: 'lan' | 'name' | 'internet';
  readonly protocol: Protocol;
  readonly host: string;
  readonly port: number;
  /** `yes`: it answered; `no`: it could have and did not; `unknown`: not verifiable from here. */
  readonly verified: 'yes' | 'no' | 'unknown';
  /** Why, in words. */
  readonly note: string;
}

export interface ExposeResult {
  readonly namespace: string;
  readonly service: string;
  /** False: a Service that was there was changed. */
  readonly created: boolean;
  readonly addresses: readonly Ip[];
  readonly source?: 'pool' | 'explicit' | 'dhcp';
  readonly owner?: string;
  readonly stages: readonly Pick<StageView, 'stage' | 'state' | 'reason' | 'message'>[];
  readonly endpoints: readonly Endpoint[];
}

/** Not everything came about. `result` is how far it got. */
export class ExposeError extends KubevipError {
  readonly result: ExposeResult;

  constructor(message: string, details: ErrorDetails, result: ExposeResult) {
    super(message, details);
    this.result = result;
  }
}

export function resultOf(
  service: Service,
  created: boolean,
  stages: readonly StageView[],
  endpoints: readonly Endpoint[],
): ExposeResult {
  const assigned = readAssigned(service);
  const owner = service.metadata.annotations?.[KEY.vipHost];
  return {
    namespace: service.metadata.namespace ?? 'default',
    service: service.metadata.name,
    created,
    addresses: assigned?.ips ?? [],
    ...(assigned ? { source: assigned.source } : {}),
    ...(owner === undefined ? {} : { owner }),
    stages: stages.map(({ stage, state, reason, message }) => ({ stage, state, reason, message })),
    endpoints,
  };
}

/** Where it is to be found, before anything of it is verified. Only what its stage has made ready. */
export function endpointsOf(service: Service, stages: readonly StageView[]): Endpoint[] {
  const ready = new Set(stages.filter(({ state }) => state === 'ready').map(({ stage }) => stage));
  if (!ready.has('announcement')) return [];
  const assigned = readAssigned(service)?.ips ?? [];
  const ports = service.spec.ports ?? [];
  const lan = assigned.flatMap((address) => ports.map((port) => endpoint('lan', address, port, port.port, NOT_TRIED)));
  const names = ready.has('name') ? publishedNames(service) : [];
  const named = names.flatMap((name) => ports.map((port) => endpoint('name', name, port, port.port, NOT_TRIED)));
  return [...lan, ...named, ...(ready.has('router') ? internetEndpoints(service, ports) : [])];
}

const NOT_TRIED = 'not tried';

function internetEndpoints(service: Service, ports: readonly ServicePort[]): Endpoint[] {
  const records = readRecords(service);
  const hasPinhole = records.some(({ internalIp }) => familyOf(internalIp) === 6);
  return records.flatMap((record) => {
    const port = ports.find((one) => one.port === record.internalPort && (one.protocol ?? 'TCP') === record.protocol);
    if (!port) return [];
    // A pinhole (RFC 6887 §11, WANIPv6FirewallControl) translates nothing: outside it is the same address and port.
    if (familyOf(record.internalIp) === 6)
      return [endpoint('internet', record.internalIp, port, record.internalPort, pinholeNote(record))];
    const host = record.externalIp ?? 'your public address';
    const note = internetNote(record.externalIp, record.gateway) + (hasPinhole ? '' : wayOut(record.externalIp));
    return [endpoint('internet', host, port, record.externalPort, note)];
  });
}

function pinholeNote({ internalIp, gateway }: MappingRecord): string {
  return reachabilityOf(internalIp) === 'public'
    ? `let in by the router ${gateway}; cannot be tried from inside`
    : `the router ${gateway} lets it in, but ${internalIp} is not an address of the Internet`;
}

/** What to do where the router itself cannot be reached from the Internet. */
function wayOut(external: Ip | undefined): string {
  switch (reachabilityOf(external)) {
    case 'cgnat':
      return '; IPv6 goes around it (--family dual), or ask the provider for a public IPv4 address';
    case 'private':
      return '; IPv6 goes around it (--family dual)';
    default:
      return '';
  }
}

/** What the router's outer address means for somebody on the Internet. */
function internetNote(external: Ip | undefined, gateway: Ip): string {
  switch (reachabilityOf(external)) {
    case 'unknown':
      return `confirmed by the router ${gateway}, which does not say its public address`;
    case 'cgnat':
      return `the router ${gateway} has forwarded the port, but its own address ${external} is the provider's (CGNAT): not reachable from the Internet`;
    case 'private':
      return `the router ${gateway} has forwarded the port, but its own address ${external} is private (double NAT): the router before it has to forward the port too`;
    case 'reserved':
      return `the router ${gateway} has forwarded the port, but its own address ${external} is not one of the Internet`;
    case 'public':
      return `confirmed by the router ${gateway}; cannot be tried from inside`;
  }
}

function endpoint(scope: Endpoint['scope'], host: string, port: ServicePort, number: number, note: string): Endpoint {
  const protocol = port.protocol ?? 'TCP';
  const scheme = schemeOf(port);
  return { url: urlOf(scheme, host, number), scope, protocol, host, port: number, verified: 'unknown', note };
}

/** By the port inside: the number outside says nothing of what is spoken. */
function schemeOf({ name = '', appProtocol = '', port, protocol = 'TCP' }: ServicePort): string {
  if (protocol !== 'TCP') return protocol.toLowerCase();
  const said = `${appProtocol} ${name}`.toLowerCase();
  if (/\bhttps\b/.test(said) || port === 443) return 'https';
  if (/\b(http|web)\b/.test(said) || port === 80) return 'http';
  return 'tcp';
}

/** Without the port where the scheme implies it. */
export function urlOf(scheme: string, host: string, port: number): string {
  const implied = (scheme === 'http' && port === 80) || (scheme === 'https' && port === 443);
  return `${scheme}://${implied ? bracketed(host) : hostPort(host, port)}`;
}
