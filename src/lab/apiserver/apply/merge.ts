/** Merging an applied configuration into an object, and taking fields out of one. */
import { clone, isObject, setKey, type Json, type JsonObject } from '../json.ts';
import type { ListSchema, Schema } from '../schema/schema.ts';
import type { FieldSet } from './field-set.ts';
import { appliedOrder } from './item-order.ts';
import { childSchema, elementOf, isAssociative, isGranular, itemsOf } from './fields.ts';

/** `live` with everything that `config` says. Neither is changed. */
export function mergeApplied(schema: Schema, live: Json | undefined, config: Json): Json {
  if (isGranular(schema) && isObject(live) && isObject(config)) {
    const result: JsonObject = { ...live };
    for (const [key, value] of Object.entries(config)) {
      if (value === undefined) continue;
      const current = Object.hasOwn(live, key) ? live[key] : undefined;
      setKey(result, key, mergeApplied(childSchema(schema, key), current, value));
    }
    return result;
  }
  if (isAssociative(schema) && Array.isArray(live) && Array.isArray(config)) return mergeItems(schema, live, config);
  return clone(config);
}

function mergeItems(schema: ListSchema, live: readonly Json[], config: readonly Json[]): Json[] {
  const items = itemsOf(schema, [...live]);
  for (const item of config) {
    const element = elementOf(schema, item);
    if (element !== undefined) items.set(element, mergeApplied(schema.items, items.get(element), item));
  }
  const order = appliedOrder([...itemsOf(schema, [...live]).keys()], [...itemsOf(schema, [...config]).keys()]);
  return order.map((element) => items.get(element) ?? null);
}

/** `value` without the fields in `set`; undefined when nothing is left of a list or a map. */
export function removeFields(schema: Schema, value: Json, set: FieldSet): Json | undefined {
  if (isGranular(schema) && isObject(value)) {
    const result: JsonObject = {};
    for (const [key, item] of Object.entries(value)) {
      const child = set.children.get(`f:${key}`);
      const kept =
        item === undefined || child === undefined ? item : removeChild(childSchema(schema, key), item, child);
      if (kept !== undefined) setKey(result, key, kept);
    }
    return schema.type === 'map' && Object.keys(result).length === 0 ? undefined : result;
  }
  if (isAssociative(schema) && Array.isArray(value)) {
    const result = value.flatMap((item) => {
      const child = set.children.get(elementOf(schema, item) ?? '');
      if (child === undefined) return [item];
      const kept = child.member ? undefined : removeFields(schema.items, item, child);
      return kept === undefined ? [] : [kept];
    });
    return result.length === 0 ? undefined : result;
  }
  return value;
}

/** A path that ends here goes as a whole; one that leads on takes only what it leads to. */
function removeChild(schema: Schema, value: Json, child: FieldSet): Json | undefined {
  return child.member && child.children.size === 0 ? undefined : removeFields(schema, value, child);
}
