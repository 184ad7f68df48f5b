/** Which Services are refused, in the words of the real server. */
import { forbiddenField, invalidValue, required, type FieldError } from '../../errors.ts';
import { equal, numberAt, objectAt, stringAt, stringMapAt, stringsAt, type JsonObject } from '../../json.ts';
import { specOf, type ApiObject } from '../../object.ts';
import { labelErrors } from '../../validation/metadata.ts';
import { nameIsSubdomain, qualifiedNameErrors } from '../../validation/names.ts';
import { addressChangeErrors } from './address-validation.ts';
import {
  isExternalName,
  isExternallyReachable,
  isLoadBalancer,
  mayHaveNodePorts,
  needsHealthCheckPort,
} from './defaults.ts';
import { cidrProblem, ipProblem, unusualAddress } from '../../validation/ip-text.ts';
import { oneOf } from './one-of.ts';
import { portsErrors } from './port-validation.ts';
import { statusErrors } from './status-validation.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];

export function validateService(object: ApiObject): FieldError[] {
  const spec = specOf(object);
  return [
    ...oneOf(spec, 'type', TYPES),
    ...oneOf(spec, 'sessionAffinity', ['ClientIP', 'None']),
    ...portsErrors(spec),
    ...labelErrors(stringMapAt(spec, 'selector'), 'spec.selector'),
    ...addressErrors(spec),
    ...policyErrors(spec),
    ...classErrors(spec),
    ...affinityErrors(spec),
    ...distributionErrors(spec),
    ...statusErrors(object),
  ];
}

function addressErrors(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, ip] of stringsAt(spec, 'externalIPs').entries()) {
    const why = ipProblem(ip) ?? unusualAddress(ip);
    if (why !== undefined) errors.push(invalidValue(`spec.externalIPs[${index}]`, ip, why));
  }
  if (mayHaveNodePorts(spec) && stringAt(spec, 'clusterIP') === 'None') {
    const why = `may not be set to 'None' for ${stringAt(spec, 'type')} services`;
    errors.push(invalidValue('spec.clusterIPs[0]', 'None', why));
  }
  if (isExternalName(spec)) errors.push(...externalNameErrors(spec));
  return errors;
}

function externalNameErrors(spec: JsonObject): FieldError[] {
  const name = stringAt(spec, 'externalName').replace(/\.$/, '');
  return [
    ...['clusterIPs', 'ipFamilies', 'ipFamilyPolicy']
      .filter((key) => spec[key] !== undefined)
      .map((key) => forbiddenField(`spec.${key}`, 'may not be set for ExternalName services')),
    ...(name === ''
      ? [required('spec.externalName')]
      : nameIsSubdomain(name, false).map((why) => invalidValue('spec.externalName', name, why))),
  ];
}

function policyErrors(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const external = spec['externalTrafficPolicy'];
  if (isExternallyReachable(spec)) {
    errors.push(...oneOf(spec, 'externalTrafficPolicy', ['Cluster', 'Local']));
  } else if (external !== undefined) {
    errors.push(
      invalidValue('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services'),
    );
  }
  if (spec['internalTrafficPolicy'] !== undefined) {
    errors.push(...oneOf(spec, 'internalTrafficPolicy', ['Cluster', 'Local']));
  }
  const healthPort = numberAt(spec, 'healthCheckNodePort');
  if (healthPort !== undefined && !needsHealthCheckPort(spec)) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalidValue('spec.healthCheckNodePort', healthPort, why));
  }
  return errors;
}

function affinityErrors(spec: JsonObject): FieldError[] {
  if (stringAt(spec, 'sessionAffinity') !== 'ClientIP') return [];
  const seconds = numberAt(objectAt(objectAt(spec, 'sessionAffinityConfig'), 'clientIP'), 'timeoutSeconds') ?? 0;
  if (seconds > 0 && seconds <= 86_400) return [];
  const field = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
  return [invalidValue(field, seconds, 'must be greater than 0 and less than 86400')];
}

function distributionErrors(spec: JsonObject): FieldError[] {
  if (spec['trafficDistribution'] === undefined) return [];
  return oneOf(spec, 'trafficDistribution', ['PreferClose', 'PreferSameZone', 'PreferSameNode']);
}

function classErrors(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  if (spec['loadBalancerClass'] !== undefined) {
    const loadBalancerClass = stringAt(spec, 'loadBalancerClass');
    errors.push(
      ...(isLoadBalancer(spec)
        ? qualifiedNameErrors(loadBalancerClass).map((why) =>
            invalidValue('spec.loadBalancerClass', loadBalancerClass, why),
          )
        : [forbiddenField('spec.loadBalancerClass', "may only be used when `type` is 'LoadBalancer'")]),
    );
  }
  if (spec['allocateLoadBalancerNodePorts'] !== undefined && !isLoadBalancer(spec)) {
    errors.push(forbiddenField('spec.allocateLoadBalancerNodePorts', "may only be used when `type` is 'LoadBalancer'"));
  }
  const ranges = stringsAt(spec, 'loadBalancerSourceRanges');
  if (ranges.length > 0 && !isLoadBalancer(spec)) {
    errors.push(forbiddenField('spec.LoadBalancerSourceRanges', "may only be used when `type` is 'LoadBalancer'"));
  }
  for (const [index, range] of ranges.entries()) {
    const why = cidrProblem(range.trim());
    if (why !== undefined) errors.push(invalidValue(`spec.LoadBalancerSourceRanges[${index}]`, range.trim(), why));
  }
  return errors;
}

/** What may not change. */
export function validateServiceUpdate(object: ApiObject, old: ApiObject): FieldError[] {
  const spec = specOf(object);
  const before = specOf(old);
  const errors = addressChangeErrors(spec, before);
  if (
    isLoadBalancer(before) &&
    isLoadBalancer(spec) &&
    !equal(spec['loadBalancerClass'], before['loadBalancerClass'])
  ) {
    const value = spec['loadBalancerClass'] ?? null;
    errors.push(invalidValue('spec.loadBalancerClass', value, 'may not change once set'));
  }
  const healthPort = numberAt(before, 'healthCheckNodePort');
  if (healthPort !== undefined && needsHealthCheckPort(before) && needsHealthCheckPort(spec)) {
    if (numberAt(spec, 'healthCheckNodePort') !== healthPort) {
      errors.push(forbiddenField('spec.healthCheckNodePort', 'field is immutable'));
    }
  }
  return errors;
}
