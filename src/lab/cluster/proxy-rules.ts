/**
 * kube-proxy's work as one nftables table: a look-up by destination, then a random endpoint. Which endpoints, and
 * whether the client's address is kept, is as kube-proxy does it; NodePorts and session affinity are not there.
 */
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

/** The whole table for `node`, replacing what is there in one transaction. */
export function proxyRules(node: string, services: readonly Service[], slices: readonly EndpointSlice[]): string {
  const byService = Map.groupBy(slices.filter(isUsable), serviceOf);
  const frontends = services
    .flatMap((service) => frontendsOf(service, byService.get(keyOf(service)) ?? []))
    .map((frontend) => ({ ...frontend, match: matchOf(frontend) }))
    .sort((a, b) => (a.match < b.match ? -1 : 1));
  const chains = new Chains();
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
  return `add table ip ${TABLE}
delete table ip ${TABLE}
table ip ${TABLE} {
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject
  }
${chains.text()}${map('outside', outside)}${map('inside', inside)}${map('refused', refused)}  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr . meta l4proto . th dport vmap @outside
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ip daddr . meta l4proto . th dport vmap @inside
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    meta mark and ${MASQUERADE_MARK} == ${MASQUERADE_MARK} masquerade
  }
  chain input {
    type filter hook input priority 0; policy accept;
    ct state new ip daddr . meta l4proto . th dport vmap @refused
  }
}
`;
}

/** Services with the same endpoints share a chain: many Services in front of one Deployment are the usual case. */
class Chains {
  readonly #names = new Map<string, string>();

  name(protocol: string, targets: readonly Target[], masquerade: boolean): string {
    const choices = targets.map(({ address, port }, i) => `${i} : ${address} . ${port}`).join(', ');
    const body = [
      ...(masquerade ? [`meta mark set meta mark or ${MASQUERADE_MARK}`] : []),
      `meta l4proto ${protocol} dnat ip to numgen random mod ${targets.length} map { ${choices} }`,
    ].join('\n    ');
    const name = this.#names.get(body) ?? `endpoints-${this.#names.size}`;
    this.#names.set(body, name);
    return name;
  }

  text(): string {
    return [...this.#names].map(([body, name]) => `  chain ${name} {\n    ${body}\n  }\n`).join('');
  }
}

function map(name: string, elements: readonly string[]): string {
  const content = elements.length === 0 ? '' : `    elements = { ${elements.join(',\n      ')} }\n`;
  return `  map ${name} {\n    type ipv4_addr . inet_proto . inet_service : verdict\n${content}  }\n`;
}

function matchOf({ address, protocol, port }: Frontend): string {
  return `${address} . ${protocol} . ${port}`;
}

function isUsable(slice: EndpointSlice): boolean {
  return slice.addressType === 'IPv4' && slice.metadata.labels?.[SERVICE_NAME_LABEL] !== undefined;
}

function serviceOf({ metadata }: EndpointSlice): ServiceKey {
  return `${metadata.namespace ?? 'default'}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
}

function frontendsOf(service: Service, slices: readonly EndpointSlice[]): Frontend[] {
  const { clusterIP, externalTrafficPolicy, ports = [] } = service.spec;
  const inner = clusterIP === undefined || clusterIP === '' || clusterIP === 'None' ? [] : [clusterIP];
  const outer =
    service.spec.type === 'LoadBalancer'
      ? // `Proxy`: traffic is to go through the load balancer, so the node leaves it alone.
        (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
          ip === undefined || ipMode === 'Proxy' ? [] : [ip],
        )
      : [];
  const isV4 = (address: string): boolean => !address.includes(':');
  return ports.flatMap((port) => {
    const protocol: Protocol = port.protocol ?? 'TCP';
    if (protocol === 'SCTP') return [];
    const common = {
      protocol: protocol.toLowerCase(),
      port: port.port,
      targets: targetsOf(port, protocol, slices),
    };
    return [
      ...inner.filter(isV4).map((address) => ({ ...common, address, local: false })),
      ...outer.filter(isV4).map((address) => ({ ...common, address, local: externalTrafficPolicy === 'Local' })),
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
