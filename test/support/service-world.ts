/** Services of ours and their EndpointSlices, for tests of what becomes of the traffic to them. */
import { KEY } from '../../src/model/annotations.ts';
import type { EndpointSlice, Service } from '../../src/model/kubernetes.ts';

/** As the agents leave a Service that has these addresses. */
export function servedService(name: string, ips: readonly string[], spec: Partial<Service['spec']> = {}): Service {
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      annotations: { [KEY.assigned]: JSON.stringify({ ips, source: 'explicit' }) },
    },
    spec: { type: 'LoadBalancer', clusterIP: '10.96.0.10', ports: [{ name: 'http', port: 80 }], ...spec },
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
  };
}

type Endpoint = readonly [
  address: string,
  node: string | undefined,
  conditions?: NonNullable<EndpointSlice['endpoints']>[number]['conditions'],
];

/** @param port of the pods, by the name `http` */
export function sliceOf(name: string, endpoints: readonly Endpoint[], port = 8080): EndpointSlice {
  return {
    metadata: { name: `${name}-x`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
    addressType: endpoints[0]?.[0].includes(':') === true ? 'IPv6' : 'IPv4',
    ports: [
      { name: 'http', port },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
    endpoints: endpoints.map(([address, nodeName, conditions = { ready: true }]) => ({
      addresses: [address],
      ...(nodeName === undefined ? {} : { nodeName }),
      conditions,
    })),
  };
}
