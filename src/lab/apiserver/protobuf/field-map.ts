/** Which field of a message has which number, and where it goes. */
import type { Schema, StructSchema } from '../schema/schema.ts';
import { any, string } from '../schema/schema.ts';
import { FIELD_NUMBERS } from './field-numbers.ts';

export type FieldTarget =
  | { readonly key: string; readonly schema: Schema; readonly keepsZero: boolean }
  /** A message whose fields stand directly in the object in JSON. */
  | { readonly inline: FieldMap };

export type FieldMap = ReadonlyMap<number, FieldTarget>;

/** Undefined for a message whose numbers are not known. */
export function fieldMapOf(schema: StructSchema): FieldMap | undefined {
  const dot = schema.name.lastIndexOf('.');
  const text = FIELD_NUMBERS[schema.name.slice(0, dot)]?.[schema.name.slice(dot + 1)];
  return text === undefined ? undefined : parseMap(schema, text);
}

/** Reads `name=1 (path=1 type=2)=2 optional=3*`. */
function parseMap(schema: StructSchema, text: string): FieldMap {
  const map = new Map<number, FieldTarget>();
  for (const [, inner, key = '', number, star] of text.matchAll(/(?:\(([^)]*)\)|(\w+))=(\d+)(\*?)/g)) {
    if (inner !== undefined) map.set(Number(number), { inline: parseMap(schema, inner) });
    else map.set(Number(number), { key, schema: schema.fields[key] ?? any, keepsZero: star === '*' });
  }
  return map;
}

/** runtime.Unknown, the envelope of every object, and its TypeMeta. */
export const ENVELOPE: FieldMap = new Map<number, FieldTarget>([
  [
    1,
    {
      inline: new Map<number, FieldTarget>([
        [1, { key: 'apiVersion', schema: string, keepsZero: false }],
        [2, { key: 'kind', schema: string, keepsZero: false }],
      ]),
    },
  ],
]);
