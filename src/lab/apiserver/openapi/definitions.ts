/** The schemas of all kinds as OpenAPI definitions, for both versions of OpenAPI. */
import type { Json, JsonObject } from '../json.ts';
import { deleteOptions, status } from '../schema/meta.ts';
import type { Registry } from '../registry/registry.ts';
import { scale } from '../schema/apps.ts';
import type { ListSchema, Schema, StringSchema, StructSchema } from '../schema/schema.ts';

const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const TIME = 'io.k8s.apimachinery.pkg.apis.meta.v1.Time';
const MICRO_TIME = 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime';
const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';

/** Definition by name. `refPrefix` is where definitions live in the document. */
export function definitionsOf(schemas: readonly StructSchema[], refPrefix: string): Record<string, JsonObject> {
  const found: Record<string, JsonObject> = {
    [INT_OR_STRING]: { type: 'string', format: 'int-or-string' },
    [QUANTITY]: { type: 'string' },
    [TIME]: { type: 'string', format: 'date-time' },
    [MICRO_TIME]: { type: 'string', format: 'date-time' },
  };
  const visit = (schema: Schema): void => {
    if (schema.type === 'list') visit(schema.items);
    else if (schema.type === 'map') visit(schema.values);
    else if (schema.type === 'struct' && found[schema.name] === undefined) {
      found[schema.name] = {};
      Object.values(schema.fields).forEach(visit);
      found[schema.name] = definition(schema, refPrefix);
    }
  };
  schemas.forEach(visit);
  return found;
}

function definition(schema: StructSchema, refPrefix: string): JsonObject {
  const properties = Object.entries(schema.fields).map(([key, field]): [string, JsonObject] => [
    key,
    property(field, refPrefix),
  ]);
  return {
    type: 'object',
    description: schema.name.slice(schema.name.lastIndexOf('.') + 1),
    properties: Object.fromEntries(properties),
    ...(schema.required.length === 0 ? {} : { required: [...schema.required] }),
    ...(schema.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  };
}

function property(schema: Schema, refPrefix: string): JsonObject {
  switch (schema.type) {
    case 'any':
      return {};
    case 'string':
      return stringProperty(schema, refPrefix);
    case 'integer':
    case 'number':
      return { type: schema.type, format: schema.format };
    case 'boolean':
      return { type: 'boolean' };
    case 'int-or-string':
      return { $ref: `${refPrefix}${INT_OR_STRING}` };
    case 'quantity':
      return { $ref: `${refPrefix}${QUANTITY}` };
    case 'map':
      return {
        type: 'object',
        additionalProperties: property(schema.values, refPrefix),
        ...(schema.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      };
    case 'list':
      return { type: 'array', items: property(schema.items, refPrefix), ...listExtensions(schema) };
    case 'struct':
      return {
        $ref: `${refPrefix}${schema.name}`,
        ...(schema.retainKeys ? { 'x-kubernetes-patch-strategy': 'retainKeys' } : {}),
      };
  }
}

function stringProperty({ format }: StringSchema, refPrefix: string): JsonObject {
  if (format === 'date-time') return { $ref: `${refPrefix}${TIME}` };
  if (format === 'micro-time') return { $ref: `${refPrefix}${MICRO_TIME}` };
  return format === undefined ? { type: 'string' } : { type: 'string', format };
}

function listExtensions({ listType, keys, patchMerge, patchMergeKey, items }: ListSchema): JsonObject {
  const retain = items.type === 'struct' && items.retainKeys ? ',retainKeys' : '';
  const extensions: Record<string, Json> = { 'x-kubernetes-list-type': listType };
  if (listType === 'map') extensions['x-kubernetes-list-map-keys'] = Object.keys(keys);
  if (patchMerge) extensions['x-kubernetes-patch-strategy'] = `merge${retain}`;
  if (patchMergeKey !== undefined) extensions['x-kubernetes-patch-merge-key'] = patchMergeKey;
  return extensions;
}

/** Schemas that requests and answers are made of. `group` and `version` limit them to one group version. */
export function rootSchemas(registry: Registry, group?: string, version?: string): StructSchema[] {
  const chosen = registry.resources.filter(
    (resource) => group === undefined || (resource.group === group && resource.version === version),
  );
  const scaled = chosen.some(({ subresources }) => subresources.includes('scale'));
  return [...chosen.map(({ schema }) => schema), deleteOptions, status, ...(scaled ? [scale] : [])];
}
