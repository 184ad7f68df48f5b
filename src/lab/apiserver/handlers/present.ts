/** Stored objects in the form that a client asked for. */
import { omit, type JsonObject } from '../json.ts';
import type { ApiObject } from '../object.ts';
import { tableOf, type Presentation } from '../printers/table.ts';
import { apiVersionOfResource, type Resource } from '../registry/resource.ts';
import type { Stored } from '../storage/history.ts';

/** The object in the form of a resource, as JSON. */
export function jsonOf(resource: Resource, stored: Stored): string {
  const object = resource.fromStored(stored.object);
  return object === stored.object ? stored.json : JSON.stringify(object);
}

export function presentObject(resource: Resource, stored: Stored, presentation: Presentation): string {
  switch (presentation.representation.as) {
    case 'Table':
      return JSON.stringify(tableOf(resource, [stored], presentation, { resourceVersion: String(stored.revision) }));
    case 'PartialObjectMetadata':
      return JSON.stringify({ ...partial(presentation), metadata: stored.object.metadata });
    default:
      return jsonOf(resource, stored);
  }
}

function partial({ representation }: Presentation): { kind: string; apiVersion: string } {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${representation.version}` };
}

/** @param metadata of the list: resourceVersion, continue, remainingItemCount. */
export function presentList(
  resource: Resource,
  items: readonly Stored[],
  metadata: JsonObject,
  presentation: Presentation,
): string {
  switch (presentation.representation.as) {
    case 'Table':
      return JSON.stringify(tableOf(resource, items, presentation, metadata));
    case 'PartialObjectMetadata': {
      const { kind, apiVersion } = partial(presentation);
      const listed = items.map(({ object }) => ({ kind, apiVersion, metadata: object.metadata }));
      return JSON.stringify({ kind: `${kind}List`, apiVersion, metadata, items: listed });
    }
    default: {
      const apiVersion = apiVersionOfResource(resource);
      const head = JSON.stringify({ kind: `${resource.kind}List`, apiVersion, metadata });
      // Joining texts that exist already is what makes long lists quick.
      const texts = items.map((stored) => withoutType(resource, jsonOf(resource, stored)));
      return `${head.slice(0, -1)},"items":[${texts.join(',')}]}`;
    }
  }
}

/** Items of a list do not repeat their kind and version, as on the real server. */
function withoutType(resource: Resource, json: string): string {
  const head = typeHead(resource);
  return json.startsWith(head) ? `{${json.slice(head.length)}` : json;
}

function typeHead(resource: Resource): string {
  return `{"kind":${JSON.stringify(resource.kind)},"apiVersion":${JSON.stringify(apiVersionOfResource(resource))},`;
}

/** An object with the keys that every one has in front, kind and version first: see {@link withoutType}. */
export function inOrder(resource: Resource, object: JsonObject): ApiObject {
  return {
    kind: resource.kind,
    apiVersion: apiVersionOfResource(resource),
    metadata: (object['metadata'] ?? {}) as ApiObject['metadata'],
    ...omit(object, ['kind', 'apiVersion', 'metadata']),
  };
}
