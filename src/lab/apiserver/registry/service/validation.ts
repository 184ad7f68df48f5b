/** Which Services are refused, in the words of the real server. */
import { isIP, isIPv4 } from 'node:net';
import { forbiddenField, invalidValue, required, unsupported, type FieldError } from '../../errors.ts';
import { equal, numberAt, stringAt, stringMapAt, stringsAt, type JsonObject } from '../../json.ts';
import { specOf, type ApiObject } from '../../object.ts';
import { labelErrors } from '../../validation/metadata.ts';
import { nameIsSubdomain, qualifiedNameErrors } from '../../validation/names.ts';
import { isExternallyReachable, isLoadBalancer, needsHealthCheckPort } from './defaults.ts';
import { NOT_AN_IP, oneOf } from './one-of.ts';
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
    ...familyErrors(spec),
    ...statusErrors(object),
  ];
}

/** Addresses that mean nothing as the address of a Service on a node. */
function unusualAddress(ip: string): string | undefined {
  if (ip === '0.0.0.0' || ip === '::') return `may not be unspecified (${ip})`;
  if (ip.startsWith('127.') || ip === '::1') return 'may not be in the loopback range (127.0.0.0/8, ::1/128)';
  if (ip.startsWith('169.254.')) return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)';
  if (/^22[4-9]\.|^23\d\./.test(ip)) return 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)';
  return undefined;
}

function addressErrors(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, ip] of stringsAt(spec, 'externalIPs').entries()) {
    const why = isIP(ip) === 0 ? NOT_AN_IP : unusualAddress(ip);
    if (why !== undefined) errors.push(invalidValue(`spec.externalIPs[${index}]`, ip, why));
  }
  const clusterIPs = stringsAt(spec, 'clusterIPs');
  const clusterIP = stringAt(spec, 'clusterIP');
  if (clusterIPs.length > 0 && clusterIPs[0] !== clusterIP) {
    errors.push(invalidValue('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`'));
  }
  for (const [index, ip] of clusterIPs.entries()) {
    if (ip !== 'None' && isIP(ip) === 0) errors.push(invalidValue(`spec.clusterIPs[${index}]`, ip, NOT_AN_IP));
  }
  if (isLoadBalancer(spec) && clusterIP === 'None') {
    errors.push(invalidValue('spec.clusterIPs[0]', 'None', "may not be set to 'None' for LoadBalancer services"));
  }
  if (stringAt(spec, 'type') === 'ExternalName') errors.push(...externalNameErrors(spec));
  return errors;
}

function externalNameErrors(spec: JsonObject): FieldError[] {
  const name = stringAt(spec, 'externalName').replace(/\.$/, '');
  if (name === '') return [required('spec.externalName')];
  const cluster = stringsAt(spec, 'clusterIPs').length > 0;
  return [
    ...nameIsSubdomain(name, false).map((why) => invalidValue('spec.externalName', name, why)),
    ...(cluster ? [forbiddenField('spec.clusterIPs', 'may not be set when `type` is ExternalName')] : []),
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

/** The lab's Service network is IPv4 only, so what asks for more gets what a cluster like it answers. */
function familyErrors(spec: JsonObject): FieldError[] {
  const errors = stringsAt(spec, 'ipFamilies').flatMap((family, index) =>
    family === 'IPv4' ? [] : [invalidValue(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster')],
  );
  const policy = stringAt(spec, 'ipFamilyPolicy');
  if (policy === 'RequireDualStack') {
    const why = 'this cluster is not configured for dual-stack services';
    errors.push(invalidValue('spec.ipFamilyPolicy', policy, why));
  } else if (!['', 'SingleStack', 'PreferDualStack'].includes(policy)) {
    errors.push(unsupported('spec.ipFamilyPolicy', policy, ['PreferDualStack', 'RequireDualStack', 'SingleStack']));
  }
  return errors;
}

function classErrors(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const loadBalancerClass = stringAt(spec, 'loadBalancerClass');
  if (loadBalancerClass !== '') {
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
    if (!isCidr(range.trim())) {
      const why = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
      errors.push(invalidValue(`spec.LoadBalancerSourceRanges[${index}]`, range, why));
    }
  }
  return errors;
}

function isCidr(text: string): boolean {
  const [ip = '', length = '', ...rest] = text.split('/');
  if (rest.length > 0 || isIP(ip) === 0 || !/^\d{1,3}$/.test(length)) return false;
  return Number(length) <= (isIPv4(ip) ? 32 : 128);
}

/** What may not change. */
export function validateServiceUpdate(object: ApiObject, old: ApiObject): FieldError[] {
  const spec = specOf(object);
  const before = specOf(old);
  const errors: FieldError[] = [];
  const hadAddress = stringAt(before, 'type') !== 'ExternalName' && stringAt(before, 'clusterIP') !== '';
  const keepsAddress = stringAt(spec, 'type') !== 'ExternalName';
  if (hadAddress && keepsAddress && stringAt(spec, 'clusterIP') !== stringAt(before, 'clusterIP')) {
    errors.push(invalidValue('spec.clusterIPs[0]', stringsAt(spec, 'clusterIPs'), 'may not change once set'));
  }
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
