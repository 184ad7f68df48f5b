/** Creation of an object, as every client and the server itself do it. */
import { randomInt, randomUUID } from 'node:crypto';
import { alreadyExists, badRequest, forbidden, invalid, notFound, type ApiError } from '../errors.ts';
import { timestamp, storageKey, type ApiObject } from '../object.ts';
import type { Resource } from '../registry/resource.ts';
import type { Stored } from '../storage/history.ts';
import { validateNewMetadata } from '../validation/metadata.ts';
import { recordUpdate } from '../apply/managed-fields.ts';
import { subject, type Backend, type WriteOptions } from './backend.ts';
import { unsaved } from './unsaved.ts';

/**
 * Creates `object`, which belongs to the store afterwards.
 * @param namespace of the request; empty for resources without.
 */
export function createObject(
  backend: Backend,
  resource: Resource,
  namespace: string,
  object: ApiObject,
  options: WriteOptions = {},
): Stored {
  prepareMetadata(backend, resource, namespace, object);
  const { metadata } = object;
  if (resource.namespaced) refuseInNamespace(backend, resource, namespace, metadata.name || metadata.generateName);
  if (!metadata.name && metadata.generateName) metadata.name = generatedName(backend, resource, namespace, object);
  resource.setDefaults(object);
  if (options.fieldsRecorded !== true) {
    recordUpdate(resource, undefined, object, options.manager ?? 'unknown', '', backend.now());
  }
  resource.prepareForCreate(object);
  if (resource.countsGenerations) metadata.generation = 1;
  resource.allocate(object, undefined, backend);
  const name = metadata.name ?? '';
  const errors = [...validateNewMetadata(object, resource), ...resource.validate(object)];
  if (errors.length > 0) throw invalid(resource, name, errors);
  const key = storageKey(namespace, name);
  if (backend.store.get(resource.storage, key) !== undefined) throw alreadyExists(subject(resource, name));
  const stored = resource.toStored(object);
  return options.dryRun ? unsaved(stored) : backend.store.put(resource.storage, key, stored);
}

function prepareMetadata(backend: Backend, resource: Resource, namespace: string, object: ApiObject): void {
  const { metadata } = object;
  if (metadata.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
  if (resource.namespaced) {
    if (metadata.namespace && metadata.namespace !== namespace) throw wrongNamespace();
    metadata.namespace = namespace;
  }
  delete metadata.selfLink;
  delete metadata.generation;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timestamp(backend.now());
}

export function wrongNamespace(): ApiError {
  return badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** Letters and digits that cannot be read as one another and form no words: those of the real server. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;

function generatedName(backend: Backend, resource: Resource, namespace: string, object: ApiObject): string {
  const base = (object.metadata.generateName ?? '').slice(0, 63 - SUFFIX_LENGTH);
  for (let attempt = 0; attempt < 8; attempt++) {
    const suffix = Array.from({ length: SUFFIX_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
    const name = `${base}${suffix}`;
    if (backend.store.get(resource.storage, storageKey(namespace, name)) === undefined) return name;
  }
  throw alreadyExists(subject(resource, base));
}

function refuseInNamespace(backend: Backend, resource: Resource, namespace: string, name = ''): void {
  const found = backend.store.get('namespaces', namespace)?.object;
  if (found === undefined) throw notFound({ group: '', resource: 'namespaces', name: namespace });
  if (found.metadata.deletionTimestamp === undefined) return;
  throw forbidden(
    subject(resource, name),
    `unable to create new content in namespace ${namespace} because it is being terminated`,
    [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  );
}
