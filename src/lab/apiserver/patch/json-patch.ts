/** JSON patch (RFC 6902). */
import { ApiError, badRequest } from '../errors.ts';
import { clone, equal, isObject, setKey, stringAt, type Json, type JsonObject } from '../json.ts';

const MAX_OPERATIONS = 10_000;

/**
 * Applies all operations to a copy of `document`, or none.
 * @throws ApiError 400 for what is no patch, 422 for one that does not fit the document.
 */
export function applyJsonPatch(document: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw badRequest('error decoding patch: a JSON patch is a list of operations');
  if (patch.length > MAX_OPERATIONS) {
    throw new ApiError(
      413,
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`,
    );
  }
  const root = { document: clone(document) };
  for (const operation of patch) {
    if (!isObject(operation)) throw badRequest('a JSON patch is a list of operations');
    apply(root, operation);
  }
  return root.document;
}

interface Root {
  document: Json;
}

function apply(root: Root, operation: JsonObject): void {
  const path = parsePointer(stringAt(operation, 'path'));
  const value = operation['value'] ?? null;
  switch (operation['op']) {
    case 'add':
      add(root, path, clone(value));
      return;
    case 'remove':
      remove(root, path);
      return;
    case 'replace':
      get(root, path);
      replace(root, path, clone(value));
      return;
    case 'move': {
      const from = parsePointer(stringAt(operation, 'from'));
      const moved = get(root, from);
      remove(root, from);
      add(root, path, moved);
      return;
    }
    case 'copy':
      add(root, path, clone(get(root, parsePointer(stringAt(operation, 'from')))));
      return;
    case 'test': {
      const found = path.length === 0 ? root.document : lookUp(root, path);
      if (!equal(found ?? null, value)) throw unprocessable();
      return;
    }
    default:
      throw unprocessable();
  }
}

function parsePointer(text: string): string[] {
  if (text === '') return [];
  if (!text.startsWith('/')) throw unprocessable();
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The real server keeps the reason to itself. */
function unprocessable(): ApiError {
  return new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

function lookUp(root: Root, path: readonly string[]): Json | undefined {
  let value: Json | undefined = root.document;
  for (const token of path) {
    if (Array.isArray(value)) value = value[indexOf(token, value.length - 1)];
    else value = isObject(value) && Object.hasOwn(value, token) ? value[token] : undefined;
    if (value === undefined) return undefined;
  }
  return value;
}

function get(root: Root, path: readonly string[]): Json {
  const value = lookUp(root, path);
  return value === undefined ? fail(unprocessable()) : value;
}

function fail(error: Error): never {
  throw error;
}

function parentOf(root: Root, path: readonly string[]): Json[] | JsonObject {
  const parent = lookUp(root, path.slice(0, -1));
  return Array.isArray(parent) || isObject(parent) ? parent : fail(unprocessable());
}

function add(root: Root, path: readonly string[], value: Json): void {
  const last = path.at(-1);
  if (last === undefined) {
    root.document = value;
    return;
  }
  const parent = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(last === '-' ? parent.length : indexOf(last, parent.length), 0, value);
  else setKey(parent, last, value);
}

function remove(root: Root, path: readonly string[]): void {
  get(root, path);
  const last = path.at(-1);
  if (last === undefined) throw unprocessable();
  const parent = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(indexOf(last, parent.length - 1), 1);
  else Reflect.deleteProperty(parent, last);
}

function replace(root: Root, path: readonly string[], value: Json): void {
  const last = path.at(-1);
  if (last === undefined) {
    root.document = value;
    return;
  }
  const parent = parentOf(root, path);
  if (Array.isArray(parent)) parent[indexOf(last, parent.length - 1)] = value;
  else setKey(parent, last, value);
}

function indexOf(token: string, limit: number): number {
  const index = /^(0|[1-9]\d*)$/.test(token) ? Number(token) : Number.NaN;
  return index <= limit ? index : fail(unprocessable());
}
