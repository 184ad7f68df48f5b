/**
 * The shape of the kinds: one description that unknown fields are dropped by, strategic merge patch and server-side
 * apply find list keys in, and the OpenAPI documents are made from.
 */
export interface StringSchema {
  readonly type: 'string';
  /** `date-time` is kept in whole seconds, `micro-time` insists on six fractional digits, as Go's types do. */
  readonly format?: 'date-time' | 'micro-time' | 'byte';
}

export interface NumberSchema {
  readonly type: 'integer' | 'number';
  readonly format: 'int32' | 'int64' | 'double';
}

export interface BooleanSchema {
  readonly type: 'boolean';
}

/** A number or a string: ports by number or name, and percentages. */
export interface IntOrStringSchema {
  readonly type: 'int-or-string';
}

/** Decimal with a unit, as `500m` or `64Mi`; numbers are accepted. */
export interface QuantitySchema {
  readonly type: 'quantity';
}

/** Any JSON, kept as it is. For the corners of big kinds that nothing here looks into. */
export interface AnySchema {
  readonly type: 'any';
}

export interface MapSchema {
  readonly type: 'map';
  readonly values: Schema;
  /** Server-side apply treats it as one value. */
  readonly atomic: boolean;
}

export interface ListSchema {
  readonly type: 'list';
  readonly items: Schema;
  /** How server-side apply identifies items (x-kubernetes-list-type). */
  readonly listType: 'atomic' | 'set' | 'map';
  /** Fields that identify an item of a `map` list, with the value that an absent one stands for. */
  readonly keys: Readonly<Record<string, string | undefined>>;
  /** Strategic merge patch merges lists that have this, or are sets; it replaces all others. */
  readonly patchMergeKey: string | undefined;
  readonly patchMerge: boolean;
}

export interface StructSchema {
  readonly type: 'struct';
  /** Name of the definition in the OpenAPI documents. */
  readonly name: string;
  readonly fields: Readonly<Record<string, Schema>>;
  readonly required: readonly string[];
  readonly atomic: boolean;
  /** Strategic merge drops the fields that the patch does not name (Deployment strategy, volumes). */
  readonly retainKeys: boolean;
}

export type Schema =
  | StringSchema
  | NumberSchema
  | BooleanSchema
  | IntOrStringSchema
  | QuantitySchema
  | AnySchema
  | MapSchema
  | ListSchema
  | StructSchema;

export const string: StringSchema = { type: 'string' };
export const time: StringSchema = { type: 'string', format: 'date-time' };
export const microTime: StringSchema = { type: 'string', format: 'micro-time' };
export const bytes: StringSchema = { type: 'string', format: 'byte' };
export const int32: NumberSchema = { type: 'integer', format: 'int32' };
export const int64: NumberSchema = { type: 'integer', format: 'int64' };
export const bool: BooleanSchema = { type: 'boolean' };
export const intOrString: IntOrStringSchema = { type: 'int-or-string' };
export const quantity: QuantitySchema = { type: 'quantity' };
export const any: AnySchema = { type: 'any' };

export function map(values: Schema): MapSchema {
  return { type: 'map', values, atomic: false };
}

export function struct(
  name: string,
  fields: Readonly<Record<string, Schema>>,
  options: { readonly required?: readonly string[]; readonly retainKeys?: boolean } = {},
): StructSchema {
  const { required = [], retainKeys = false } = options;
  return { type: 'struct', name, fields, required, atomic: false, retainKeys };
}

/** The same map or struct, owned as a whole by one applier at this place. */
export function atomic<T extends MapSchema | StructSchema>(schema: T): T {
  return { ...schema, atomic: true };
}

/** A list that is one value, replaced as a whole. */
export function list(items: Schema): ListSchema {
  return { type: 'list', items, listType: 'atomic', keys: {}, patchMergeKey: undefined, patchMerge: false };
}

/** A list of distinct plain values that only server-side apply merges. */
export function distinct(items: Schema): ListSchema {
  return { type: 'list', items, listType: 'set', keys: {}, patchMergeKey: undefined, patchMerge: false };
}

/** A list of distinct plain values, merged by value. */
export function set(items: Schema): ListSchema {
  return { type: 'list', items, listType: 'set', keys: {}, patchMergeKey: undefined, patchMerge: true };
}

/**
 * A list whose items are identified by fields.
 * @param keys for server-side apply; an object gives the value an absent key stands for.
 * @param patchMergeKey for strategic merge patch, where it is another one than the first key, or `null` for none.
 */
export function listMap(
  items: StructSchema,
  keys: readonly string[] | Readonly<Record<string, string | undefined>>,
  patchMergeKey?: string | null,
): ListSchema {
  const named = isList(keys) ? Object.fromEntries(keys.map((key) => [key, undefined])) : keys;
  const merge = patchMergeKey === undefined ? Object.keys(named)[0] : (patchMergeKey ?? undefined);
  return { type: 'list', items, listType: 'map', keys: named, patchMergeKey: merge, patchMerge: merge !== undefined };
}

/** Atomic for server-side apply, merged by a key by strategic merge patch. Some old lists of the core group are. */
export function patchList(items: StructSchema, patchMergeKey: string): ListSchema {
  return { type: 'list', items, listType: 'atomic', keys: {}, patchMergeKey, patchMerge: true };
}

function isList(value: readonly string[] | Readonly<Record<string, unknown>>): value is readonly string[] {
  return Array.isArray(value);
}
