/** Rules for metadata, the same for every kind. */
import { forbiddenField, invalidValue, required, tooLong, type FieldError } from '../errors.ts';
import { equal, stringAt, type Json } from '../json.ts';
import type { ApiObject, Meta } from '../object.ts';
import type { Resource } from '../registry/resource.ts';
import { labelValueErrors, qualifiedNameErrors } from './names.ts';

const MAX_ANNOTATIONS_BYTES = 256 * 1024;

/** Of a new object. */
export function validateNewMetadata(object: ApiObject, { namespaced, nameRule }: Resource): FieldError[] {
  const { name, generateName, namespace } = object.metadata;
  const errors: FieldError[] = [];
  if (generateName !== undefined && generateName !== '') {
    errors.push(...each('metadata.generateName', generateName, nameRule(generateName, true)));
  }
  if (name === undefined || name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else errors.push(...each('metadata.name', name, nameRule(name, false)));
  if (!namespaced && namespace !== undefined && namespace !== '') {
    errors.push(forbiddenField('metadata.namespace', 'not allowed on this type'));
  }
  return [...errors, ...validateMetadata(object)];
}

/** Of any object: labels, annotations, finalizers and owners. */
export function validateMetadata({ metadata }: ApiObject): FieldError[] {
  return [
    ...labelErrors(metadata.labels ?? {}, 'metadata.labels'),
    ...annotationErrors(metadata),
    ...finalizerErrors(metadata),
    ...ownerErrors(metadata),
  ];
}

export function labelErrors(labels: Readonly<Record<string, string>>, field: string): FieldError[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...each(field, key, qualifiedNameErrors(key)),
    ...each(field, value, labelValueErrors(value)),
  ]);
}

function annotationErrors({ annotations = {} }: Meta): FieldError[] {
  const field = 'metadata.annotations';
  const errors = Object.keys(annotations).flatMap((key) => each(field, key, qualifiedNameErrors(key.toLowerCase())));
  const bytes = Object.entries(annotations).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (bytes > MAX_ANNOTATIONS_BYTES) errors.push(tooLong(field, MAX_ANNOTATIONS_BYTES));
  return errors;
}

function finalizerErrors({ finalizers = [] }: Meta): FieldError[] {
  return finalizers.flatMap((name, index) => {
    const field = `metadata.finalizers[${index}]`;
    const errors = each(field, name, qualifiedNameErrors(name));
    const standard = ['orphan', 'foregroundDeletion', 'kubernetes'];
    if (errors.length === 0 && !name.includes('/') && !standard.includes(name)) {
      errors.push(invalidValue(field, name, 'name is neither a standard finalizer name nor is it fully qualified'));
    }
    return errors;
  });
}

function ownerErrors({ ownerReferences = [] }: Meta): FieldError[] {
  const errors: FieldError[] = [];
  for (const owner of ownerReferences) {
    for (const key of ['apiVersion', 'kind', 'name', 'uid']) {
      if (stringAt(owner, key) !== '') continue;
      const why = key === 'apiVersion' ? 'version must not be empty' : 'must not be empty';
      errors.push(invalidValue(`metadata.ownerReferences.${key}`, '', why));
    }
  }
  if (ownerReferences.filter(({ controller }) => controller).length > 1) {
    const message = 'Only one reference can have Controller set to true';
    errors.push(invalidValue('metadata.ownerReferences', ownerReferences, message));
  }
  return errors;
}

/** Of a changed object, after the server's own fields have been carried over. */
export function validateMetadataUpdate(object: ApiObject, old: ApiObject): FieldError[] {
  const errors = validateMetadata(object);
  if (old.metadata.deletionTimestamp !== undefined) {
    const before = new Set(old.metadata.finalizers ?? []);
    const added = (object.metadata.finalizers ?? []).filter((name) => !before.has(name));
    if (added.length > 0) {
      const list = added.map((name) => JSON.stringify(name)).join(', ');
      errors.push(
        forbiddenField(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
        ),
      );
    }
  }
  return errors;
}

/** `field` may not change once it has a value. */
export function immutable(value: Json | undefined, old: Json | undefined, field: string): FieldError[] {
  return equal(value, old) ? [] : [invalidValue(field, value ?? null, 'field is immutable')];
}

function each(field: string, value: Json, messages: readonly string[]): FieldError[] {
  return messages.map((message) => invalidValue(field, value, message));
}
