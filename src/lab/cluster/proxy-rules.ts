/**
 * kube-proxy's work as one nftables table per family: a look-up by destination, then a random endpoint. Which endpoints,
 * and whether the client's address is kept, is as kube-proxy does it; NodePorts and session affinity are not there.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { EndpointSlice, Protocol, Service, ServiceKey, ServicePort } from '../../model/kubernetes.ts';
import { keyOf } from '../../model/kubernetes.ts';

const TABLE = 'kube-proxy';
/** Packets of connections that go out under the node's own address. */
const MASQUERADE_MARK = '0x4000';
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

interface Target {
  readonly address: string;
  readonly port: number;
  readonly node: string;
}

/** One address and port that leads to a Service. */
interface Frontend {
  readonly address: string;
  readonly protocol: string;
  readonly port: number;
  /** Every ready endpoint. */
  readonly targets: readonly Target[];
  /** Traffic from outside goes only to endpoints of this node, with the client's address kept. */
  readonly local: boolean;
}

/** What is different between the families: their words in nftables, and the addresses and slices that belong to them. */
interface Family {
  readonly name: 'ip' | 'ip6';
  readonly addressType: 'IPv4' | 'IPv6';
  readonly keyType: 'ipv4_addr' | 'ipv6_addr';
  readonly has: (address: string) => boolean;
}

const FAMILIES: readonly Family[] = [
  { name: 'ip', addressType: 'IPv4', keyType: 'ipv4_addr', has: isIPv4 },
  { name: 'ip6', addressType: 'IPv6', keyType: 'ipv6_addr', has: isIPv6 },
];

/** The whole tables for `node`, replacing what is there in one transaction. */
export function proxyRules(node: string, services: readonly Service[], slices: readonly EndpointSlice[]): string {
  return FAMILIES.map((family) => proxyTable(family, node, services, slices)).join('');
}

function proxyTable(
  family: Family,
  node: string,
  services: readonly Service[],
  slices: readonly EndpointSlice[],
): string {
  const usable = slices.filter((slice) => slice.addressType === family.addressType && serviceName(slice) !== undefined);
  const byService = Map.groupBy(usable, serviceOf);
  const frontends = services
    .flatMap((service) => frontendsOf(service, family, byService.get(keyOf(service)) ?? []))
    .map((frontend) => ({ ...frontend, match: matchOf(frontend) }))
    .sort((a, b) => (a.match < b.match ? -1 : 1));
  const chains = new Chains(family);
  const outside: string[] = [];
  const inside: string[] = [];
  const refused: string[] = [];
  for (const { match, protocol, local, targets } of frontends) {
    const reachable = local ? targets.filter((target) => target.node === node) : targets;
    if (targets.length > 0) inside.push(`${match} : goto ${chains.name(protocol, targets, true)}`);
    if (reachable.length > 0) outside.push(`${match} : goto ${chains.name(protocol, reachable, !local)}`);
    // With endpoints elsewhere it is a matter for another node; without any there is nobody to talk to.
    else refused.push(`${match} : ${targets.length > 0 ? 'drop' : 'goto refuse'}`);
  }
  const look = `${family.name} daddr . meta l4proto . th dport vmap`;
  return `add table ${family.name} ${TABLE}
delete table ${family.name} ${TABLE}
table ${family.name} ${TABLE} {
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject
  }
${chains.text()}${map(family, 'outside', outside)}${map(family, 'inside', inside)}${map(family, 'refused', refused)}  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ${look} @outside
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ${look} @inside
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    meta mark and ${MASQUERADE_MARK} == ${MASQUERADE_MARK} masquerade
  }
  chain input {
    type filter hook input priority 0; policy accept;
    ct state new ${look} @refused
  }
}
`;
}

/** Services with the same endpoints share a chain: many Services in front of one Deployment are the usual case. */
class Chains {
  readonly #family: Family;
  readonly #names = new Map<string, string>();

  constructor(family: Family) {
    this.#family = family;
  }

  name(protocol: string, targets: readonly Target[], masquerade: boolean): string {
    const choices = targets.map(({ address, port }, i) => `${i} : ${address} . ${port}`).join(', ');
    const body = [
      ...(masquerade ? [`meta mark set meta mark or ${MASQUERADE_MARK}`] : []),
      `meta l4proto ${protocol} dnat ${this.#family.name} to numgen random mod ${targets.length} map { ${choices} }`,
    ].join('\n    ');
    const name = this.#names.get(body) ?? `endpoints-${this.#names.size}`;
    this.#names.set(body, name);
    return name;
  }

  text(): string {
    return [...this.#names].map(([body, name]) => `  chain ${name} {\n    ${body}\n  }\n`).join('');
  }
}

function map({ keyType }: Family, name: string, elements: readonly string[]): string {
  const content = elements.length === 0 ? '' : `    elements = { ${elements.join(',\n      ')} }\n`;
  return `  map ${name} {\n    type ${keyType} . inet_proto . inet_service : verdict\n${content}  }\n`;
}

function matchOf({ address, protocol, port }: Frontend): string {
  return `${address} . ${protocol} . ${port}`;
}

function serviceName({ metadata }: EndpointSlice): string | undefined {
  return metadata.labels?.[SERVICE_NAME_LABEL];
}

function serviceOf(slice: EndpointSlice): ServiceKey {
  return `${slice.metadata.namespace ?? 'default'}/${serviceName(slice) ?? ''}`;
}

/** None for a Service that is not of the family: that is told by its cluster addresses. */
function frontendsOf(service: Service, family: Family, slices: readonly EndpointSlice[]): Frontend[] {
  const { clusterIP = '', clusterIPs = [clusterIP], externalTrafficPolicy, ports = [] } = service.spec;
  const inner = clusterIPs.filter(family.has);
  if (inner.length === 0) return [];
  const outer =
    service.spec.type === 'LoadBalancer'
      ? // `Proxy`: traffic is to go through the load balancer, so the node leaves it alone.
        (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
          ip === undefined || ipMode === 'Proxy' || !family.has(ip) ? [] : [ip],
        )
      : [];
  return ports.flatMap((port) => {
    const protocol: Protocol = port.protocol ?? 'TCP';
    if (protocol === 'SCTP') return [];
    const common = {
      protocol: protocol.toLowerCase(),
      port: port.port,
      targets: targetsOf(port, protocol, slices),
    };
    return [
      ...inner.map((address) => ({ ...common, address, local: false })),
      ...outer.map((address) => ({ ...common, address, local: externalTrafficPolicy === 'Local' })),
    ];
  });
}

/** Sorted, so that the same endpoints give the same rules. */
function targetsOf(port: ServicePort, protocol: Protocol, slices: readonly EndpointSlice[]): Target[] {
  return slices
    .flatMap((slice) => {
      const match = slice.ports?.find(
        (candidate) => (candidate.name ?? '') === (port.name ?? '') && (candidate.protocol ?? 'TCP') === protocol,
      );
      if (match?.port === undefined) return [];
      const targetPort = match.port;
      return (slice.endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready !== false)
        .flatMap(({ addresses, nodeName = '' }) =>
          addresses.map((address) => ({ address, port: targetPort, node: nodeName })),
        );
    })
    .sort((a, b) => a.address.localeCompare(b.address) || a.port - b.port);
}
