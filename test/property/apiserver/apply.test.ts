import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyConfiguration } from '../../../src/lab/apiserver/apply/apply.ts';
import {
  difference,
  fromFieldsV1,
  intersection,
  isEmpty,
  toFieldsV1,
  union,
  type FieldSet,
} from '../../../src/lab/apiserver/apply/field-set.ts';
import { changesBetween, fieldsOf } from '../../../src/lab/apiserver/apply/fields.ts';
import { recordUpdate } from '../../../src/lab/apiserver/apply/managed-fields.ts';
import { ApiError } from '../../../src/lab/apiserver/errors.ts';
import { clone, omit, type JsonObject } from '../../../src/lab/apiserver/json.ts';
import type { ApiObject } from '../../../src/lab/apiserver/object.ts';
import { defineResource } from '../../../src/lab/apiserver/registry/resource.ts';
import { kindSchema } from '../../../src/lab/apiserver/schema/meta.ts';
import { thing, things } from './json.ts';

const resource = defineResource({
  group: 'x.io',
  version: 'v1',
  plural: 'things',
  kind: 'Thing',
  schema: kindSchema('Thing', thing.fields),
});
const object = (fields: JsonObject): ApiObject => ({
  kind: 'Thing',
  apiVersion: 'x.io/v1',
  metadata: { name: 't' },
  ...clone(fields),
});
const fieldsIn = (value: ApiObject): JsonObject => omit(value, ['kind', 'apiVersion', 'metadata']);
const options = (manager: string, force = false) => ({ manager, subresource: '', force, now: new Date(0) }) as const;
const sets = things.map((value) => fieldsOf(thing, value));
const same = (a: FieldSet, b: FieldSet): void => {
  expect(toFieldsV1(a)).toEqual(toFieldsV1(b));
};

describe('field sets', () => {
  it('are sets', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        same(union(difference(a, b), intersection(a, b)), a);
        expect(isEmpty(intersection(difference(a, b), b))).toBe(true);
        same(union(a, b), union(b, a));
        expect(isEmpty(difference(a, union(a, b)))).toBe(true);
      }),
    );
  });

  it('survive being written down', () => {
    fc.assert(
      fc.property(sets, (set) => {
        same(fromFieldsV1(toFieldsV1(set)), set);
      }),
    );
  });
});

describe('changes', () => {
  it('are none between equals, and everything from nothing', () => {
    fc.assert(
      fc.property(things, (value) => {
        const none = changesBetween(thing, value, clone(value));
        expect([isEmpty(none.changed), isEmpty(none.removed)]).toEqual([true, true]);
        same(intersection(changesBetween(thing, {}, value).changed, fieldsOf(thing, value)), fieldsOf(thing, value));
      }),
    );
  });
});

describe('server-side apply', () => {
  it('gives what it was given, and again changes nothing', () => {
    fc.assert(
      fc.property(things, (config) => {
        const once = applyConfiguration(resource, object({}), object(config), options('one'));
        expect(fieldsIn(once)).toEqual(config);
        expect(applyConfiguration(resource, once, object(config), options('one'))).toEqual(once);
      }),
    );
  });

  it('takes back what it no longer says: one manager alone always gets just its last word', () => {
    fc.assert(
      fc.property(things, things, (first, second) => {
        const once = applyConfiguration(resource, object({}), object(first), options('one'));
        const twice = applyConfiguration(resource, once, object(second), options('one'));
        expect(normal(omit(fieldsIn(twice), ['inner']))).toEqual(normal(omit(second, ['inner'])));
        // A struct that lost its last field stays as an empty one, as on the real server.
        expect(twice['inner'] ?? {}).toEqual(second['inner'] ?? {});
      }),
    );
  });

  it('leaves alone what is another’s, and asks before it changes it', () => {
    fc.assert(
      fc.property(things, things, (theirs, ours) => {
        const live = applyConfiguration(resource, object({}), object(theirs), options('they'));
        try {
          const merged = applyConfiguration(resource, live, object(ours), options('we'));
          // Nobody was overruled, so they may say it again; only the order of lists without one follows the last word.
          const again = applyConfiguration(resource, merged, object(theirs), options('they'));
          expect(normal(fieldsIn(again))).toEqual(normal(fieldsIn(merged)));
          const withdrawn = applyConfiguration(resource, merged, object({}), options('we'));
          expect(normal(omit(fieldsIn(withdrawn), ['inner']))).toEqual(normal(omit(theirs, ['inner'])));
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
          expect((error as ApiError).code).toBe(409);
          const forced = applyConfiguration(resource, live, object(ours), options('we', true));
          expect(() => applyConfiguration(resource, forced, object(theirs), options('they'))).toThrow(ApiError);
        }
      }),
    );
  });

  it('gives way to plain updates: what somebody changed is theirs', () => {
    fc.assert(
      fc.property(things, things, (applied, edited) => {
        const live = applyConfiguration(resource, object({}), object(applied), options('one'));
        const after: ApiObject = { ...object(edited), metadata: clone(live.metadata) };
        recordUpdate(resource, live, after, 'hand', '', new Date(0));
        const owners = after.metadata.managedFields ?? [];
        const owned = owners
          .map(({ fieldsV1 }) => fromFieldsV1(fieldsV1))
          .reduce(union, { member: false, children: new Map() });
        // Nothing is owned that is not there.
        expect(isEmpty(difference(leaves(owned), leaves(fieldsOf(thing, fieldsIn(after)))))).toBe(true);
        const [one, hand] = ['one', 'hand'].map((name) =>
          fromFieldsV1(owners.find(({ manager }) => manager === name)?.fieldsV1 ?? {}),
        );
        if (one !== undefined && hand !== undefined)
          expect(isEmpty(intersection(leaves(one), leaves(hand)))).toBe(true);
      }),
    );
  });
});

/** Only what leads nowhere further: containers may be shared. */
function leaves(set: FieldSet): FieldSet {
  const children = [...set.children].map(([element, child]) => [element, leaves(child)] as const);
  return { member: set.member && children.length === 0, children: new Map(children) };
}

/** Sets and lists by key have no order of their own. */
function normal(value: JsonObject): JsonObject {
  const sorted = (key: string): JsonObject =>
    Array.isArray(value[key])
      ? { [key]: value[key].toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) }
      : {};
  return { ...value, ...sorted('parts'), ...sorted('tags') };
}
