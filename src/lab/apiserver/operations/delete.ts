/** Deletion: preconditions, finalizers, and what becomes of dependents. */
import { conflict, invalidOptions, notFound, unsupported } from '../errors.ts';
import { clone, type JsonObject } from '../json.ts';
import { storageKey, timestamp, type ApiObject } from '../object.ts';
import type { Resource } from '../registry/resource.ts';
import type { Stored } from '../storage/history.ts';
import { subject, type Backend } from './backend.ts';
import { unsaved } from './unsaved.ts';
import { heldBySpec } from './update.ts';

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

export interface DeleteOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagation?: Propagation;
  readonly dryRun?: boolean;
}

export interface Deletion {
  readonly stored: Stored;
  /** False while finalizers hold the object back. */
  readonly gone: boolean;
}

/** Reads DeleteOptions from the body or the query of a request. @throws ApiError 422 for a wrong policy. */
export function readDeleteOptions(body: JsonObject | undefined, query: URLSearchParams): DeleteOptions {
  const preconditions = (body?.['preconditions'] ?? {}) as { uid?: string; resourceVersion?: string };
  const policy = body?.['propagationPolicy'] ?? query.get('propagationPolicy') ?? undefined;
  const orphan = body?.['orphanDependents'] ?? (query.get('orphanDependents') === 'true' ? true : undefined);
  if (policy !== undefined && policy !== 'Background' && policy !== 'Foreground' && policy !== 'Orphan') {
    const known = ['Foreground', 'Background', 'Orphan', 'nil'];
    throw invalidOptions('DeleteOptions', [unsupported('propagationPolicy', policy, known)]);
  }
  const propagation = policy ?? (orphan === true ? 'Orphan' : undefined);
  const dryRun = body?.['dryRun'] !== undefined || query.has('dryRun');
  return {
    ...(preconditions.uid === undefined ? {} : { uid: preconditions.uid }),
    ...(preconditions.resourceVersion === undefined ? {} : { resourceVersion: preconditions.resourceVersion }),
    ...(propagation === undefined ? {} : { propagation }),
    dryRun,
  };
}

/** Deletes an object, or marks it as being deleted while finalizers are on it. */
export function deleteObject(
  backend: Backend,
  resource: Resource,
  namespace: string,
  name: string,
  options: DeleteOptions = {},
): Deletion {
  const key = storageKey(namespace, name);
  const current = backend.store.get(resource.storage, key);
  if (current === undefined) throw notFound(subject(resource, name));
  checkPreconditions(resource, name, current.object, options);
  const finalizers = finalizersFor(current.object, options.propagation);
  if (finalizers.length === 0 && !heldBySpec(current.object)) {
    if (options.dryRun === true) return { stored: current, gone: true };
    return { stored: backend.store.delete(resource.storage, key) ?? current, gone: true };
  }
  const object = clone(current.object);
  if (object.metadata.deletionTimestamp === undefined) {
    object.metadata.deletionTimestamp = timestamp(backend.now());
    if (object.kind !== 'Namespace') object.metadata.deletionGracePeriodSeconds = 0;
    if (object.metadata.generation !== undefined) object.metadata.generation++;
  }
  if (finalizers.length > 0) object.metadata.finalizers = finalizers;
  if (object.kind === 'Namespace') object['status'] = { phase: 'Terminating' };
  if (JSON.stringify(object) === current.json) return { stored: current, gone: false };
  if (options.dryRun === true) return { stored: unsaved(object), gone: false };
  return { stored: backend.store.put(resource.storage, key, object), gone: false };
}

/** Foreground and Orphan are finalizers that the garbage collector takes off. */
function finalizersFor(object: ApiObject, propagation: Propagation | undefined): string[] {
  const finalizers = object.metadata.finalizers ?? [];
  const others = finalizers.filter((name) => name !== 'orphan' && name !== 'foregroundDeletion');
  if (propagation === 'Orphan') return [...others, 'orphan'];
  if (propagation === 'Foreground') return [...others, 'foregroundDeletion'];
  return propagation === 'Background' ? others : finalizers;
}

function checkPreconditions(resource: Resource, name: string, object: ApiObject, options: DeleteOptions): void {
  const { uid = '', resourceVersion = '' } = object.metadata;
  // Named by its kind here, unlike everywhere else.
  const about = { group: resource.group, resource: resource.kind, name };
  const differs = (what: string, wanted: string, found: string, so: string): Error =>
    conflict(
      about,
      `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). ${so}`,
    );
  if (options.uid !== undefined && options.uid !== uid) {
    throw differs('UID', options.uid, uid, 'The object might have been deleted and then recreated');
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    throw differs('ResourceVersion', options.resourceVersion, resourceVersion, 'The object might have been modified');
  }
}
