/** Change of an object: the one way in which PUT, every kind of PATCH and the server itself change anything. */
import { badRequest, conflict, invalid, invalidValue, notFound, STALE } from '../errors.ts';
import { clone, equal, omit, type JsonObject } from '../json.ts';
import { nameOf, storageKey, type ApiObject } from '../object.ts';
import type { Resource } from '../registry/resource.ts';
import type { Stored } from '../storage/history.ts';
import { immutable, validateMetadataUpdate } from '../validation/metadata.ts';
import { recordUpdate } from '../apply/managed-fields.ts';
import { subject, type Backend, type WriteOptions } from './backend.ts';
import { wrongNamespace } from './create.ts';
import { unsaved } from './unsaved.ts';

export interface UpdateOptions extends WriteOptions {
  readonly subresource?: '' | 'status';
  /** A PUT must say which version it replaces, unless the resource allows it not to. */
  readonly put?: boolean;
}

/**
 * Replaces the object by what `change` makes of a copy of it.
 * A resourceVersion or uid left in the result that is not the current one is a conflict.
 */
export function updateObject(
  backend: Backend,
  resource: Resource,
  namespace: string,
  name: string,
  change: (current: ApiObject) => ApiObject,
  options: UpdateOptions = {},
): Stored {
  const key = storageKey(namespace, name);
  const current = backend.store.get(resource.storage, key);
  if (current === undefined) throw notFound(subject(resource, name));
  const old = resource.fromStored(current.object);
  const object = change(clone(old));
  checkIdentity(resource, namespace, name, object, old, options);
  carryOver(object, old);
  resource.setDefaults(object);
  keepOtherPart(resource, object, old, options.subresource ?? '');
  if (options.fieldsRecorded !== true) {
    recordUpdate(resource, old, object, options.manager ?? 'unknown', options.subresource ?? '', backend.now());
  }
  resource.allocate(object, old, backend);
  const errors = [
    ...validateMetadataUpdate(object, old),
    ...resource.validate(object),
    ...resource.validateUpdate(object, old),
  ];
  if (errors.length > 0) throw invalid(resource, name, errors);
  if (resource.countsGenerations && !equal(counted(object), counted(old))) {
    object.metadata.generation = (old.metadata.generation ?? 0) + 1;
  }
  if (unchanged(object, old)) return current;
  const stored = resource.toStored(object);
  if (options.dryRun) return unsaved(stored);
  if (!isReleased(stored)) return backend.store.put(resource.storage, key, stored);
  backend.store.delete(resource.storage, key);
  return unsaved(stored);
}

/** The last finalizer of an object that is being deleted is gone: so is the object, without another version. */
function isReleased(object: ApiObject): boolean {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  return deletionTimestamp !== undefined && finalizers.length === 0 && !heldBySpec(object);
}

/** Namespaces have a list of finalizers of their own. */
export function heldBySpec(object: ApiObject): boolean {
  if (object.kind !== 'Namespace') return false;
  const spec = object['spec'] as { finalizers?: string[] } | undefined;
  return (spec?.finalizers ?? []).length > 0;
}

function checkIdentity(
  resource: Resource,
  namespace: string,
  name: string,
  object: ApiObject,
  old: ApiObject,
  options: UpdateOptions,
): void {
  const { metadata } = object;
  if (nameOf(object) !== name) {
    throw badRequest(`the name of the object (${nameOf(object)}) does not match the name on the URL (${name})`);
  }
  if (resource.namespaced && metadata.namespace && metadata.namespace !== namespace) throw wrongNamespace();
  if (metadata.uid && metadata.uid !== old.metadata.uid) {
    // A PUT of another incarnation is a conflict; a patch that says so is a mistake in what it says.
    if (options.put !== true) throw invalid(resource, name, immutable(metadata.uid, old.metadata.uid, 'metadata.uid'));
    const uids = `UID in precondition: ${metadata.uid}, UID in object meta: ${old.metadata.uid ?? ''}`;
    throw conflict(subject(resource, name), `Precondition failed: ${uids}`);
  }
  if (metadata.resourceVersion) {
    if (metadata.resourceVersion !== old.metadata.resourceVersion) throw conflict(subject(resource, name), STALE);
  } else if (options.put === true && !resource.unconditionalUpdate) {
    const why = invalidValue('metadata.resourceVersion', 0, 'must be specified for an update');
    throw invalid({ group: resource.group, kind: resource.plural }, name, [why]);
  }
}

/** What clients cannot change. */
function carryOver({ metadata }: ApiObject, old: ApiObject): void {
  const keep = (key: keyof typeof metadata & string): void => {
    const value = old.metadata[key];
    if (value === undefined) Reflect.deleteProperty(metadata, key);
    else metadata[key] = clone(value);
  };
  ['namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'generation', 'generateName'].forEach(keep);
  ['deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink'].forEach(keep);
}

/** The status is written through its sub-resource only, everything else not through it. */
function keepOtherPart(resource: Resource, object: ApiObject, old: ApiObject, subresource: string): void {
  if (subresource === 'status') {
    for (const key of Object.keys(object)) {
      if (!['metadata', 'status', 'apiVersion', 'kind'].includes(key)) Reflect.deleteProperty(object, key);
    }
    for (const key of Object.keys(old)) if (key !== 'metadata' && key !== 'status') object[key] = clone(old[key]);
    return;
  }
  if (resource.subresources.includes('status')) {
    if (old['status'] === undefined) delete object['status'];
    else object['status'] = clone(old['status']);
  }
  resource.prepareForUpdate(object, old);
}

function counted(object: ApiObject): JsonObject {
  return omit(object, ['metadata', 'status']);
}

/** A write that changes nothing makes no new version, even if it would refresh the times of managed fields. */
function unchanged(object: ApiObject, old: ApiObject): boolean {
  const without = (value: ApiObject): JsonObject => {
    const managedFields = (value.metadata.managedFields ?? []).map((entry) => omit(entry, ['time']));
    return { ...value, metadata: { ...value.metadata, managedFields } };
  };
  return equal(without(object), without(old));
}
