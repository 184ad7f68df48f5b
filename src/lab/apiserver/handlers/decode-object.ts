/** The object in the body of a request, read by the schema of its resource. */
import { optionsOf, type RequestContext } from '../http/context.ts';
import { badRequest, invalid, invalidOptions, unsupported, type ApiError } from '../errors.ts';
import { isObject, stringAt, type JsonObject } from '../json.ts';
import type { ApiObject } from '../object.ts';
import { apiVersionOfResource, type Resource } from '../registry/resource.ts';
import { decode, MismatchError } from '../schema/decode.ts';
import { inOrder } from './present.ts';

type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

function fieldValidation({ url, request }: RequestContext): FieldValidation {
  const value = url.searchParams.get('fieldValidation') ?? '';
  if (value === '') return 'Warn';
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  throw invalidOptions(optionsOf(request), [unsupported('fieldValidation', value, ['', 'Ignore', 'Strict', 'Warn'])]);
}

/**
 * Checks kind and version, drops what the schema does not know, and says so as `fieldValidation` asks.
 * @throws ApiError 400
 */
export function decodeObject(context: RequestContext, resource: Resource, body: JsonObject): ApiObject {
  const version = apiVersionOfResource(resource);
  const kind = stringAt(body, 'kind') || resource.kind;
  const apiVersion = stringAt(body, 'apiVersion') || version;
  if (kind !== resource.kind || apiVersion !== version) {
    throw badRequest(
      `${kind} in version ${JSON.stringify(apiVersion)} cannot be handled as a ${resource.kind}: no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} for this path`,
    );
  }
  const inVersion = `${resource.kind} in version ${JSON.stringify(resource.version)}`;
  return conform(context, resource, body, (why) =>
    badRequest(`${inVersion} cannot be handled as a ${resource.kind}: ${why}`),
  );
}

/** Paths of the fields that the resource does not have. Values of the wrong type are for {@link decodeObject}. */
export function unknownFields(resource: Resource, value: JsonObject): readonly string[] {
  try {
    return decode(resource.schema, value).unknown;
  } catch (error) {
    if (error instanceof MismatchError) return [];
    throw error;
  }
}

/** {@link decodeObject} of what a patch has made of an object. @throws ApiError 422 */
export function conformPatched(context: RequestContext, resource: Resource, value: JsonObject): ApiObject {
  return conform(context, resource, value, (why) =>
    invalid({ group: '', kind: '' }, '', [
      { reason: 'FieldValueInvalid', field: 'patch', message: `Invalid value: ${why}` },
    ]),
  );
}

function conform(
  context: RequestContext,
  resource: Resource,
  value: JsonObject,
  refuse: (why: string) => ApiError,
): ApiObject {
  const mode = fieldValidation(context);
  try {
    const { object, unknown } = decode(resource.schema, value);
    const problems = unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
    if (problems.length > 0 && mode === 'Strict') throw refuse(`strict decoding error: ${problems.join(', ')}`);
    if (mode === 'Warn') context.warnings.push(...problems);
    if (!isObject(object['metadata'])) object['metadata'] = {};
    return inOrder(resource, object);
  } catch (error) {
    throw error instanceof MismatchError ? refuse(error.message) : error;
  }
}
