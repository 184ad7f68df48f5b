/** The OpenAPI documents: as much as clients read before they validate, apply and patch. */
import type { Json, JsonObject } from '../json.ts';
import { apiVersionOf } from '../object.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { definitionsOf, rootSchemas } from './definitions.ts';

const TITLE = { title: 'Kubernetes', version: 'v1.33.0' };
const KIND = 'x-kubernetes-group-version-kind';

const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

/** Query parameters by which clients find out what a write may ask for. */
const PATCH_QUERY = ['dryRun', 'fieldManager', 'fieldValidation', 'force'];

function objectPath(resource: Resource): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  return `${root}${resource.namespaced ? '/namespaces/{namespace}' : ''}/${resource.plural}/{name}`;
}

function kindOf({ group, version, kind }: Resource): JsonObject {
  return { group, version, kind };
}

/** Definitions that are kinds say which, so that clients find the schema of an object. */
function withKinds(registry: Registry, definitions: Record<string, JsonObject>): Record<string, JsonObject> {
  for (const resource of registry.resources) {
    const found = definitions[resource.schema.name];
    if (found !== undefined) found[KIND] = [kindOf(resource)];
  }
  return definitions;
}

/** OpenAPI 2 (swagger), of everything. */
export function openapiV2(registry: Registry): JsonObject {
  const paths = registry.resources.map((resource): [string, Json] => {
    const patch: JsonObject = {
      operationId: `patch${resource.kind}`,
      consumes: PATCH_TYPES,
      produces: ['application/json'],
      parameters: PATCH_QUERY.map((name) => ({ name, in: 'query', type: name === 'force' ? 'boolean' : 'string' })),
      responses: { 200: { description: 'OK', schema: { $ref: `#/definitions/${resource.schema.name}` } } },
      'x-kubernetes-action': 'patch',
      [KIND]: kindOf(resource),
    };
    return [objectPath(resource), { patch }];
  });
  return {
    swagger: '2.0',
    info: TITLE,
    paths: Object.fromEntries(paths),
    definitions: withKinds(registry, definitionsOf(rootSchemas(registry), '#/definitions/')),
  };
}

/** /openapi/v3: where the document of each group version is. */
export function openapiV3Index(registry: Registry): JsonObject {
  const paths = registry.groupVersions().map(({ group, version }): [string, Json] => {
    const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
    return [path, { serverRelativeURL: `/openapi/v3/${path}` }];
  });
  return { paths: Object.fromEntries(paths) };
}

/** OpenAPI 3, of one group version. */
export function openapiV3(registry: Registry, group: string, version: string): JsonObject | undefined {
  const resources = registry.resources.filter((item) => item.group === group && item.version === version);
  if (resources.length === 0) return undefined;
  const paths = resources.map((resource): [string, Json] => {
    const schema = { $ref: `#/components/schemas/${resource.schema.name}` };
    const patch: JsonObject = {
      operationId: `patch${resource.kind}`,
      parameters: PATCH_QUERY.map((name) => ({
        name,
        in: 'query',
        schema: { type: name === 'force' ? 'boolean' : 'string' },
      })),
      requestBody: { content: Object.fromEntries(PATCH_TYPES.map((type) => [type, { schema: { type: 'object' } }])) },
      responses: { 200: { description: 'OK', content: { 'application/json': { schema } } } },
      'x-kubernetes-action': 'patch',
      [KIND]: kindOf(resource),
    };
    return [objectPath(resource), { patch }];
  });
  const schemas = definitionsOf(rootSchemas(registry, group, version), '#/components/schemas/');
  return {
    openapi: '3.0.0',
    info: { ...TITLE, title: `Kubernetes ${apiVersionOf(group, version)}` },
    paths: Object.fromEntries(paths),
    components: { schemas: withKinds(registry, schemas) },
  };
}
