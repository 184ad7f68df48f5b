/** v1 Service and Endpoints, discovery.k8s.io/v1 EndpointSlice. */
import { condition, kindSchema } from './meta.ts';
import { atomic, bool, distinct, int32, intOrString, list, listMap, map, string, struct } from './schema.ts';

const CORE = 'io.k8s.api.core.v1';
const DISCOVERY = 'io.k8s.api.discovery.v1';

const servicePort = struct(
  `${CORE}.ServicePort`,
  {
    name: string,
    protocol: string,
    appProtocol: string,
    port: int32,
    targetPort: intOrString,
    nodePort: int32,
  },
  { required: ['port'] },
);

const serviceSpec = struct(`${CORE}.ServiceSpec`, {
  ports: listMap(servicePort, { port: undefined, protocol: 'TCP' }),
  selector: atomic(map(string)),
  clusterIP: string,
  clusterIPs: list(string),
  type: string,
  externalIPs: list(string),
  sessionAffinity: string,
  loadBalancerIP: string,
  loadBalancerSourceRanges: list(string),
  externalName: string,
  externalTrafficPolicy: string,
  healthCheckNodePort: int32,
  publishNotReadyAddresses: bool,
  sessionAffinityConfig: struct(`${CORE}.SessionAffinityConfig`, {
    clientIP: struct(`${CORE}.ClientIPConfig`, { timeoutSeconds: int32 }),
  }),
  ipFamilies: list(string),
  ipFamilyPolicy: string,
  allocateLoadBalancerNodePorts: bool,
  loadBalancerClass: string,
  internalTrafficPolicy: string,
  trafficDistribution: string,
});

const portStatus = struct(`${CORE}.PortStatus`, { port: int32, protocol: string, error: string });

const loadBalancerIngress = struct(`${CORE}.LoadBalancerIngress`, {
  ip: string,
  hostname: string,
  ipMode: string,
  ports: list(portStatus),
});

export const loadBalancerStatus = struct(`${CORE}.LoadBalancerStatus`, { ingress: list(loadBalancerIngress) });

const serviceStatus = struct(`${CORE}.ServiceStatus`, {
  loadBalancer: loadBalancerStatus,
  conditions: listMap(condition, ['type']),
});

export const service = kindSchema(`${CORE}.Service`, { spec: serviceSpec, status: serviceStatus });

export const objectReference = atomic(
  struct(`${CORE}.ObjectReference`, {
    kind: string,
    namespace: string,
    name: string,
    uid: string,
    apiVersion: string,
    resourceVersion: string,
    fieldPath: string,
  }),
);

const endpointAddress = struct(`${CORE}.EndpointAddress`, {
  ip: string,
  hostname: string,
  nodeName: string,
  targetRef: objectReference,
});

const endpointSubset = struct(`${CORE}.EndpointSubset`, {
  addresses: list(endpointAddress),
  notReadyAddresses: list(endpointAddress),
  ports: list(struct(`${CORE}.EndpointPort`, { name: string, port: int32, protocol: string, appProtocol: string })),
});

export const endpoints = kindSchema(`${CORE}.Endpoints`, { subsets: list(endpointSubset) });

const forZones = list(struct(`${DISCOVERY}.ForZone`, { name: string }));
const forNodes = list(struct(`${DISCOVERY}.ForNode`, { name: string }));

const endpoint = struct(
  `${DISCOVERY}.Endpoint`,
  {
    addresses: distinct(string),
    conditions: struct(`${DISCOVERY}.EndpointConditions`, { ready: bool, serving: bool, terminating: bool }),
    hostname: string,
    targetRef: objectReference,
    deprecatedTopology: map(string),
    nodeName: string,
    zone: string,
    hints: struct(`${DISCOVERY}.EndpointHints`, { forZones, forNodes }),
  },
  { required: ['addresses'] },
);

export const endpointSlice = kindSchema(
  `${DISCOVERY}.EndpointSlice`,
  {
    addressType: string,
    endpoints: list(endpoint),
    ports: list(
      struct(`${DISCOVERY}.EndpointPort`, { name: string, protocol: string, port: int32, appProtocol: string }),
    ),
  },
  ['addressType', 'endpoints'],
);
