/** Arbitrary JSON and objects of a small schema that has every kind of list. */
import fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/lab/apiserver/json.ts';
import { atomic, list, listMap, map, set, string, struct } from '../../../src/lab/apiserver/schema/schema.ts';

const part = struct('Part', { name: string, kind: string, value: string });

export const thing = struct('Thing', {
  text: string,
  labels: map(string),
  selector: atomic(map(string)),
  parts: listMap(part, { name: undefined, kind: 'plain' }, 'name'),
  tags: set(string),
  order: list(string),
  inner: struct('Inner', { a: string, b: string }),
});

const word = fc.constantFrom('a', 'b', 'c', 'd');
const words = fc.uniqueArray(word, { minLength: 1, maxLength: 4 });
const dictionary = fc.dictionary(word, word, { minKeys: 1, maxKeys: 3 });
const parts = fc.uniqueArray(fc.record({ name: word, value: word }, { requiredKeys: ['name'] }), {
  selector: ({ name }) => name,
  minLength: 1,
  maxLength: 3,
});

/** Values of {@link thing} as they are after decoding: nothing empty. */
export const things: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      text: word,
      labels: dictionary,
      selector: dictionary,
      parts,
      tags: words,
      order: words,
      inner: fc.record({ a: word, b: word }, { requiredKeys: [] }).filter((inner) => Object.keys(inner).length > 0),
    },
    { requiredKeys: [] },
  )
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);

export const json: fc.Arbitrary<Json> = fc
  .jsonValue({ maxDepth: 4 })
  .map((value) => JSON.parse(JSON.stringify(value)) as Json);
