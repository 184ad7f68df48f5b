/** Objects for tests of what the CLI does: a workload, and Services as an agent would leave them. */
import { CONDITION, FINALIZER, KEY } from '../../src/model/annotations.ts';
import type { Condition, Lease, Service, Workload } from '../../src/model/kubernetes.ts';

export function deployment(
  name = 'web',
  ports: readonly { name?: string; containerPort: number }[] = [{ name: 'http', containerPort: 80 }],
): Workload {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name, tier: 'front' } }, spec: { containers: [{ name, ports }] } },
    },
  };
}

export function condition(
  stage: keyof typeof CONDITION,
  status: Condition['status'],
  reason: string,
  message = reason,
): Condition {
  return { type: CONDITION[stage], status, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z' };
}

/** The Service with these conditions in place of those of the same type. */
export function withConditions(service: Service, ...conditions: readonly Condition[]): Service {
  const kept = (service.status?.conditions ?? []).filter(({ type }) => !conditions.some((one) => one.type === type));
  return { ...service, status: { ...service.status, conditions: [...kept, ...conditions] } };
}

export function annotated(service: Service, annotations: Readonly<Record<string, string>>): Service {
  return {
    ...service,
    metadata: { ...service.metadata, annotations: { ...service.metadata.annotations, ...annotations } },
  };
}

/** What the agents make of a Service for which all goes well: 10.77.0.101 by DHCP on n1. */
export function settled(service: Service, external = '8.8.4.4'): Service {
  const { metadata } = service;
  const dhcp = metadata.annotations?.[KEY.loadBalancerIPs] === '0.0.0.0';
  const router = metadata.annotations?.[KEY.router];
  const mdns = metadata.annotations?.[KEY.mdns];
  const [port] = service.spec.ports ?? [];
  const ip = '10.77.0.101';
  const assigned = dhcp
    ? {
        ips: [ip],
        source: 'dhcp',
        link: 'eth0',
        lease: { ip, server: '10.77.0.1', acquiredAt: '2026-01-01T00:00:00Z', leaseSeconds: 3600 },
      }
    : {
        ips: [ip],
        source: metadata.annotations?.[KEY.loadBalancerIPs] === undefined ? 'pool' : 'explicit',
        pool: 'range-global',
      };
  const record = {
    protocol: 'TCP',
    internalPort: port?.port,
    externalPort: router === 'true' ? port?.port : Number(router),
    internalIp: ip,
    method: 'pcp',
    gateway: '10.77.0.1',
    externalIp: external,
  };
  const carried = annotated(service, {
    [KEY.assigned]: JSON.stringify(assigned),
    [KEY.vipHost]: 'n1',
    ...(router === undefined ? {} : { [KEY.routerMappings]: JSON.stringify([record]) }),
    ...(mdns === undefined ? {} : { [KEY.publishedNames]: `${mdns === 'true' ? metadata.name : mdns}.local` }),
  });
  const held = { ...carried, metadata: { ...carried.metadata, finalizers: [FINALIZER] } };
  return withConditions(
    held,
    condition('address', 'True', 'AddressAssigned', `${ip} by DHCP from 10.77.0.1`),
    condition('owner', 'True', 'Owned', 'n1'),
    condition('announcement', 'True', 'Announced', 'eth0'),
    ...(router === undefined ? [] : [condition('router', 'True', 'Mapped')]),
    ...(mdns === undefined ? [] : [condition('name', 'True', 'Published')]),
    condition('ready', 'True', 'Ready'),
  );
}

export function presence(node: string, renewTime: string): Lease {
  return {
    metadata: { name: `kubevip-node-${node}`, namespace: 'kube-system' },
    spec: { holderIdentity: node, leaseDurationSeconds: 3, renewTime },
  };
}
