/**
 * The OpenAPI 2 document in the protobuf form of gnostic (openapiv2/OpenAPIv2.proto), which kubectl asks for. Only what
 * {@link openapiV2} puts in; numbers beside fields are that file's.
 */
import { stringify } from 'yaml';
import { isObject, objectAt, objectsAt, stringAt, stringsAt, type Json, type JsonObject } from '../json.ts';
import { encodeMessage, type Field } from '../protobuf/encode.ts';

export function encodeOpenapiV2(document: JsonObject): Uint8Array {
  const info = objectAt(document, 'info');
  return encodeMessage([
    [1, stringAt(document, 'swagger')],
    [
      2,
      encodeMessage([
        [1, stringAt(info, 'title')],
        [2, stringAt(info, 'version')],
      ]),
    ],
    [8, encodeMessage(named(objectAt(document, 'paths'), 2, pathItem))],
    [9, encodeMessage(named(objectAt(document, 'definitions'), 1, schema))],
  ]);
}

/** Maps are lists of named values. */
function* named(map: JsonObject, number: number, encode: (value: JsonObject) => Uint8Array): Iterable<Field> {
  for (const [name, value] of Object.entries(map)) {
    if (isObject(value))
      yield [
        number,
        encodeMessage([
          [1, name],
          [2, encode(value)],
        ]),
      ];
  }
}

/** Vendor extensions are YAML texts. */
function* extensions(object: JsonObject, number: number): Iterable<Field> {
  for (const [name, value] of Object.entries(object)) {
    if (!name.startsWith('x-')) continue;
    const yaml = encodeMessage([[2, stringify(value)]]);
    yield [
      number,
      encodeMessage([
        [1, name],
        [2, yaml],
      ]),
    ];
  }
}

function pathItem(item: JsonObject): Uint8Array {
  return encodeMessage([[8, operation(objectAt(item, 'patch'))]]);
}

function operation(object: JsonObject): Uint8Array {
  const repeated = (number: number, values: readonly string[]): Field[] => values.map((value) => [number, value]);
  return encodeMessage([
    [5, stringAt(object, 'operationId')],
    ...repeated(6, stringsAt(object, 'produces')),
    ...repeated(7, stringsAt(object, 'consumes')),
    ...objectsAt(object, 'parameters').map((item): Field => [8, parameter(item)]),
    ...extensions(object, 13),
  ]);
}

/** Parameter → non-body parameter → query parameter. */
function parameter(object: JsonObject): Uint8Array {
  const query = encodeMessage([
    [2, 'query'],
    [4, stringAt(object, 'name')],
    [6, stringAt(object, 'type')],
  ]);
  return encodeMessage([[1, encodeMessage([[2, encodeMessage([[3, query]])]])]]);
}

function schema(object: JsonObject): Uint8Array {
  const type = stringAt(object, 'type');
  const additional = object['additionalProperties'];
  const items = object['items'];
  return encodeMessage([
    [1, stringAt(object, '$ref')],
    [2, stringAt(object, 'format')],
    [4, stringAt(object, 'description')],
    ...stringsAt(object, 'required').map((name): Field => [19, name]),
    [21, isObject(additional) ? encodeMessage([[1, schema(additional)]]) : undefined],
    [22, type === '' ? undefined : encodeMessage([[1, type]])],
    [23, isObject(items) ? encodeMessage([[1, schema(items)]]) : undefined],
    [25, properties(object['properties'])],
    ...extensions(object, 31),
  ]);
}

function properties(value: Json | undefined): Uint8Array | undefined {
  return isObject(value) ? encodeMessage(named(value, 1, schema)) : undefined;
}
