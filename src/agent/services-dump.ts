/** What the part for Services says in a dump. */
import { readAssigned } from '../exposure/address/assigned.ts';
import { leasesOf } from '../exposure/address/leased.ts';
import { readRecords } from '../exposure/router/records.ts';
import { KEY } from '../model/annotations.ts';
import { keyOf, type EndpointSlice, type Service } from '../model/kubernetes.ts';
import type { DumpSection } from './dump.ts';
import type { Parts } from './parts.ts';

export function servicesSections({ watchers, stages, allocatorElection, config }: Parts): DumpSection[] {
  const services = watchers.services.store.list().filter(({ spec }) => spec.type === 'LoadBalancer');
  const owned = services
    .flatMap((service) => readAssigned(service)?.ips ?? [])
    .filter((ip) => stages.ownership.holds(ip));
  return [
    {
      title: 'LEADER ELECTION CONFIGURATION',
      lines: [
        `Election: ${config.election.kind}`,
        `Gives out addresses: ${allocatorElection.isLeader} (Lease ${config.namespace}/${config.allocatorLease})`,
        `Live agents: ${stages.ownership.liveNodes().join(', ')}`,
        `Agents that fell silent: ${stages.ownership.lostNodes().join(', ') || 'none'}`,
        `Addresses owned by this node: ${[...new Set(owned)].join(', ') || 'none'}`,
      ],
    },
    { title: 'SERVICES CONFIGURATION', lines: services.flatMap((service) => serviceLines(service)) },
    { title: 'ENDPOINTSLICES', lines: watchers.endpointSlices.store.list().flatMap(sliceLines) },
  ];
}

function serviceLines(service: Service): string[] {
  const { metadata, status } = service;
  const assigned = readAssigned(service);
  const ports = (service.spec.ports ?? []).map(({ port, protocol = 'TCP' }) => `${port}/${protocol}`);
  const conditions = (status?.conditions ?? []).map(
    ({ type, status: is, reason }) => `${type.replace('kubevip.dev/', '')}=${is}/${reason}`,
  );
  return [
    `Name=${keyOf(service)}, UUID=${metadata.uid ?? ''}, Addresses=${assigned?.ips.join(', ') ?? ''}, Ports=${ports.join(', ')}`,
    `  Owner=${metadata.annotations?.[KEY.vipHost] ?? ''}, Source=${assigned?.source ?? ''}${assigned?.pool === undefined ? '' : ` ${assigned.pool}`}`,
    ...leasesOf(assigned).map(
      (lease) => `  Lease=${lease.ip} from ${lease.server}, ${lease.leaseSeconds} s since ${lease.acquiredAt}`,
    ),
    ...readRecords(service).map(
      ({ protocol, externalPort, internalIp, internalPort, gateway, method }) =>
        `  Mapping=${protocol} ${externalPort} of ${gateway} to ${internalIp} port ${internalPort} by ${method}`,
    ),
    ...(conditions.length === 0 ? [] : [`  Conditions=${conditions.join(', ')}`]),
  ];
}

function sliceLines({ metadata, endpoints = [] }: EndpointSlice): string[] {
  return [
    `Endpoint Slice Name: ${metadata.namespace ?? 'default'}/${metadata.name}`,
    ...endpoints.map(
      ({ addresses, nodeName, conditions }) =>
        `  Node: ${nodeName ?? 'Unknown'}, Addresses: ${addresses.join(', ')}, Ready: ${conditions?.ready !== false}`,
    ),
  ];
}
