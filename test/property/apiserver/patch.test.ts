import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../src/lab/apiserver/errors.ts';
import { clone, equal, isObject, type Json, type JsonObject } from '../../../src/lab/apiserver/json.ts';
import { mergeOrder } from '../../../src/lab/apiserver/patch/element-order.ts';
import { applyJsonPatch } from '../../../src/lab/apiserver/patch/json-patch.ts';
import { applyMergePatch } from '../../../src/lab/apiserver/patch/merge-patch.ts';
import { applyStrategicPatch } from '../../../src/lab/apiserver/patch/strategic.ts';
import { json, thing, things } from './json.ts';

/** The merge patch between two values, by its definition. */
function difference(from: Json, to: Json): Json {
  if (!isObject(from) || !isObject(to)) return to;
  const patch: JsonObject = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    if (to[key] === undefined) patch[key] = null;
    else if (!equal(from[key], to[key])) patch[key] = difference(from[key] ?? null, to[key]);
  }
  return patch;
}

describe('merge patch', () => {
  it('leads from anything to anything, and twice is once', () => {
    fc.assert(
      fc.property(things, things, (from, to) => {
        const patch = difference(from, to);
        const before = clone(from);
        const once = applyMergePatch(from, patch);
        expect(once).toEqual(to);
        expect(applyMergePatch(once, patch)).toEqual(once);
        expect(from).toEqual(before);
      }),
    );
  });
});

describe('JSON patch', () => {
  it('undoes what it did', () => {
    fc.assert(
      fc.property(things, json, (document, value) => {
        const added = applyJsonPatch(document, [{ op: 'add', path: '/new', value }]);
        expect(
          applyJsonPatch(added, [
            { op: 'test', path: '/new', value },
            { op: 'remove', path: '/new' },
          ]),
        ).toEqual(document);
      }),
    );
  });

  it('of anybody gives JSON or an ApiError, and leaves the document as it was', () => {
    const pointer = fc.oneof(
      fc.constantFrom('', '/', '/a', '/parts/0', '/parts/-', '/parts/0/name', '/__proto__/x', '/constructor'),
      fc.string(),
    );
    const operation = fc.record(
      {
        op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'),
        path: pointer,
        from: pointer,
        value: json,
      },
      { requiredKeys: ['op'] },
    );
    fc.assert(
      fc.property(things, fc.oneof(fc.array(operation, { maxLength: 5 }), json), (document, patch) => {
        const before = clone(document);
        try {
          applyJsonPatch(document, patch);
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
        }
        expect(document).toEqual(before);
        expect(({} as JsonObject)['x']).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });
});

describe('strategic merge patch', () => {
  it('of an object makes it contain the object; twice is once', () => {
    fc.assert(
      fc.property(things, things, (target, patch) => {
        const before = clone(target);
        const once = applyStrategicPatch(thing, target, patch);
        expect(applyStrategicPatch(thing, once, patch)).toEqual(once);
        expect(once).toMatchObject({
          ...(patch['text'] === undefined ? {} : { text: patch['text'] }),
          ...(patch['labels'] === undefined ? {} : { labels: patch['labels'] }),
        });
        for (const part of (patch['parts'] ?? []) as JsonObject[])
          expect(once['parts']).toContainEqual(expect.objectContaining(part));
        for (const tag of (patch['tags'] ?? []) as string[]) expect(once['tags']).toContain(tag);
        expect(target).toEqual(before);
      }),
    );
  });

  it('of nothing changes nothing', () => {
    fc.assert(
      fc.property(things, (target) => {
        expect(applyStrategicPatch(thing, target, {})).toEqual(target);
      }),
    );
  });

  it('of anybody gives an object or an ApiError', () => {
    const keys = fc.constantFrom(
      'parts',
      'tags',
      'labels',
      '$patch',
      '$retainKeys',
      '$setElementOrder/parts',
      '$deleteFromPrimitiveList/tags',
      'x',
    );
    const values = fc.oneof(
      json,
      fc.constantFrom<Json>('delete', 'replace', [{ name: 'a', $patch: 'delete' }], [{ $patch: 'replace' }], ['a']),
    );
    fc.assert(
      fc.property(things, fc.dictionary(keys, values), (target, patch) => {
        try {
          applyStrategicPatch(thing, target, patch);
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the order of a merged list', () => {
  it('has every item once, the named ones as named', () => {
    const words = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd', 'e', 'f'));
    fc.assert(
      fc.property(words, words, (server, wanted) => {
        const merged = [...new Set([...server, ...wanted])];
        const result = mergeOrder(merged, wanted, server, String);
        expect(result.toSorted()).toEqual(merged.toSorted());
        expect(result.filter((item) => wanted.includes(item as string))).toEqual(wanted);
        const others = server.filter((item) => !wanted.includes(item));
        expect(result.filter((item) => !wanted.includes(item as string))).toEqual(others);
      }),
    );
  });
});
