/** Fields with a few known values. */
import { unsupported, type FieldError } from '../../errors.ts';
import { stringAt, type JsonObject } from '../../json.ts';

/** @param values in the order in which the message lists them. */
export function oneOf(object: JsonObject, key: string, values: readonly string[], field = `spec.${key}`): FieldError[] {
  const value = stringAt(object, key);
  return values.includes(value) ? [] : [unsupported(field, value, values)];
}
