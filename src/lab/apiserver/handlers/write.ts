/** POST, PUT, PATCH and DELETE of objects. */
import { applyConfiguration, recordFirstApply } from '../apply/apply.ts';
import {
  ApiError,
  badRequest,
  conflict,
  forbiddenField,
  invalidOptions,
  required,
  unsupportedMediaType,
} from '../errors.ts';
import { asObject, contentType, parseJson, parseYamlBody, readObject, readText, requireObject } from '../http/body.ts';
import { fieldManager, isDryRun, writeJson, writeJsonText, type RequestContext } from '../http/context.ts';
import { clone, isObject, objectAt, stringAt, type Json, type JsonObject } from '../json.ts';
import { nameOf, storageKey, type ApiObject } from '../object.ts';
import { subject } from '../operations/backend.ts';
import { createObject } from '../operations/create.ts';
import { deleteObject, readDeleteOptions, type DeleteOptions, type Deletion } from '../operations/delete.ts';
import { updateObject, type UpdateOptions } from '../operations/update.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { applyMergePatch } from '../patch/merge-patch.ts';
import { applyStrategicPatch } from '../patch/strategic.ts';
import type { Resource } from '../registry/resource.ts';
import { deleteOptions as deleteOptionsSchema } from '../schema/meta.ts';
import type { Stored } from '../storage/history.ts';
import { conformPatched, decodeObject, unknownFields } from './decode-object.ts';
import { PLAIN } from '../http/accept.ts';
import { presentList, presentObject } from './present.ts';
import { presentationOf } from './read.ts';
import { selectorOf } from './selection.ts';

interface Target {
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: '' | 'status';
}

function answer(context: RequestContext, resource: Resource, code: number, stored: Stored): void {
  writeJsonText(context, code, presentObject(resource, stored, presentationOf(context)));
}

export async function postObject(context: RequestContext, resource: Resource, namespace: string): Promise<void> {
  const body = await requireObject(context.request, resource.schema);
  const object = decodeObject(context, resource, body);
  const options = { dryRun: isDryRun(context), manager: fieldManager(context) };
  answer(context, resource, 201, createObject(context.backend, resource, namespace, object, options));
}

function updateOptions(context: RequestContext, subresource: '' | 'status'): UpdateOptions {
  return { dryRun: isDryRun(context), manager: fieldManager(context), subresource };
}

export async function putObject(context: RequestContext, target: Target): Promise<void> {
  const { resource, namespace, name, subresource } = target;
  const body = await requireObject(context.request, resource.schema);
  const object = decodeObject(context, resource, body);
  const options = { ...updateOptions(context, subresource), put: true };
  const exists = context.backend.store.get(resource.storage, storageKey(namespace, name)) !== undefined;
  if (!exists && resource.createOnUpdate && subresource === '') {
    if (nameOf(object) !== name) throw badRequest(nameMismatch(nameOf(object), name));
    delete object.metadata.resourceVersion;
    answer(context, resource, 201, createObject(context.backend, resource, namespace, object, options));
    return;
  }
  answer(
    context,
    resource,
    200,
    updateObject(context.backend, resource, namespace, name, () => object, options),
  );
}

function nameMismatch(given: string, name: string): string {
  return `the name of the object (${given}) does not match the name on the URL (${name})`;
}

const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

export async function patchObject(context: RequestContext, target: Target): Promise<void> {
  const { resource, namespace, name, subresource } = target;
  const type = contentType(context.request);
  const text = await readText(context.request);
  if (type === 'application/apply-patch+yaml') {
    applyObject(context, target, decodeConfiguration(context, resource, asObject(parseYamlBody(text))));
    return;
  }
  refuseForce(context.url.searchParams);
  const change = patcher(resource, type, parseJson(text));
  const patched = (current: ApiObject): ApiObject => conformPatched(context, resource, asPatched(change(current)));
  const options = updateOptions(context, subresource);
  answer(context, resource, 200, updateObject(context.backend, resource, namespace, name, patched, options));
}

/** Forcing is for apply; the real server refuses it elsewhere rather than ignore it. */
function refuseForce(query: URLSearchParams): void {
  if (!query.has('force')) return;
  throw invalidOptions('PatchOptions', [forbiddenField('force', 'may not be specified for non-apply patch')]);
}

function decodeConfiguration(context: RequestContext, resource: Resource, body: JsonObject): ApiObject {
  if (stringAt(body, 'apiVersion') === '' || stringAt(body, 'kind') === '') {
    throw badRequest(`invalid object type: ${stringAt(body, 'apiVersion')}, Kind=${stringAt(body, 'kind')}`);
  }
  if (objectAt(body, 'metadata')['managedFields'] !== undefined) throw badRequest('metadata.managedFields must be nil');
  refuseUndeclared(resource, body);
  return decodeObject(context, resource, body);
}

/** Nobody can own a field that does not exist; the real server calls it a failure of its own. */
function refuseUndeclared(resource: Resource, body: JsonObject): void {
  const [field] = unknownFields(resource, body);
  if (field === undefined) return;
  throw new ApiError(500, '', `failed to create typed patch object: .${field}: field not declared in schema`);
}

function applyObject(context: RequestContext, target: Target, config: ApiObject): void {
  const { resource, namespace, name, subresource } = target;
  const { backend, url } = context;
  if (!url.searchParams.get('fieldManager')) {
    throw invalidOptions('PatchOptions', [required('fieldManager', 'is required for apply patch')]);
  }
  const manager = fieldManager(context);
  config.metadata.name ??= name;
  const force = ['true', '1'].includes(url.searchParams.get('force') ?? '');
  const options = { manager, subresource, force, now: backend.now() };
  const write = { dryRun: isDryRun(context), manager, subresource, fieldsRecorded: true };
  const exists = backend.store.get(resource.storage, storageKey(namespace, name)) !== undefined;
  if (!exists && subresource === '') {
    if (nameOf(config) !== name) throw badRequest(nameMismatch(nameOf(config), name));
    if (config.metadata.uid) throw missingIncarnation(resource, name, config.metadata.uid);
    const object = clone(config);
    delete object.metadata.resourceVersion;
    recordFirstApply(resource, object, config, options);
    answer(context, resource, 201, createObject(backend, resource, namespace, object, write));
    return;
  }
  if (nameOf(config) !== name) throw badRequest(nameMismatch(nameOf(config), name));
  const change = (live: ApiObject): ApiObject => applyConfiguration(resource, live, config, options);
  answer(context, resource, 200, updateObject(backend, resource, namespace, name, change, write));
}

function missingIncarnation(resource: Resource, name: string, uid: string): ApiError {
  const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
  return conflict(subject(resource, name), why);
}

function asPatched(value: Json): JsonObject {
  if (!isObject(value)) throw badRequest('the patch does not leave an object');
  return value;
}

function patcher(resource: Resource, type: string, patch: Json): (current: ApiObject) => Json {
  switch (type) {
    case 'application/json-patch+json':
      return (current) => applyJsonPatch(current, patch);
    case 'application/merge-patch+json':
      return (current) => applyMergePatch(current, asObject(patch));
    case 'application/strategic-merge-patch+json':
      return (current) => applyStrategicPatch(resource.schema, current, asObject(patch));
    default:
      throw unsupportedMediaType(PATCH_TYPES);
  }
}

async function deleteOptions(context: RequestContext): Promise<DeleteOptions> {
  const body = await readObject(context.request, deleteOptionsSchema);
  isDryRun(context);
  return readDeleteOptions(body, context.url.searchParams);
}

export async function deleteOne(context: RequestContext, { resource, namespace, name }: Target): Promise<void> {
  const options = await deleteOptions(context);
  const deletion = deleteObject(context.backend, resource, namespace, name, options);
  if (!deletion.gone || resource.deleteReturnsObject) answer(context, resource, 200, deletion.stored);
  else writeJson(context, 200, success(resource, name, deletion));
}

function success({ group, plural }: Resource, name: string, { stored }: Deletion): JsonObject {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name, ...(group === '' ? {} : { group }), kind: plural, uid: stored.object.metadata.uid ?? '' },
  };
}

/** Deletes everything that a list with the same query would give. */
export async function deleteCollection(context: RequestContext, resource: Resource, namespace: string): Promise<void> {
  const options = await deleteOptions(context);
  const matches = selectorOf(resource, context.url.searchParams);
  const { store } = context.backend;
  const chosen = store.list(resource.storage, namespace).filter(({ object }) => matches(object));
  const gone = chosen.flatMap(({ object }) => deleteListed(context, resource, object, options));
  const metadata = { resourceVersion: String(store.revision) };
  const stored = gone.map((deletion) => deletion.stored);
  const presentation = { ...presentationOf(context), representation: PLAIN };
  writeJsonText(context, 200, presentList(resource, stored, metadata, presentation));
}

function deleteListed(
  { backend }: RequestContext,
  resource: Resource,
  { metadata }: ApiObject,
  options: DeleteOptions,
): Deletion[] {
  try {
    return [deleteObject(backend, resource, metadata.namespace ?? '', metadata.name ?? '', options)];
  } catch (error) {
    // Gone in between, by the collection of another one's dependents.
    if (error instanceof ApiError && error.code === 404) return [];
    throw error;
  }
}
