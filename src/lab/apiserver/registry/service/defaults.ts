/** What a Service gets without asking. */
import { numberAt, objectAt, objectsAt, stringAt, stringsAt, type JsonObject } from '../../json.ts';
import type { ApiObject } from '../../object.ts';
import { ensure, fill } from '../defaults.ts';

export function isExternalName(spec: JsonObject): boolean {
  return stringAt(spec, 'type') === 'ExternalName';
}

export function isLoadBalancer(spec: JsonObject): boolean {
  return stringAt(spec, 'type') === 'LoadBalancer';
}

/** Whether traffic from outside the cluster reaches it by a policy: node ports, load balancers, external IPs. */
export function isExternallyReachable(spec: JsonObject): boolean {
  return mayHaveNodePorts(spec) || stringsAt(spec, 'externalIPs').length > 0;
}

/** Whether it can have node ports at all. */
export function mayHaveNodePorts(spec: JsonObject): boolean {
  return ['NodePort', 'LoadBalancer'].includes(stringAt(spec, 'type'));
}

export function needsHealthCheckPort(spec: JsonObject): boolean {
  return isLoadBalancer(spec) && stringAt(spec, 'externalTrafficPolicy') === 'Local';
}

/** Node ports are given to NodePort Services, and to load balancers that do not refuse them. */
export function needsNodePorts(spec: JsonObject): boolean {
  const type = stringAt(spec, 'type');
  return type === 'NodePort' || (type === 'LoadBalancer' && spec['allocateLoadBalancerNodePorts'] !== false);
}

export function setServiceDefaults(object: ApiObject): void {
  const spec = ensure(object, 'spec');
  fill(spec, { type: 'ClusterIP', sessionAffinity: 'None' });
  if (spec['sessionAffinity'] === 'None') delete spec['sessionAffinityConfig'];
  if (spec['sessionAffinity'] === 'ClientIP') {
    fill(ensure(ensure(spec, 'sessionAffinityConfig'), 'clientIP'), { timeoutSeconds: 10_800 });
  }
  for (const port of objectsAt(spec, 'ports')) {
    fill(port, { protocol: 'TCP' });
    const target = port['targetPort'];
    if (target === undefined || target === 0 || target === '') port['targetPort'] = numberAt(port, 'port') ?? 0;
  }
  if (isExternallyReachable(spec)) fill(spec, { externalTrafficPolicy: 'Cluster' });
  if (isExternalName(spec)) delete spec['internalTrafficPolicy'];
  else fill(spec, { internalTrafficPolicy: 'Cluster' });
  if (isLoadBalancer(spec)) fill(spec, { allocateLoadBalancerNodePorts: true });
  dropEmpty(spec);
  ensure(ensure(object, 'status'), 'loadBalancer');
  defaultIngressMode(object);
}

/** `ipMode` says how the address gets to the pods; an address without one is a VIP. */
function defaultIngressMode(object: ApiObject): void {
  for (const ingress of objectsAt(objectAt(objectAt(object, 'status'), 'loadBalancer'), 'ingress')) {
    if (stringAt(ingress, 'ip') !== '') fill(ingress, { ipMode: 'VIP' });
  }
}

/** The real server leaves empty strings and zero numbers out of what it stores. */
function dropEmpty(spec: JsonObject): void {
  for (const key of ['clusterIP', 'loadBalancerIP', 'externalName', 'externalTrafficPolicy', 'healthCheckNodePort']) {
    if (spec[key] === '' || spec[key] === 0) Reflect.deleteProperty(spec, key);
  }
  for (const port of objectsAt(spec, 'ports')) if (port['nodePort'] === 0) delete port['nodePort'];
}
