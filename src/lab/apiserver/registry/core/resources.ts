/** The core group without Service, Pod, Node and Endpoints; coordination.k8s.io/v1. */
import { invalidValue, type FieldError } from '../../errors.ts';
import { numberAt, objectAt, stringAt, stringMapAt, type JsonObject } from '../../json.ts';
import { specOf, statusOf, type ApiObject } from '../../object.ts';
import {
  configMapColumns,
  leaseColumns,
  namespaceColumns,
  secretColumns,
  serviceAccountColumns,
} from '../../printers/core.ts';
import { configMap, lease, namespace, secret, serviceAccount } from '../../schema/core.ts';
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
