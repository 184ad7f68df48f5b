/**
 * Sets of field paths, as `managedFields` holds them (FieldsV1). A path element is `f:name` for a field, `k:{…}` for an
 * item of a list by its keys, `v:…` for a value in a list of values.
 */
import { isObject, setKey, type JsonObject } from '../json.ts';

export interface FieldSet {
  /** The path that leads here is in the set itself. */
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

const NO_CHILDREN: ReadonlyMap<string, FieldSet> = new Map();
export const EMPTY: FieldSet = { member: false, children: NO_CHILDREN };
export const LEAF: FieldSet = { member: true, children: NO_CHILDREN };

export function isEmpty(set: FieldSet): boolean {
  return !set.member && set.children.size === 0;
}

/** Children that are empty are left out. */
export function fieldSet(member: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet {
  const kept = new Map<string, FieldSet>();
  for (const [element, child] of children) if (!isEmpty(child)) kept.set(element, child);
  return { member, children: kept };
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map(a.children);
  for (const [element, child] of b.children) children.set(element, union(children.get(element) ?? EMPTY, child));
  return { member: a.member || b.member, children };
}

/** The paths of `a` that are not in `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const children = [...a.children].map(
    ([element, child]) => [element, difference(child, b.children.get(element) ?? EMPTY)] as const,
  );
  return fieldSet(a.member && !b.member, children);
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const children = [...a.children].map(
    ([element, child]) => [element, intersection(child, b.children.get(element) ?? EMPTY)] as const,
  );
  return fieldSet(a.member && b.member, children);
}

/** With every path that leads to a member: who owns a field of a list item keeps the item. */
export function withParents(set: FieldSet): FieldSet {
  const children = [...set.children].map(([element, child]) => [element, withParents(child)] as const);
  return fieldSet(set.member || children.length > 0, children);
}

/** The paths that are in the set, each as its elements. */
export function* paths(set: FieldSet, prefix: readonly string[] = []): Iterable<readonly string[]> {
  if (set.member) yield prefix;
  for (const [element, child] of set.children) yield* paths(child, [...prefix, element]);
}

/** FieldsV1 */
export function toFieldsV1(set: FieldSet): JsonObject {
  const object: JsonObject = set.member && set.children.size > 0 ? { '.': {} } : {};
  for (const [element, child] of set.children) setKey(object, element, toFieldsV1(child));
  return object;
}

/** Anything that is no FieldsV1 is an empty set. */
export function fromFieldsV1(value: JsonObject, root = true): FieldSet {
  const children = Object.entries(value).filter(([element]) => element !== '.');
  const member = !root && (value['.'] !== undefined || children.length === 0);
  return fieldSet(
    member,
    children.map(([element, child]) => [element, isObject(child) ? fromFieldsV1(child, false) : EMPTY] as const),
  );
}

/** A path as messages show it: `.spec.ports[port=80,protocol="TCP"].nodePort`. */
export function formatPath(path: readonly string[]): string {
  return path
    .map((element) => {
      const rest = element.slice(2);
      if (element.startsWith('f:')) return `.${rest}`;
      if (element.startsWith('v:')) return `[=${rest}]`;
      const keys = Object.entries(JSON.parse(rest) as JsonObject);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}
