/**
 * Whose packets leave in the name of which address: a pure function of what the API server said last and of what this
 * node owns.
 */
import { apart, contains, prefixOf, type Cidr } from '../../model/cidr.ts';
import { familyOf, parseIp, type Family, type Ip } from '../../model/ip.ts';
import {
  keyOf,
  serviceOf,
  type EndpointSlice,
  type Node,
  type Service,
  type ServiceKey,
} from '../../model/kubernetes.ts';
import { readAssigned } from '../address/assigned.ts';
import type { Egress, EgressRule } from './port.ts';
import { limitsOf, parseNetwork, readEgress, type EgressWish } from './wish.ts';

export interface EgressWorld {
  /** This node. */
  readonly node: string;
  readonly services: Iterable<Service>;
  readonly slices: Iterable<EndpointSlice>;
  readonly nodes: Iterable<Node>;
  /** `egress_podcidr`, `egress_servicecidr` */
  readonly networks: readonly Cidr[];
  /** Whether this node owns the address now. */
  readonly holds: (ip: Ip) => boolean;
}

const API_SERVERS: ServiceKey = 'default/kubernetes';

/**
 * Every pod of the Service on this node that has an address, ready or not: one that is starting asks the outside too. A pod
 * of two such Services has the address of the first of them, by namespace and name.
 */
export function egressOf(world: EgressWorld): Egress {
  const wishes = wishesOf(world.services);
  if (wishes.length === 0) return { rules: [], inside: [] };
  const slices = [...world.slices];
  const byService = Map.groupBy(slices, serviceOf);
  const taken = new Set<Ip>();
  const rules: EgressRule[] = [];
  for (const [key, service, wish] of wishes) {
    for (const family of [4, 6] as const) {
      const address = readAssigned(service)?.ips.find((ip) => familyOf(ip) === family && world.holds(ip));
      const denied = wish.sparesApiServers ? [...wish.denied, ...apiServers(byService.get(API_SERVERS))] : wish.denied;
      const limits = limitsOf({ ...wish, denied }, family);
      if (address === undefined || limits === undefined) continue;
      const pods = podsOn(world.node, byService.get(key) ?? [], family).filter((pod) => !taken.has(pod));
      for (const pod of pods) taken.add(pod);
      if (pods.length > 0) rules.push({ address, pods, ...limits, cuts: wish.cuts });
    }
  }
  return { rules, inside: rules.length === 0 ? [] : insideOf(world, slices) };
}

/** In an order that is the same every time. */
function wishesOf(services: Iterable<Service>): (readonly [ServiceKey, Service, EgressWish])[] {
  const found: (readonly [ServiceKey, Service, EgressWish])[] = [];
  for (const service of services) {
    const reading = readEgress(service);
    if (reading.state === 'wanted') found.push([keyOf(service), service, reading.wish]);
  }
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

function podsOn(node: string, slices: readonly EndpointSlice[], family: Family): Ip[] {
  const here = slices.flatMap(({ addressType, endpoints = [] }) =>
    addressType === `IPv${family}` ? endpoints.filter(({ nodeName }) => nodeName === node) : [],
  );
  return [...new Set(here.flatMap(({ addresses }) => parseIp(addresses[0] ?? '') ?? []))].sort();
}

function apiServers(slices: readonly EndpointSlice[] = []): Cidr[] {
  return slices.flatMap(({ endpoints = [] }) =>
    endpoints.flatMap(({ addresses }) => addresses.flatMap((text) => parseNetwork(text) ?? [])),
  );
}

/**
 * The networks that Nodes name and those of the settings. Some network plugins give pods addresses beside what Nodes name,
 * so the pods that are known count one by one; those on the network of their host do not.
 */
function insideOf({ nodes, networks }: EgressWorld, slices: readonly EndpointSlice[]): string[] {
  const prefixes = [...networks];
  const hosts = new Set<Ip>();
  for (const { spec, status } of nodes) {
    for (const text of spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR])) {
      const network = parseNetwork(text);
      if (network) prefixes.push(network);
    }
    for (const { address } of status?.addresses ?? []) {
      const ip = parseIp(address);
      if (ip !== undefined) hosts.add(ip);
    }
  }
  const wide = apart(prefixes);
  const others = new Set<Ip>();
  for (const { endpoints = [] } of slices) {
    for (const { addresses, nodeName } of endpoints) {
      const ip = parseIp(addresses[0] ?? '');
      if (ip === undefined || nodeName === undefined || hosts.has(ip)) continue;
      if (!wide.some((prefix) => contains(prefix, ip))) others.add(ip);
    }
  }
  return [...wide.map(prefixOf), ...[...others].sort()];
}
