/** Objects that clients send in Kubernetes' protobuf encoding, as the JSON they stand for. kubectl sends some. */
import { DecodeError } from '../../../model/errors.ts';
import { setKey, type Json, type JsonObject } from '../json.ts';
import type { Schema, StructSchema } from '../schema/schema.ts';
import { ENVELOPE, fieldMapOf, type FieldMap } from './field-map.ts';
import { readFields, utf8, type WireField } from './wire.ts';

const MAGIC = Buffer.from('k8s\0');
/** Deeper than any kind; deeper nesting is an attack. */
const MAX_DEPTH = 40;

/**
 * @param schema of the kind that the request is about; the envelope's own kind and version are in the result.
 * @throws DecodeError
 */
export function decodeProtobuf(schema: StructSchema, body: Uint8Array): JsonObject {
  if (!MAGIC.equals(body.subarray(0, MAGIC.length))) throw new DecodeError('protobuf: the magic number is missing');
  const envelope = body.subarray(MAGIC.length);
  const object: JsonObject = {};
  readInto(object, ENVELOPE, envelope, 0);
  for (const field of readFields(envelope)) {
    if (field.number === 2) Object.assign(object, decodeMessage(schema, bytesOf(field), 0));
  }
  return object;
}

function decodeMessage(schema: StructSchema, message: Uint8Array, depth: number): JsonObject {
  if (depth > MAX_DEPTH) throw new DecodeError('protobuf: messages are nested too deeply');
  const map = fieldMapOf(schema);
  if (map === undefined) throw new DecodeError(`protobuf: ${schema.name} can be sent as JSON only`);
  const object: JsonObject = {};
  readInto(object, map, message, depth);
  return object;
}

function readInto(object: JsonObject, map: FieldMap, message: Uint8Array, depth: number): void {
  for (const field of readFields(message)) {
    const target = map.get(field.number);
    if (target === undefined) continue;
    if ('inline' in target) readInto(object, target.inline, bytesOf(field), depth + 1);
    else put(object, target.key, target.schema, field, target.keepsZero, depth);
  }
}

function put(
  object: JsonObject,
  key: string,
  schema: Schema,
  field: WireField,
  keepsZero: boolean,
  depth: number,
): void {
  if (schema.type === 'list') {
    const list = Array.isArray(object[key]) ? object[key] : [];
    list.push(decodeValue(schema.items, field, depth) ?? '');
    object[key] = list;
  } else if (schema.type === 'map') {
    const map = (object[key] ?? {}) as JsonObject;
    putEntry(map, schema.values, bytesOf(field), depth);
    object[key] = map;
  } else {
    const value = decodeValue(schema, field, depth);
    const zero = value === undefined || value === '' || value === 0 || value === false;
    if (value !== undefined && (keepsZero || !zero)) object[key] = value;
  }
}

/** One entry of a map: a message of a key and a value. */
function putEntry(map: JsonObject, values: Schema, entry: Uint8Array, depth: number): void {
  let key = '';
  let value: Json | undefined;
  for (const field of readFields(entry)) {
    if (field.number === 1) key = utf8(bytesOf(field));
    if (field.number === 2) value = decodeValue(values, field, depth);
  }
  setKey(map, key, value ?? '');
}

function decodeValue(schema: Schema, field: WireField, depth: number): Json | undefined {
  switch (schema.type) {
    case 'string':
      if (schema.format === 'date-time' || schema.format === 'micro-time') return decodeTime(bytesOf(field));
      if (schema.format === 'byte') return Buffer.from(bytesOf(field)).toString('base64');
      return utf8(bytesOf(field));
    case 'integer':
    case 'number':
      return Number(BigInt.asIntN(64, varintOf(field)));
    case 'boolean':
      return varintOf(field) !== 0n;
    case 'int-or-string':
      return decodeIntOrString(bytesOf(field));
    case 'quantity':
      return firstString(bytesOf(field));
    case 'struct':
      return decodeMessage(schema, bytesOf(field), depth + 1);
    case 'any':
      return decodeRaw(bytesOf(field));
    case 'list':
    case 'map':
      throw new DecodeError('protobuf: lists of lists are not used');
  }
}

/** Time and MicroTime: seconds and nanoseconds. The zero time is empty. */
function decodeTime(message: Uint8Array): string | undefined {
  let seconds: bigint | undefined;
  let nanos = 0n;
  for (const field of readFields(message)) {
    if (field.number === 1) seconds = BigInt.asIntN(64, varintOf(field));
    if (field.number === 2) nanos = BigInt.asIntN(32, varintOf(field));
  }
  if (seconds === undefined) return undefined;
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) throw new DecodeError('protobuf: a time is out of range');
  const micros = String(Number(nanos) / 1000)
    .padStart(6, '0')
    .slice(0, 6);
  return date.toISOString().replace(/\.\d+Z$/, `.${/^\d{6}$/.test(micros) ? micros : '000000'}Z`);
}

function decodeIntOrString(message: Uint8Array): Json {
  let isString = false;
  let number = 0;
  let text = '';
  for (const field of readFields(message)) {
    if (field.number === 1) isString = varintOf(field) === 1n;
    if (field.number === 2) number = Number(BigInt.asIntN(64, varintOf(field)));
    if (field.number === 3) text = utf8(bytesOf(field));
  }
  return isString ? text : number;
}

function firstString(message: Uint8Array): string {
  for (const field of readFields(message)) if (field.number === 1) return utf8(bytesOf(field));
  return '';
}

/** FieldsV1 and the like carry JSON; other messages without a schema cannot be read. */
function decodeRaw(message: Uint8Array): Json {
  try {
    return JSON.parse(firstString(message)) as Json;
  } catch {
    throw new DecodeError('protobuf: this part of the object can be sent as JSON only');
  }
}

function bytesOf(field: WireField): Uint8Array {
  if (field.kind !== 'bytes') throw new DecodeError(`protobuf: field ${field.number} has the wrong type`);
  return field.value;
}

function varintOf(field: WireField): bigint {
  if (field.kind !== 'varint') throw new DecodeError(`protobuf: field ${field.number} has the wrong type`);
  return field.value;
}
