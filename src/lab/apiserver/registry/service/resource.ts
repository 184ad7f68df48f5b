/** v1 Service */
import { clone, numberAt, objectsAt, stringAt, stringsAt } from '../../json.ts';
import { specOf, type ApiObject } from '../../object.ts';
import { serviceColumns } from '../../printers/service.ts';
import { service } from '../../schema/service.ts';
import { nameIsRfc1035Label } from '../../validation/names.ts';
import { defineResource } from '../resource.ts';
import { allocateService } from './allocation.ts';
import { isLoadBalancer, needsHealthCheckPort, needsNodePorts, setServiceDefaults } from './defaults.ts';
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
    syncClusterIPs(object, undefined);
  },
  prepareForUpdate: (object, old) => {
    keepAllocated(object, old);
    syncClusterIPs(object, old);
  },
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  allocate: allocateService,
});

/** `clusterIP` is the old name of the first of `clusterIPs`; a client may send either. */
function syncClusterIPs(object: ApiObject, old: ApiObject | undefined): void {
  const spec = specOf(object);
  const single = stringAt(spec, 'clusterIP');
  const list = stringsAt(spec, 'clusterIPs');
  const oldSingle = old === undefined ? '' : stringAt(specOf(old), 'clusterIP');
  if (single !== '' && list.length === 0) spec['clusterIPs'] = [single];
  else if (single === '' && list.length > 0 && oldSingle === '') spec['clusterIP'] = list[0] ?? '';
  else if (single !== '' && single !== oldSingle && list[0] === oldSingle) spec['clusterIPs'] = [single];
}

/** Leaves out of a replacement what the client never chose, and takes away what the new type has no use for. */
function keepAllocated(object: ApiObject, old: ApiObject): void {
  const spec = specOf(object);
  const before = specOf(old);
  if (stringAt(spec, 'type') === 'ExternalName') {
    for (const key of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy']) {
      if (stringAt(before, 'type') !== 'ExternalName') Reflect.deleteProperty(spec, key);
    }
    return;
  }
  for (const key of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) {
    if (spec[key] === undefined && before[key] !== undefined) spec[key] = clone(before[key]);
  }
  const typeChanged = stringAt(spec, 'type') !== stringAt(before, 'type');
  if (typeChanged && !needsNodePorts(spec)) dropUnchangedNodePorts(spec, before);
  if (typeChanged && !isLoadBalancer(spec)) {
    for (const key of ['allocateLoadBalancerNodePorts', 'loadBalancerClass']) {
      if (spec[key] === before[key]) Reflect.deleteProperty(spec, key);
    }
    if (isLoadBalancer(before)) object['status'] = { loadBalancer: {} };
  }
  if (typeChanged && stringAt(spec, 'type') === 'ClusterIP' && stringsAt(spec, 'externalIPs').length === 0) {
    if (spec['externalTrafficPolicy'] === before['externalTrafficPolicy']) delete spec['externalTrafficPolicy'];
  }
  if (!needsHealthCheckPort(spec) && needsHealthCheckPort(before)) {
    if (spec['healthCheckNodePort'] === before['healthCheckNodePort']) delete spec['healthCheckNodePort'];
  } else if (needsHealthCheckPort(spec) && spec['healthCheckNodePort'] === undefined) {
    const port = numberAt(before, 'healthCheckNodePort');
    if (port !== undefined) spec['healthCheckNodePort'] = port;
  }
}

function dropUnchangedNodePorts(spec: ReturnType<typeof specOf>, before: ReturnType<typeof specOf>): void {
  const had = new Set(objectsAt(before, 'ports').map((port) => numberAt(port, 'nodePort')));
  for (const port of objectsAt(spec, 'ports')) {
    if (had.has(numberAt(port, 'nodePort'))) delete port['nodePort'];
  }
}
