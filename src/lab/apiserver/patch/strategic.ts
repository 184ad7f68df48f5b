/**
 * Strategic merge patch: a merge patch that knows which lists are merged item by item, and by which key, and the
 * directives that go with it (`$patch`, `$retainKeys`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`).
 */
import { badRequest } from '../errors.ts';
import { clone, equal, isObject, omit, setKey, type Json, type JsonObject } from '../json.ts';
import { any, type ListSchema, type Schema, type StructSchema } from '../schema/schema.ts';
import { mergeOrder } from './element-order.ts';

const ORDER = '$setElementOrder/';
const DELETE = '$deleteFromPrimitiveList/';

/** `target` is not changed. @throws ApiError 400 for directives that make no sense. */
export function applyStrategicPatch(schema: StructSchema, target: JsonObject, patch: JsonObject): JsonObject {
  return mergeObject(schema, target, patch);
}

function fieldOf(schema: Schema, key: string): Schema {
  if (schema.type === 'struct') return Object.hasOwn(schema.fields, key) ? (schema.fields[key] ?? any) : any;
  return schema.type === 'map' ? schema.values : any;
}

function mergeObject(schema: Schema, target: JsonObject, patch: JsonObject): JsonObject {
  const directive = patch['$patch'];
  if (directive === 'replace') return withoutDirectives(omit(patch, ['$patch']));
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') throw unknownDirective(directive);
  const result = retained(target, patch['$retainKeys']);
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined || key === '$patch' || key === '$retainKeys') continue;
    if (key.startsWith(DELETE)) deleteValues(result, key.slice(DELETE.length), value);
    else if (key.startsWith(ORDER)) orderOnly(schema, result, patch, key.slice(ORDER.length), value);
    else mergeField(fieldOf(schema, key), result, key, value, patch[`${ORDER}${key}`]);
  }
  return result;
}

function unknownDirective(directive: Json): Error {
  return badRequest(`unknown patch strategy: ${JSON.stringify(directive)}`);
}

/** With `$retainKeys` only the fields it names survive: members of a union replace each other. */
function retained(target: JsonObject, keys: Json | undefined): JsonObject {
  if (!Array.isArray(keys)) return { ...target };
  return Object.fromEntries(Object.entries(target).filter(([key]) => keys.includes(key)));
}

function mergeField(schema: Schema, result: JsonObject, key: string, value: Json, order: Json | undefined): void {
  if (value === null) {
    Reflect.deleteProperty(result, key);
    return;
  }
  const current = Object.hasOwn(result, key) ? result[key] : undefined;
  if (isObject(value)) {
    if (value['$patch'] === 'delete') Reflect.deleteProperty(result, key);
    else setKey(result, key, mergeObject(schema, isObject(current) ? current : {}, value));
  } else if (Array.isArray(value) && schema.type === 'list' && schema.patchMerge) {
    setKey(result, key, mergeList(schema, Array.isArray(current) ? current : [], value, order));
  } else {
    setKey(result, key, withoutDirectives(value));
  }
}

/** Values that are new on the server have nothing to be merged with; directives in them have done their work. */
function withoutDirectives<T extends Json>(value: T): T;
function withoutDirectives(value: Json): Json {
  if (Array.isArray(value)) return value.map((item) => withoutDirectives(item));
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const directive = key === '$patch' || key === '$retainKeys' || key.startsWith(ORDER) || key.startsWith(DELETE);
    if (!directive && item !== null && item !== undefined) setKey(result, key, withoutDirectives(item));
  }
  return result;
}

function mergeList(schema: ListSchema, current: Json[], patch: Json[], order: Json | undefined): Json[] {
  const key = schema.patchMergeKey;
  const replaced = patch.some((item) => isObject(item) && item['$patch'] === 'replace');
  if (replaced) {
    const items = patch.filter((item) => !(isObject(item) && item['$patch'] === 'replace'));
    return items.map((item) => withoutDirectives(item));
  }
  const merged = key === undefined ? union(current, patch) : mergeItems(schema.items, key, current, patch);
  const wanted = Array.isArray(order) ? order : patch;
  return mergeOrder(merged, wanted, current, (item) => identity(item, key));
}

function identity(item: Json, key: string | undefined): string {
  const value = key !== undefined && isObject(item) ? item[key] : item;
  return JSON.stringify(value ?? null);
}

function union(current: readonly Json[], patch: readonly Json[]): Json[] {
  const result = [...current];
  for (const item of patch) if (!result.some((other) => equal(other, item))) result.push(clone(item));
  return result;
}

function mergeItems(items: Schema, key: string, current: readonly Json[], patch: readonly Json[]): Json[] {
  let result = [...current];
  for (const item of patch) {
    if (!isObject(item)) throw badRequest(`a list that is merged by ${key} holds objects only`);
    const value = item[key];
    if (value === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const isSame = (other: Json): boolean => isObject(other) && equal(other[key], value);
    if (item['$patch'] === 'delete') {
      result = result.filter((other) => !isSame(other));
      continue;
    }
    const index = result.findIndex(isSame);
    const found = result[index];
    if (isObject(found)) result[index] = mergeObject(items, found, item);
    else result.push(mergeObject(items, {}, item));
  }
  return result;
}

function deleteValues(result: JsonObject, key: string, values: Json): void {
  const current = result[key];
  if (!Array.isArray(current) || !Array.isArray(values)) return;
  result[key] = current.filter((item) => !values.some((value) => equal(value, item)));
}

/** An order for a list that the patch does not touch otherwise. */
function orderOnly(schema: Schema, result: JsonObject, patch: JsonObject, key: string, order: Json): void {
  const list = fieldOf(schema, key);
  const current = result[key];
  if (patch[key] !== undefined || !Array.isArray(current) || !Array.isArray(order) || list.type !== 'list') return;
  result[key] = mergeOrder(current, order, current, (item) => identity(item, list.patchMergeKey));
}
