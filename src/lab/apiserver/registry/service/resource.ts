/** v1 Service */
import { equal, numberAt, objectsAt, stringAt, type JsonObject } from '../../json.ts';
import { specOf, type ApiObject } from '../../object.ts';
import { serviceColumns } from '../../printers/service.ts';
import { service } from '../../schema/service.ts';
import { nameIsRfc1035Label } from '../../validation/names.ts';
import { ensure } from '../defaults.ts';
import { defineResource } from '../resource.ts';
import { allocateService } from './allocation.ts';
import {
  isExternallyReachable,
  isExternalName,
  isLoadBalancer,
  mayHaveNodePorts,
  needsHealthCheckPort,
  setServiceDefaults,
} from './defaults.ts';
import { validateService, validateServiceUpdate } from './validation.ts';

export const services = defineResource({
  group: '',
  version: 'v1',
  plural: 'services',
  kind: 'Service',
  shortNames: ['svc'],
  categories: ['all'],
  schema: service,
  subresources: ['status'],
  deleteReturnsObject: true,
  createOnUpdate: true,
  nameRule: nameIsRfc1035Label,
  columns: serviceColumns,
  selectable: {
    'spec.clusterIP': (object) => stringAt(specOf(object), 'clusterIP'),
    'spec.type': (object) => stringAt(specOf(object), 'type'),
  },
  setDefaults: setServiceDefaults,
  prepareForCreate: (object) => {
    object['status'] = { loadBalancer: {} };
  },
  prepareForUpdate: dropUnused,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  allocate: allocateService,
});

/** Takes away what the new type has no use for, unless the client has just chosen it: then validation refuses it. */
function dropUnused(object: ApiObject, old: ApiObject): void {
  const spec = specOf(object);
  const before = specOf(old);
  const drop = (...keys: readonly string[]): void => {
    if (!keys.every((key) => equal(spec[key], before[key]))) return;
    for (const key of keys) Reflect.deleteProperty(spec, key);
  };
  if (isExternalName(spec) && !isExternalName(before)) {
    drop('clusterIP', 'clusterIPs');
    drop('ipFamilies');
    drop('ipFamilyPolicy');
  }
  if (!mayHaveNodePorts(spec)) dropKnownNodePorts(spec, before);
  if (!needsHealthCheckPort(spec) && needsHealthCheckPort(before)) drop('healthCheckNodePort');
  if (!isLoadBalancer(spec)) {
    if (isLoadBalancer(before)) {
      drop('allocateLoadBalancerNodePorts');
      drop('loadBalancerClass');
    }
    ensure(object, 'status')['loadBalancer'] = {};
  }
  if (!isExternallyReachable(spec) && isExternallyReachable(before)) drop('externalTrafficPolicy');
}

/** All of them, or none when the client names one that the Service did not have. */
function dropKnownNodePorts(spec: JsonObject, before: JsonObject): void {
  const had = new Set(objectsAt(before, 'ports').map((port) => numberAt(port, 'nodePort')));
  const ports = objectsAt(spec, 'ports').filter((port) => port['nodePort'] !== undefined);
  if (!mayHaveNodePorts(before) || !ports.every((port) => had.has(numberAt(port, 'nodePort')))) return;
  for (const port of ports) delete port['nodePort'];
}
