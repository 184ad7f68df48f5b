/** meta.k8s.io Table: what kubectl asks for when it prints columns. */
import type { Representation } from '../http/accept.ts';
import type { JsonObject } from '../json.ts';
import { plainColumns } from './core.ts';
import type { Resource } from '../registry/resource.ts';
import type { Stored } from '../storage/history.ts';

export interface Presentation {
  readonly representation: Representation;
  /** How much of each object a table carries beside its cells. */
  readonly includeObject: 'None' | 'Metadata' | 'Object';
  readonly now: Date;
}

/** @param headless without the column definitions, as later events of a watch have it. */
export function tableOf(
  resource: Resource,
  items: readonly Stored[],
  { representation, includeObject, now }: Presentation,
  metadata: JsonObject,
  headless = false,
): JsonObject {
  const columns = resource.columns.length === 0 ? plainColumns : resource.columns;
  const apiVersion = `meta.k8s.io/${representation.version}`;
  const definitions = columns.map(({ name, type, description, priority }) => {
    const format = name === 'Name' ? 'name' : '';
    return { name, type, format, description, priority };
  });
  const rows = items.map((stored): JsonObject => {
    const cells = columns.map(({ value }) => value(stored.object, now));
    return { cells, ...embedded(resource, stored, includeObject, apiVersion) };
  });
  return { kind: 'Table', apiVersion, metadata, columnDefinitions: headless ? [] : definitions, rows };
}

function embedded(
  resource: Resource,
  { object }: Stored,
  includeObject: Presentation['includeObject'],
  apiVersion: string,
): JsonObject {
  if (includeObject === 'None') return { object: null };
  if (includeObject === 'Object') return { object: resource.fromStored(object) };
  return { object: { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata } };
}
