/** Filling in what a client left out. */
import type { Json, JsonObject } from '../json.ts';
import { isObject } from '../json.ts';

/** Sets each field that is absent. Empty strings count as absent, as they do on the wire of the real server. */
export function fill(object: JsonObject, defaults: Readonly<Record<string, Json>>): void {
  for (const [key, value] of Object.entries(defaults)) {
    if (object[key] === undefined || object[key] === null || object[key] === '') object[key] = value;
  }
}

/** The object under `key`, made if it is not there. */
export function ensure(object: JsonObject, key: string): JsonObject {
  const existing = object[key];
  if (isObject(existing)) return existing;
  const made: JsonObject = {};
  object[key] = made;
  return made;
}
