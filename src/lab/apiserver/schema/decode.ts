/** Reads JSON by a schema, as Go reads it into its types: unknown fields are dropped, wrong types refused. */
import { isObject, setKey, type Json, type JsonObject } from '../json.ts';
import type { ListSchema, NumberSchema, Schema, StringSchema, StructSchema } from './schema.ts';

/** A value that does not fit its field. The message is without the name of the kind. */
export class MismatchError extends Error {
  override readonly name = 'MismatchError';
}

export interface Decoded {
  readonly object: JsonObject;
  /** Paths of the fields that the schema does not know. */
  readonly unknown: readonly string[];
}

/** @throws MismatchError */
export function decode(schema: StructSchema, value: JsonObject): Decoded {
  const unknown: string[] = [];
  return { object: decodeStruct(schema, value, { path: '', goPath: '', owner: '' }, unknown), unknown };
}

/** Where a value stands: with list positions, as Go says it (without), and the name of the struct it is a field of. */
interface Place {
  readonly path: string;
  readonly goPath: string;
  readonly owner: string;
}

function fieldAt(place: Place, key: string, schema: StructSchema): Place {
  const below = (parent: string): string => (parent === '' ? key : `${parent}.${key}`);
  const owner = schema.name.slice(schema.name.lastIndexOf('.') + 1);
  return { path: below(place.path), goPath: below(place.goPath), owner };
}

function decodeStruct(schema: StructSchema, value: JsonObject, place: Place, unknown: string[]): JsonObject {
  const object: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const at = fieldAt(place, key, schema);
    const field = Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined;
    if (field === undefined) {
      unknown.push(at.path);
      continue;
    }
    if (item === null || item === undefined) continue;
    const decoded = decodeValue(field, item, at, unknown);
    if (decoded !== undefined) object[key] = decoded;
  }
  return object;
}

/** Undefined for an empty list or map: on the wire of the real server these are absent. */
function decodeValue(schema: Schema, value: Json, place: Place, unknown: string[]): Json | undefined {
  switch (schema.type) {
    case 'any':
      return value;
    case 'string':
      return decodeString(schema, value, place);
    case 'boolean':
      return typeof value === 'boolean' ? value : mismatch(value, place, 'bool');
    case 'integer':
    case 'number':
      return decodeNumber(schema, value, place);
    case 'int-or-string':
      return typeof value === 'string' || isInteger(value, 'int32')
        ? value
        : mismatch(value, place, 'intstr.IntOrString');
    case 'quantity':
      return decodeQuantity(value, place);
    case 'struct':
      return isObject(value) ? decodeStruct(schema, value, place, unknown) : mismatch(value, place, goName(schema));
    case 'list':
      return decodeList(schema, value, place, unknown);
    case 'map':
      return decodeMap(schema.values, value, place, unknown);
  }
}

function decodeList(schema: ListSchema, value: Json, place: Place, unknown: string[]): Json[] | undefined {
  if (!Array.isArray(value)) return mismatch(value, place, `[]${goType(schema.items)}`);
  if (value.length === 0) return undefined;
  return value.map((item, index) => {
    const at = { ...place, path: `${place.path}[${index}]` };
    // A null in a list of objects is an empty object.
    if (item === null) return schema.items.type === 'struct' ? {} : mismatch(item, at, goType(schema.items));
    return decodeValue(schema.items, item, at, unknown) ?? (schema.items.type === 'list' ? [] : {});
  });
}

function decodeMap(values: Schema, value: Json, place: Place, unknown: string[]): JsonObject | undefined {
  if (!isObject(value)) return mismatch(value, place, `map[string]${goType(values)}`);
  const object: JsonObject = {};
  let empty = true;
  for (const [key, item] of Object.entries(value)) {
    empty = false;
    const decoded = item === null || item === undefined ? '' : decodeValue(values, item, place, unknown);
    setKey(object, key, decoded ?? {});
  }
  return empty ? undefined : object;
}

function decodeString({ format }: StringSchema, value: Json, place: Place): string {
  if (typeof value !== 'string') return mismatch(value, place, 'string');
  if (format === 'date-time' && value !== '') return decodeTime(value);
  if (format === 'micro-time' && value !== '') return decodeMicroTime(value);
  if (format === 'byte' && !isBase64(value)) throw new MismatchError('illegal base64 data at input byte 0');
  return value;
}

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const MICRO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{6})(Z|[+-]\d\d:\d\d)$/;

function decodeTime(text: string): string {
  const milliseconds = RFC3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(milliseconds)) throw badTime(text, '2006-01-02T15:04:05Z07:00');
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

function decodeMicroTime(text: string): string {
  const digits = MICRO.exec(text)?.[1];
  const milliseconds = Date.parse(text);
  if (digits === undefined || Number.isNaN(milliseconds)) throw badTime(text, '2006-01-02T15:04:05.000000Z07:00');
  return `${new Date(milliseconds).toISOString().slice(0, 19)}.${digits}Z`;
}

function badTime(text: string, layout: string): MismatchError {
  return new MismatchError(`parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse`);
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function decodeNumber({ format }: NumberSchema, value: Json, place: Place): number {
  if (typeof value === 'number' && (format === 'double' || isInteger(value, format))) return value;
  return mismatch(value, place, format === 'double' ? 'float64' : format);
}

function isInteger(value: Json, format: 'int32' | 'int64'): value is number {
  if (!Number.isInteger(value)) return false;
  return format === 'int64' || (typeof value === 'number' && Math.abs(value) <= 2 ** 31);
}

const QUANTITY = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/;

function decodeQuantity(value: Json, place: Place): string {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') return mismatch(value, place, 'resource.Quantity');
  if (!QUANTITY.test(value)) {
    throw new MismatchError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  return value;
}

function mismatch(value: Json, place: Place, type: string): never {
  const given = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  const shown = typeof value === 'number' && !Number.isInteger(value) ? `${given} ${value}` : given;
  throw new MismatchError(
    `json: cannot unmarshal ${shown} into Go struct field ${place.owner}.${place.goPath} of type ${type}`,
  );
}

function goName(schema: StructSchema): string {
  const parts = schema.name.split('.');
  return parts.slice(-2).join('.');
}

function goType(schema: Schema): string {
  if (schema.type === 'struct') return goName(schema);
  if (schema.type === 'integer' || schema.type === 'number') return schema.format;
  return schema.type === 'boolean' ? 'bool' : schema.type;
}
