/**
 * Which traffic needs a detour: a pure function of what the API server said last and of who is dead. Endpoints are
 * chosen as kube-proxy chooses them, from what is left.
 */
import { apart, parseCidr, prefixOf } from '../../model/cidr.ts';
import { familyOf, parseIp, type Family, type Ip } from '../../model/ip.ts';
import {
  keyOf,
  serviceOf,
  type EndpointSlice,
  type Service,
  type ServiceKey,
  type ServicePort,
} from '../../model/kubernetes.ts';
import { atOnce, type Steps } from '../../model/portions.ts';
import { readAssigned } from '../address/assigned.ts';
import type { Backend, Detour } from './port.ts';

export interface Surroundings {
  /** This node. */
  readonly node: string;
  readonly services: Iterable<Service>;
  readonly slices: Iterable<EndpointSlice>;
  /** Nodes that died. */
  readonly dead: ReadonlySet<string>;
}

interface Endpoint extends Backend {
  /** Undefined: not a pod, or nobody says where. */
  readonly node: string | undefined;
  readonly ready: boolean;
  /** Ends, and still answers: kube-proxy turns to it when no other is left. */
  readonly lastResort: boolean;
}

/** Sorted, so that the same state of the world gives the same list on every node. */
export function detours(surroundings: Surroundings): Detour[] {
  return atOnce(findDetours(surroundings));
}

/** The same, a Service a step. */
export function* findDetours({ node, services, slices, dead }: Surroundings): Steps<Detour[]> {
  if (dead.size === 0) return [];
  const byService = new Map<ServiceKey, EndpointSlice[]>();
  for (const slice of slices) {
    const key = serviceOf(slice);
    if (key !== undefined) byService.set(key, [...(byService.get(key) ?? []), slice]);
  }
  const found = new Map<string, Detour>();
  for (const service of services) {
    yield;
    const own = byService.get(keyOf(service));
    if (own?.some((slice) => hasEndpointOn(slice, dead)) !== true) continue;
    for (const address of proxiedAddresses(service)) {
      for (const port of service.spec.ports ?? []) {
        const detour = detourOf(service, address, port, endpointsOf(own, port, familyOf(address)), node, dead);
        // Two Services with the same port of an address are a mistake, and which of them wins is kube-proxy's matter.
        if (detour && !found.has(nameOf(detour))) found.set(nameOf(detour), detour);
      }
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, detour]) => detour);
}

/** Nodes of `nodes` that have a ready endpoint in any of the slices. */
export function nodesStillListed(slices: Iterable<EndpointSlice>, nodes: Iterable<string>): Set<string> {
  const asked = new Set(nodes);
  const listed = new Set<string>();
  if (asked.size === 0) return listed;
  for (const { endpoints } of slices) {
    for (const { nodeName, conditions } of endpoints ?? [])
      if (nodeName !== undefined && asked.has(nodeName) && conditions?.ready !== false) listed.add(nodeName);
  }
  return listed;
}

function detourOf(
  { spec }: Service,
  address: Ip,
  { port, protocol = 'TCP' }: ServicePort,
  endpoints: readonly Endpoint[],
  node: string,
  dead: ReadonlySet<string>,
): Detour | undefined {
  if (protocol === 'SCTP') return undefined;
  const isDead = (endpoint: Endpoint): boolean => endpoint.node !== undefined && dead.has(endpoint.node);
  // Of those that kube-proxy chooses from none is dead: it does well by itself.
  if (!chosen(endpoints).some(isDead)) return undefined;
  const left = chosen(endpoints.filter((endpoint) => !isDead(endpoint)));
  // Without any left nothing is gained: its agent may be dead and the node alive.
  if (left.length === 0) return undefined;
  const sources = sourcesOf(spec.loadBalancerSourceRanges ?? [], familyOf(address));
  if (sources === undefined) return undefined;
  const local = spec.externalTrafficPolicy === 'Local';
  const sticky = spec.sessionAffinity === 'ClientIP';
  const here = left.filter((endpoint) => endpoint.node === node);
  return {
    address,
    protocol,
    port,
    // Local traffic from other machines never goes to another node, that of pods does. But kube-proxy remembers which
    // client belongs to which of its pods, and that is not to be lost for nothing.
    outside: (local ? (sticky ? [] : here) : left).map(backendOf),
    inside: left.map(backendOf),
    masquerade: !local,
    sticky,
    sources,
  };
}

/** The ready ones; without any, those that end and still answer (KEP-1669). */
function chosen(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  return ready.length > 0 ? ready : endpoints.filter((endpoint) => endpoint.lastResort);
}

/** Sorted. */
function endpointsOf(slices: readonly EndpointSlice[], wanted: ServicePort, family: Family): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const { addressType, ports = [], endpoints = [] } of slices) {
    if (addressType !== `IPv${family}`) continue;
    const port = ports.find(
      ({ name, protocol }) =>
        (name ?? '') === (wanted.name ?? '') && (protocol ?? 'TCP') === (wanted.protocol ?? 'TCP'),
    )?.port;
    if (port === undefined) continue;
    for (const { addresses, nodeName: node, conditions } of endpoints) {
      const ready = conditions?.ready !== false;
      const lastResort = conditions?.serving === true && conditions.terminating === true;
      // Consumers use the first address alone (discovery/v1 Endpoint).
      const ip = parseIp(addresses[0] ?? '');
      if (ip !== undefined) found.set(`${ip} ${port}`, { ip, port, node, ready, lastResort });
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}

/** Addresses of ours that kube-proxy serves. `Proxy`: traffic is to go through a load balancer, and it keeps out. */
function proxiedAddresses(service: Service): Ip[] {
  if (service.spec.type !== 'LoadBalancer') return [];
  const ours = readAssigned(service)?.ips ?? [];
  return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) => {
    const address = parseIp(ip ?? '');
    return address !== undefined && ours.includes(address) && ipMode !== 'Proxy' ? [address] : [];
  });
}

/** Prefixes that do not overlap; none: everybody. Undefined: nobody of this family. */
function sourcesOf(ranges: readonly string[], family: Family): string[] | undefined {
  if (ranges.length === 0) return [];
  const prefixes = apart(ranges.flatMap((text) => parseCidr(text) ?? []).filter((cidr) => cidr.family === family));
  if (prefixes[0]?.prefixLength === 0) return [];
  return prefixes.length === 0 ? undefined : prefixes.map(prefixOf);
}

function hasEndpointOn({ endpoints = [] }: EndpointSlice, nodes: ReadonlySet<string>): boolean {
  return endpoints.some(({ nodeName }) => nodeName !== undefined && nodes.has(nodeName));
}

function backendOf({ ip, port }: Endpoint): Backend {
  return { ip, port };
}

function nameOf({ address, protocol, port }: Detour): string {
  return `${address} ${protocol} ${port}`;
}
