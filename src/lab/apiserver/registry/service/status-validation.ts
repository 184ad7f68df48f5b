/** The status of a Service: its ingress. Conditions are not checked, as on the real server. */
import { isIP } from 'node:net';
import { forbiddenField, invalidValue, unsupported, type FieldError } from '../../errors.ts';
import { objectAt, objectsAt, stringAt } from '../../json.ts';
import { specOf, statusOf, type ApiObject } from '../../object.ts';
import { nameIsSubdomain } from '../../validation/names.ts';
import { isLoadBalancer } from './defaults.ts';
import { ipProblem } from '../../validation/ip-text.ts';

export function statusErrors(object: ApiObject): FieldError[] {
  const status = statusOf(object);
  const errors: FieldError[] = [];
  const ingress = objectsAt(objectAt(status, 'loadBalancer'), 'ingress');
  if (ingress.length > 0 && !isLoadBalancer(specOf(object))) {
    return [forbiddenField('status.loadBalancer.ingress', "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  for (const [index, item] of ingress.entries()) {
    const field = `status.loadBalancer.ingress[${index}]`;
    const ip = stringAt(item, 'ip');
    const why = ip === '' ? undefined : ipProblem(ip);
    if (why !== undefined) errors.push(invalidValue(`${field}.ip`, ip, why));
    if (ip === '' && item['ipMode'] !== undefined) {
      errors.push(forbiddenField(`${field}.ipMode`, 'may not be specified when `ip` is not set'));
    }
    const mode = item['ipMode'];
    if (mode !== undefined && mode !== 'VIP' && mode !== 'Proxy') {
      errors.push(unsupported(`${field}.ipMode`, mode, ['Proxy', 'VIP']));
    }
    const hostname = stringAt(item, 'hostname');
    if (hostname !== '') {
      errors.push(...nameIsSubdomain(hostname, false).map((why) => invalidValue(`${field}.hostname`, hostname, why)));
      if (isIP(hostname) !== 0) {
        errors.push(invalidValue(`${field}.hostname`, hostname, 'must be a DNS name, not an IP address'));
      }
    }
  }
  return errors;
}
