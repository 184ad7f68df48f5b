/** Who owns which field: `metadata.managedFields`. */
import { objectAt, objectsAt, omit, stringAt, type JsonObject } from '../json.ts';
import { timestamp, type ApiObject, type ManagedFieldsEntry } from '../object.ts';
import { apiVersionOfResource, type Resource } from '../registry/resource.ts';
import { difference, fromFieldsV1, isEmpty, toFieldsV1, union, type FieldSet } from './field-set.ts';
import { changesBetween, fieldsOf, withContainers } from './fields.ts';

/** One manager in one role, and what it owns. */
export interface Owner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource: string;
  readonly apiVersion: string;
  readonly time: string;
  readonly set: FieldSet;
}

/** What the server itself writes; nobody owns it. */
const UNOWNED_META = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'selfLink',
  'managedFields',
];

/** The part of an object that can be owned. */
export function ownable(object: JsonObject): JsonObject {
  const metadata = omit(objectAt(object, 'metadata'), UNOWNED_META);
  const owned = omit(object, ['apiVersion', 'kind', 'metadata']);
  return Object.keys(metadata).length === 0 ? owned : { ...owned, metadata };
}

export function readOwners(object: ApiObject): Owner[] {
  return objectsAt(object.metadata, 'managedFields').flatMap((entry) => {
    const operation = stringAt(entry, 'operation');
    if (operation !== 'Apply' && operation !== 'Update') return [];
    return [
      {
        manager: stringAt(entry, 'manager'),
        operation,
        subresource: stringAt(entry, 'subresource'),
        apiVersion: stringAt(entry, 'apiVersion'),
        time: stringAt(entry, 'time'),
        set: fromFieldsV1(objectAt(entry, 'fieldsV1')),
      } as const,
    ];
  });
}

/** Replaces the managed fields of an object, which is changed. Owners of nothing are left out. */
export function writeOwners(object: ApiObject, owners: readonly Owner[]): void {
  const entries = owners
    .filter(({ set }) => !isEmpty(set))
    .sort(inOrder)
    .map(entryOf);
  if (entries.length === 0) delete object.metadata.managedFields;
  else object.metadata.managedFields = entries;
}

/** Appliers first, then the oldest. */
function inOrder(a: Owner, b: Owner): number {
  const key = ({ operation, time, manager, subresource }: Owner): string =>
    `${operation} ${time} ${manager} ${subresource}`;
  return key(a) < key(b) ? -1 : 1;
}

function entryOf({ manager, operation, subresource, apiVersion, time, set }: Owner): ManagedFieldsEntry {
  return {
    manager,
    operation,
    apiVersion,
    ...(time === '' ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(set),
    ...(subresource === '' ? {} : { subresource }),
  };
}

export function isSameOwner(a: Pick<Owner, 'manager' | 'operation' | 'subresource'>, b: typeof a): boolean {
  return a.manager === b.manager && a.operation === b.operation && a.subresource === b.subresource;
}

/** Gives the fields that differ between `old` and `object` to `manager`, and takes them from all others. */
export function recordUpdate(
  resource: Resource,
  old: ApiObject | undefined,
  object: ApiObject,
  manager: string,
  subresource: string,
  now: Date,
): void {
  if (old === undefined) delete object.metadata.managedFields;
  const wiped = objectsAt(object.metadata, 'managedFields').some((entry) => Object.keys(entry).length === 0);
  // A client that leaves them out does not know them; one that means to clear them sends an empty entry.
  const kept = readOwners(object.metadata.managedFields === undefined && old !== undefined ? old : object);
  const owners = wiped ? [] : kept;
  if (old !== undefined && owners.length === 0) {
    // Where nobody owns anything, ownership begins with the first apply.
    delete object.metadata.managedFields;
    return;
  }
  const { changed, removed } =
    old === undefined
      ? { changed: createdFields(resource, object), removed: undefined }
      : changesBetween(resource.schema, ownable(old), ownable(object));
  const self = { manager, operation: 'Update', subresource } as const;
  const gone = removed === undefined ? changed : union(changed, removed);
  const rest = owners.map((owner) =>
    isSameOwner(owner, self)
      ? { ...owner, set: removed === undefined ? owner.set : difference(owner.set, removed) }
      : { ...owner, set: difference(owner.set, gone) },
  );
  writeOwners(object, isEmpty(changed) ? rest : withOwner(rest, { ...self, ...stamp(resource, now), set: changed }));
}

/** What the creator of an object owns: not its status, where that is written separately. */
function createdFields({ schema, subresources }: Resource, object: ApiObject): FieldSet {
  const own = ownable(object);
  const written = subresources.includes('status') ? omit(own, ['status']) : own;
  return withContainers(schema, fieldsOf(schema, written));
}

function stamp(resource: Resource, now: Date): { apiVersion: string; time: string } {
  return { apiVersion: apiVersionOfResource(resource), time: timestamp(now) };
}

/** Adds what an owner owns to what it owned before. */
function withOwner(owners: readonly Owner[], added: Owner): Owner[] {
  const before = owners.find((owner) => isSameOwner(owner, added));
  const others = owners.filter((owner) => owner !== before);
  return [...others, before === undefined ? added : { ...added, set: union(before.set, added.set) }];
}
