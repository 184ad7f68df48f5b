/** The scale sub-resource of workloads. */
import { conflict, notFound, STALE, unsupportedMediaType } from '../errors.ts';
import { asObject, contentType, parseJson, readText, requireObject } from '../http/body.ts';
import { fieldManager, isDryRun, writeJson, type RequestContext } from '../http/context.ts';
import { numberAt, objectAt, type JsonObject } from '../json.ts';
import { specOf, statusOf, storageKey, type ApiObject } from '../object.ts';
import { subject } from '../operations/backend.ts';
import { updateObject } from '../operations/update.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { applyMergePatch } from '../patch/merge-patch.ts';
import type { Resource } from '../registry/resource.ts';
import { scale } from '../schema/apps.ts';
import { formatLabelSelector } from '../selectors/labels.ts';

function scaleOf(object: ApiObject): JsonObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: numberAt(specOf(object), 'replicas') ?? 0 },
    status: {
      replicas: numberAt(statusOf(object), 'replicas') ?? 0,
      selector: formatLabelSelector(objectAt(specOf(object), 'selector')),
    },
  };
}

export function getScale(context: RequestContext, resource: Resource, namespace: string, name: string): void {
  const stored = context.backend.store.get(resource.storage, storageKey(namespace, name));
  if (stored === undefined) throw notFound(subject(resource, name));
  writeJson(context, 200, scaleOf(stored.object));
}

/** PUT and PATCH. */
export async function changeScale(
  context: RequestContext,
  resource: Resource,
  namespace: string,
  name: string,
): Promise<void> {
  const type = contentType(context.request);
  const replacement = context.request.method === 'PUT' ? await requireObject(context.request, scale) : undefined;
  const text = replacement === undefined ? await readText(context.request) : '';
  const wanted = (current: ApiObject): JsonObject => {
    if (replacement !== undefined) return replacement;
    if (type === 'application/json-patch+json') return asObject(applyJsonPatch(scaleOf(current), parseJson(text)));
    if (type === 'application/merge-patch+json' || type === 'application/strategic-merge-patch+json') {
      return asObject(applyMergePatch(scaleOf(current), parseJson(text)));
    }
    throw unsupportedMediaType(['application/json-patch+json', 'application/merge-patch+json']);
  };
  const change = (current: ApiObject): ApiObject => {
    const changed = wanted(current);
    const version = objectAt(changed, 'metadata')['resourceVersion'];
    if (version !== undefined && version !== '' && version !== current.metadata.resourceVersion) {
      throw conflict(subject(resource, name), STALE);
    }
    return { ...current, spec: { ...specOf(current), replicas: numberAt(objectAt(changed, 'spec'), 'replicas') ?? 0 } };
  };
  const options = { dryRun: isDryRun(context), manager: fieldManager(context) };
  writeJson(context, 200, scaleOf(updateObject(context.backend, resource, namespace, name, change, options).object));
}
