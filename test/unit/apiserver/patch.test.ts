import { describe, expect, it } from 'vitest';
import { applyJsonPatch } from '../../../src/lab/apiserver/patch/json-patch.ts';
import { applyMergePatch } from '../../../src/lab/apiserver/patch/merge-patch.ts';
import { applyStrategicPatch } from '../../../src/lab/apiserver/patch/strategic.ts';
import { any, listMap, map, set, string, struct } from '../../../src/lab/apiserver/schema/schema.ts';
import type { Json, JsonObject } from '../../../src/lab/apiserver/json.ts';

describe('merge patch', () => {
  // RFC 7396, appendix A
  it.each<[Json, Json, Json]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j', (target, patch, expected) => expect(applyMergePatch(target, patch)).toEqual(expected));

  it('does not reach the prototype', () => {
    const result = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":1}}') as Json) as JsonObject;
    expect(({} as JsonObject)['polluted']).toBeUndefined();
    expect(Object.keys(result)).toEqual(['__proto__']);
  });
});

describe('JSON patch', () => {
  // RFC 6902, appendix A
  it.each<[string, Json, Json, Json]>([
    ['adds a member', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { foo: 'bar', baz: 'qux' }],
    [
      'adds an item',
      { foo: ['bar', 'baz'] },
      [{ op: 'add', path: '/foo/1', value: 'qux' }],
      { foo: ['bar', 'qux', 'baz'] },
    ],
    ['removes a member', { baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    ['removes an item', { foo: ['bar', 'qux', 'baz'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['bar', 'baz'] }],
    [
      'moves an item',
      { foo: ['a', 'b', 'c', 'd'] },
      [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
      { foo: ['a', 'c', 'd', 'b'] },
    ],
    ['appends', { foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc'] }], { foo: ['bar', ['abc']] }],
    ['unescapes', { '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
    ['replaces all', { a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
    ['copies', { a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } }],
    ['replaces null', { a: null }, [{ op: 'replace', path: '/a', value: 1 }], { a: 1 }],
  ])('%s', (_what, document, patch, expected) => expect(applyJsonPatch(document, patch)).toEqual(expected));

  it.each<[Json, Json]>([
    [{ a: 1 }, [{ op: 'add', path: '/b/c', value: 1 }]],
    [{ a: [1] }, [{ op: 'add', path: '/a/2', value: 1 }]],
    [{ a: [1] }, [{ op: 'remove', path: '/a/01' }]],
    [{ a: 1 }, [{ op: 'test', path: '/a', value: '1' }]],
    [{ a: 1 }, [{ op: 'remove', path: 'a' }]],
    [{ a: 1 }, [{ op: 'remove', path: '/toString' }]],
  ])('refuses %j with %j', (document, patch) => expect(() => applyJsonPatch(document, patch)).toThrow());
});

describe('strategic merge patch', () => {
  const item = struct('Item', { name: string, value: string, tags: set(string) });
  const schema = struct('Thing', {
    items: listMap(item, ['name']),
    tags: set(string),
    labels: map(string),
    free: any,
    union: struct('Union', { type: string, a: string, b: string }, { retainKeys: true }),
  });
  const patch = (target: JsonObject, change: JsonObject): JsonObject => applyStrategicPatch(schema, target, change);

  it.each<[string, JsonObject, JsonObject, JsonObject]>([
    [
      'merges items',
      { items: [{ name: 'a', value: '1' }] },
      { items: [{ name: 'a', tags: ['x'] }] },
      { items: [{ name: 'a', value: '1', tags: ['x'] }] },
    ],
    [
      'removes fields of items',
      { items: [{ name: 'a', value: '1' }] },
      { items: [{ name: 'a', value: null }] },
      { items: [{ name: 'a' }] },
    ],
    ['joins sets', { tags: ['a', 'b'] }, { tags: ['b', 'c'] }, { tags: ['a', 'b', 'c'] }],
    ['takes values out of sets', { tags: ['a', 'b'] }, { '$deleteFromPrimitiveList/tags': ['a'] }, { tags: ['b'] }],
    ['replaces lists it knows nothing of', { free: [1, 2] }, { free: [3] }, { free: [3] }],
    [
      'replaces maps on request',
      { labels: { a: '1' } },
      { labels: { $patch: 'replace', b: '2' } },
      { labels: { b: '2' } },
    ],
    ['removes maps on request', { labels: { a: '1' } }, { labels: { $patch: 'delete' } }, {}],
    [
      'keeps only what is to be retained',
      { union: { type: 'a', a: '1' } },
      { union: { $retainKeys: ['type', 'b'], type: 'b', b: '2' } },
      { union: { type: 'b', b: '2' } },
    ],
    [
      'leaves no directive behind in what is new',
      {},
      { items: [{ name: 'a', tags: ['x'], '$setElementOrder/tags': ['x'] }] },
      { items: [{ name: 'a', tags: ['x'] }] },
    ],
    [
      'orders what it does not touch',
      { items: [{ name: 'a' }, { name: 'b' }] },
      { '$setElementOrder/items': [{ name: 'b' }, { name: 'a' }] },
      { items: [{ name: 'b' }, { name: 'a' }] },
    ],
    [
      'deletes what is not there',
      { items: [{ name: 'a' }] },
      { items: [{ name: 'z', $patch: 'delete' }] },
      { items: [{ name: 'a' }] },
    ],
  ])('%s', (_what, target, change, expected) => expect(patch(target, change)).toEqual(expected));

  it('refuses directives and items it does not understand', () => {
    expect(() => patch({}, { $patch: 'explode' })).toThrow('unknown patch strategy');
    expect(() => patch({ items: [] }, { items: [{ value: '1' }] })).toThrow('merge key');
    expect(() => patch({ items: [] }, { items: ['a'] })).toThrow();
  });
});
