/** The core group without Service and Pod, and coordination.k8s.io/v1. */
import { invalidValue, required, type FieldError } from '../../errors.ts';
import {
  isObject,
  isTrueAt,
  numberAt,
  objectAt,
  objectsAt,
  stringAt,
  stringMapAt,
  type JsonObject,
} from '../../json.ts';
import { specOf, statusOf, type ApiObject } from '../../object.ts';
import {
  configMapColumns,
  leaseColumns,
  namespaceColumns,
  nodeColumns,
  secretColumns,
  serviceAccountColumns,
} from '../../printers/core.ts';
import { endpointsColumns, endpointSliceColumns } from '../../printers/service.ts';
import { configMap, lease, namespace, node, secret, serviceAccount } from '../../schema/core.ts';
import { endpoints as endpointsSchema, endpointSlice } from '../../schema/service.ts';
import { immutable } from '../../validation/metadata.ts';
import { nameIsLabel } from '../../validation/names.ts';
import { ensure, fill } from '../defaults.ts';
import { defineResource } from '../resource.ts';

const core = { group: '', version: 'v1' } as const;

export const namespaces = defineResource({
  ...core,
  plural: 'namespaces',
  kind: 'Namespace',
  shortNames: ['ns'],
  namespaced: false,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  schema: namespace,
  subresources: ['status'],
  deleteReturnsObject: true,
  nameRule: nameIsLabel,
  columns: namespaceColumns,
  selectable: { 'status.phase': (object) => stringAt(statusOf(object), 'phase') },
  setDefaults: (object) => {
    const labels = (object.metadata.labels ??= {});
    if (object.metadata.name) labels['kubernetes.io/metadata.name'] = object.metadata.name;
  },
  prepareForCreate: (object) => {
    object['spec'] = { finalizers: ['kubernetes'] };
    object['status'] = { phase: 'Active' };
  },
  prepareForUpdate: (object, old) => {
    object['spec'] = specOf(old);
  },
});

const CONFIG_KEY = /^[-._a-zA-Z0-9]+$/;

function dataKeyErrors(object: JsonObject, keys: readonly string[]): FieldError[] {
  return keys.flatMap((part) =>
    Object.keys(objectAt(object, part)).flatMap((key) =>
      CONFIG_KEY.test(key) && key.length <= 253 && key !== '.' && key !== '..'
        ? []
        : [
            invalidValue(
              `${part}[${key}]`,
              key,
              "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
            ),
          ],
    ),
  );
}

function keptIfImmutable(object: ApiObject, old: ApiObject): FieldError[] {
  if (old['immutable'] !== true) return [];
  return ['immutable', 'data', 'binaryData'].flatMap((key) =>
    immutable(object[key], old[key], key).map((error) => ({
      ...error,
      reason: 'FieldValueForbidden' as const,
      message: 'Forbidden: field is immutable when `immutable` is set',
    })),
  );
}

export const configMaps = defineResource({
  ...core,
  plural: 'configmaps',
  kind: 'ConfigMap',
  shortNames: ['cm'],
  schema: configMap,
  columns: configMapColumns,
  validate: (object) => dataKeyErrors(object, ['data', 'binaryData']),
  validateUpdate: keptIfImmutable,
});

export const secrets = defineResource({
  ...core,
  plural: 'secrets',
  kind: 'Secret',
  schema: secret,
  columns: secretColumns,
  selectable: { type: (object) => stringAt(object, 'type') },
  setDefaults: (object) => {
    fill(object, { type: 'Opaque' });
    const plain = Object.entries(stringMapAt(object, 'stringData'));
    if (plain.length > 0) {
      const data = ensure(object, 'data');
      for (const [key, value] of plain) data[key] = Buffer.from(value).toString('base64');
    }
    delete object['stringData'];
  },
  validate: (object) => dataKeyErrors(object, ['data']),
  validateUpdate: (object, old) => [...immutable(object['type'], old['type'], 'type'), ...keptIfImmutable(object, old)],
});

export const serviceAccounts = defineResource({
  ...core,
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  shortNames: ['sa'],
  schema: serviceAccount,
  deleteReturnsObject: true,
  columns: serviceAccountColumns,
});

export const nodes = defineResource({
  ...core,
  plural: 'nodes',
  kind: 'Node',
  shortNames: ['no'],
  namespaced: false,
  schema: node,
  subresources: ['status'],
  columns: nodeColumns,
  selectable: { 'spec.unschedulable': (object) => String(isTrueAt(specOf(object), 'unschedulable')) },
  setDefaults: (object) => {
    const status = ensure(object, 'status');
    if (status['allocatable'] === undefined && isObject(status['capacity'])) {
      status['allocatable'] = { ...status['capacity'] };
    }
    ensure(object, 'spec');
  },
});

export const endpoints = defineResource({
  ...core,
  plural: 'endpoints',
  kind: 'Endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  createOnUpdate: true,
  schema: endpointsSchema,
  columns: endpointsColumns,
  setDefaults: (object) => {
    for (const subset of objectsAt(object, 'subsets')) {
      for (const port of objectsAt(subset, 'ports')) fill(port, { protocol: 'TCP' });
    }
  },
});

export const endpointSlices = defineResource({
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  countsGenerations: true,
  schema: endpointSlice,
  columns: endpointSliceColumns,
  setDefaults: (object) => {
    for (const port of objectsAt(object, 'ports')) {
      fill(port, { protocol: 'TCP' });
      if (port['name'] === undefined) port['name'] = '';
    }
    // Both stand there as null when there are none: readers have to expect that of the real server.
    object['endpoints'] ??= null;
    object['ports'] ??= null;
  },
  validate: (object) => {
    const types = ['IPv4', 'IPv6', 'FQDN'];
    const type = stringAt(object, 'addressType');
    if (type === '') return [required('addressType')];
    const errors: FieldError[] = types.includes(type)
      ? []
      : [
          {
            reason: 'FieldValueNotSupported',
            field: 'addressType',
            message: `Unsupported value: ${JSON.stringify(type)}: supported values: "FQDN", "IPv4", "IPv6"`,
          },
        ];
    for (const [index, endpoint] of objectsAt(object, 'endpoints').entries()) {
      if (!Array.isArray(endpoint['addresses']) || endpoint['addresses'].length === 0) {
        errors.push(required(`endpoints[${index}].addresses`, 'must contain at least 1 address'));
      }
    }
    return errors;
  },
  validateUpdate: (object, old) => immutable(object['addressType'], old['addressType'], 'addressType'),
});

export const leases = defineResource({
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  unconditionalUpdate: false,
  createOnUpdate: true,
  schema: lease,
  columns: leaseColumns,
  setDefaults: (object) => {
    ensure(object, 'spec');
  },
  validate: (object) => {
    const spec = specOf(object);
    const errors: FieldError[] = [];
    const duration = numberAt(spec, 'leaseDurationSeconds');
    if (duration !== undefined && duration <= 0) {
      errors.push(invalidValue('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
    }
    const transitions = numberAt(spec, 'leaseTransitions');
    if (transitions !== undefined && transitions < 0) {
      errors.push(invalidValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
    }
    return errors;
  },
});
