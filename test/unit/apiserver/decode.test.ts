import { describe, expect, it } from 'vitest';
import { decode, MismatchError } from '../../../src/lab/apiserver/schema/decode.ts';
import {
  bool,
  bytes,
  int32,
  int64,
  intOrString,
  list,
  map,
  microTime,
  quantity,
  string,
  struct,
  time,
} from '../../../src/lab/apiserver/schema/schema.ts';
import type { JsonObject } from '../../../src/lab/apiserver/json.ts';

const inner = struct('x.v1.Inner', { port: int32 });
const schema = struct('x.v1.Outer', {
  text: string,
  flag: bool,
  small: int32,
  large: int64,
  when: time,
  exactly: microTime,
  data: bytes,
  either: intOrString,
  amount: quantity,
  labels: map(string),
  items: list(inner),
  names: list(string),
  inner,
});
const read = (value: JsonObject): JsonObject => decode(schema, value).object;

describe('objects from clients', () => {
  it('lose what is empty, null or unknown', () => {
    const { object, unknown } = decode(schema, {
      text: null,
      labels: {},
      items: [],
      inner: {},
      other: 1,
      inner2: {},
      names: ['a'],
    });
    expect([object, unknown]).toEqual([{ inner: {}, names: ['a'] }, ['other', 'inner2']]);
    expect(decode(schema, { items: [{ port: 1, x: 2 }] }).unknown).toEqual(['items[0].x']);
  });

  it('have times as Go keeps them', () => {
    expect(read({ when: '2026-01-02T03:04:05.678Z' })).toEqual({ when: '2026-01-02T03:04:05Z' });
    expect(read({ when: '2026-01-02T03:04:05+02:00' })).toEqual({ when: '2026-01-02T01:04:05Z' });
    expect(read({ exactly: '2026-01-02T03:04:05.000123+01:00' })).toEqual({ exactly: '2026-01-02T02:04:05.000123Z' });
    for (const bad of ['2026-01-02', 'now', '2026-13-02T03:04:05Z'])
      expect(() => read({ when: bad }), bad).toThrow(MismatchError);
    for (const bad of ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.123Z'])
      expect(() => read({ exactly: bad }), bad).toThrow(MismatchError);
  });

  it.each<[JsonObject, string]>([
    [{ text: 1 }, 'cannot unmarshal number into Go struct field Outer.text of type string'],
    [{ flag: 'true' }, 'cannot unmarshal string into Go struct field Outer.flag of type bool'],
    [{ small: 2 ** 40 }, 'Outer.small of type int32'],
    [{ small: 1.5 }, 'cannot unmarshal number 1.5'],
    [{ items: {} }, 'cannot unmarshal object into Go struct field Outer.items of type []v1.Inner'],
    [{ items: [{ port: 'x' }] }, 'Go struct field Inner.items.port of type int32'],
    [{ labels: { a: 1 } }, 'Outer.labels of type string'],
    [{ data: '!' }, 'illegal base64'],
    [{ amount: 'many' }, 'quantities must match'],
    [{ either: true }, 'intstr.IntOrString'],
    [{ names: [null] }, 'of type string'],
  ])('are refused: %j', (value, message) => expect(() => read(value)).toThrow(message));

  it('may have numbers where text is meant for amounts, and both for ports', () => {
    expect(read({ amount: 1, either: 80 })).toEqual({ amount: '1', either: 80 });
    expect(read({ amount: '100Mi', either: 'http' })).toEqual({ amount: '100Mi', either: 'http' });
    expect(read({ large: 2 ** 40 })).toEqual({ large: 2 ** 40 });
  });
});
