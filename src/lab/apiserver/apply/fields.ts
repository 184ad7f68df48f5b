/** Which fields an object has, and which of them differ between two states. */
import { equal, isObject, type Json, type JsonObject } from '../json.ts';
import { any, type ListSchema, type Schema } from '../schema/schema.ts';
import { EMPTY, fieldSet, LEAF, union, withParents, type FieldSet } from './field-set.ts';

/** The schema of a field below a struct or map that is not owned as a whole. */
export function childSchema(schema: Schema, key: string): Schema {
  if (schema.type === 'struct') return Object.hasOwn(schema.fields, key) ? (schema.fields[key] ?? any) : any;
  return schema.type === 'map' ? schema.values : any;
}

/** Structs and maps whose fields are owned one by one. */
export function isGranular(schema: Schema): boolean {
  return (schema.type === 'struct' || schema.type === 'map') && !schema.atomic;
}

/** Lists whose items are owned one by one. */
export function isAssociative(schema: Schema): schema is ListSchema {
  return schema.type === 'list' && schema.listType !== 'atomic';
}

/** The path element of a list item. Undefined for an item without its keys, which cannot be owned. */
export function elementOf(schema: ListSchema, item: Json): string | undefined {
  if (schema.listType === 'set') return `v:${JSON.stringify(item)}`;
  if (!isObject(item)) return undefined;
  const keys: JsonObject = {};
  for (const key of Object.keys(schema.keys).sort()) {
    const value = item[key] ?? schema.keys[key];
    if (value !== undefined) keys[key] = value;
  }
  return Object.keys(keys).length === 0 ? undefined : `k:${JSON.stringify(keys)}`;
}

/** Items by their path element. */
export function itemsOf(schema: ListSchema, value: Json | undefined): Map<string, Json> {
  const items = new Map<string, Json>();
  for (const item of Array.isArray(value) ? value : []) {
    const element = elementOf(schema, item);
    if (element !== undefined) items.set(element, item);
  }
  return items;
}

/** The fields of a whole object. One without any has none, while an empty struct in it is a field itself. */
export function objectFields(schema: Schema, object: JsonObject): FieldSet {
  return Object.keys(object).length === 0 ? EMPTY : fieldsOf(schema, object);
}

/** All fields of a value. */
export function fieldsOf(schema: Schema, value: Json | undefined): FieldSet {
  if (value === undefined || value === null) return EMPTY;
  if (isGranular(schema) && isObject(value)) {
    const children = Object.entries(value).map(
      ([key, item]) => [`f:${key}`, fieldsOf(childSchema(schema, key), item)] as const,
    );
    return children.length === 0 ? LEAF : fieldSet(false, children);
  }
  if (isAssociative(schema) && Array.isArray(value)) {
    const children = [...itemsOf(schema, value)].map(
      ([element, item]) => [element, union(LEAF, fieldsOf(schema.items, item))] as const,
    );
    return children.length === 0 ? LEAF : fieldSet(false, children);
  }
  return LEAF;
}

/** Whoever writes a list or a map that was not there owns it, beside what is in it. */
export function withContainers(schema: Schema, set: FieldSet): FieldSet {
  const children = [...set.children].map(([element, child]) => {
    const below = isAssociative(schema) ? schema.items : childSchema(schema, element.slice(2));
    return [element, withContainers(below, child)] as const;
  });
  const isContainer = schema.type === 'map' || schema.type === 'list';
  return fieldSet(set.member || (isContainer && children.length > 0), children);
}

export interface Changes {
  /** Fields that are new or have another value. */
  readonly changed: FieldSet;
  /** Fields that are gone, with everything that held them. */
  readonly removed: FieldSet;
}

const NONE: Changes = { changed: EMPTY, removed: EMPTY };

export function changesBetween(schema: Schema, old: Json | undefined, now: Json | undefined): Changes {
  if (equal(old, now)) return NONE;
  if (now === undefined) return { changed: EMPTY, removed: withParents(fieldsOf(schema, old)) };
  if (old === undefined) return { changed: withContainers(schema, fieldsOf(schema, now)), removed: EMPTY };
  if (isGranular(schema) && isObject(old) && isObject(now)) {
    const keys = new Set([...Object.keys(old), ...Object.keys(now)]);
    return collect([...keys].map((key) => [`f:${key}`, changesBetween(childSchema(schema, key), old[key], now[key])]));
  }
  if (isAssociative(schema) && Array.isArray(old) && Array.isArray(now)) {
    const before = itemsOf(schema, old);
    const after = itemsOf(schema, now);
    const elements = new Set([...before.keys(), ...after.keys()]);
    return collect(
      [...elements].map((element) => [element, itemChanges(schema, before.get(element), after.get(element))]),
    );
  }
  return { changed: LEAF, removed: EMPTY };
}

function itemChanges(schema: ListSchema, old: Json | undefined, now: Json | undefined): Changes {
  const { changed, removed } = changesBetween(schema.items, old, now);
  if (old === undefined) return { changed: union(LEAF, changed), removed };
  return now === undefined ? { changed, removed: union(LEAF, removed) } : { changed, removed };
}

function collect(parts: readonly (readonly [string, Changes])[]): Changes {
  return {
    changed: fieldSet(
      false,
      parts.map(([element, { changed }]) => [element, changed] as const),
    ),
    removed: fieldSet(
      false,
      parts.map(([element, { removed }]) => [element, removed] as const),
    ),
  };
}
