/** Which API servers there are: a pure function of what the API server says of them. */
import { familyOf, parseIp, type Family, type Ip } from '../../../model/ip.ts';
import type { EndpointSlice, Node } from '../../../model/kubernetes.ts';
import type { ApiBackend } from './port.ts';

const CONTROL_PLANE = 'node-role.kubernetes.io/control-plane';

export interface Surroundings {
  /** The EndpointSlices of the Service `kubernetes`: API servers write themselves into it. */
  readonly slices: Iterable<EndpointSlice>;
  /** Known nodes, all or the control planes. */
  readonly nodes: Iterable<Node>;
  /** Of this node. */
  readonly ownAddresses: readonly Ip[];
  /** Of the API servers, where no EndpointSlice says it. */
  readonly port: number;
}

/**
 * Sorted, each once. API servers write one address of themselves, so in the other family there are only the addresses
 * of the control planes' nodes to go by.
 */
export function apiBackends({ slices, nodes, ownAddresses, port }: Surroundings): ApiBackend[] {
  const listed = [...slices]
    .filter(({ addressType }) => addressType !== 'FQDN')
    .flatMap(({ endpoints = [], ports = [] }) =>
      endpoints.flatMap(({ addresses }) =>
        addresses.flatMap((text) => {
          const ip = parseIp(text);
          return ip === undefined ? [] : [{ ip, port: ports[0]?.port ?? port }];
        }),
      ),
    );
  const ofNodes = [...nodes]
    .filter(({ metadata }) => metadata.labels?.[CONTROL_PLANE] !== undefined)
    .flatMap((node) => ([4, 6] as const).flatMap((family) => internalIp(node, family) ?? []))
    .map((ip) => ({ ip, port }));
  const found = ([4, 6] as const).flatMap((family) => {
    const own = listed.filter(({ ip }) => familyOf(ip) === family);
    return own.length > 0 ? own : ofNodes.filter(({ ip }) => familyOf(ip) === family);
  });
  const once = new Map(found.map((one) => [`${one.ip} ${one.port}`, one]));
  return [...once]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, one]) => ({ ...one, here: ownAddresses.includes(one.ip) }));
}

/** The first one of a family: a node with several has one API server all the same. */
function internalIp({ status }: Node, family: Family): Ip | undefined {
  return (status?.addresses ?? [])
    .filter(({ type }) => type === 'InternalIP')
    .flatMap(({ address }) => parseIp(address) ?? [])
    .find((ip) => familyOf(ip) === family);
}
