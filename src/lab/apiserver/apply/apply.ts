/** Server-side apply: a manager says all it wants of an object, and owns just that. */
import { ApiError } from '../errors.ts';
import { omit, type JsonObject } from '../json.ts';
import { timestamp, type ApiObject } from '../object.ts';
import { apiVersionOfResource, type Resource } from '../registry/resource.ts';
import {
  difference,
  EMPTY,
  formatPath,
  intersection,
  isEmpty,
  paths,
  union,
  withParents,
  type FieldSet,
} from './field-set.ts';
import { changesBetween, objectFields } from './fields.ts';
import { isSameOwner, ownable, readOwners, writeOwners, type Owner } from './managed-fields.ts';
import { mergeApplied, removeFields } from './merge.ts';

export interface ApplyOptions {
  readonly manager: string;
  readonly subresource: '' | 'status';
  /** Takes fields from whoever owns them. */
  readonly force: boolean;
  readonly now: Date;
}

/**
 * What `live` becomes when `config` is applied to it, its managed fields included. Neither is changed.
 * @throws ApiError 409 when somebody else owns a field that would get another value.
 */
export function applyConfiguration(
  resource: Resource,
  live: ApiObject,
  config: ApiObject,
  options: ApplyOptions,
): ApiObject {
  const { schema } = resource;
  const self = { manager: options.manager, operation: 'Apply', subresource: options.subresource } as const;
  const wanted = ownPart(resource, config, options.subresource);
  const set = objectFields(schema, ownable(wanted));
  const owners = ownersBefore(resource, live);
  const before = owners.find((owner) => isSameOwner(owner, self));
  const others = owners.filter((owner) => owner !== before);

  const merged = mergeApplied(schema, live, ownable(wanted)) as ApiObject;
  const { changed } = changesBetween(schema, ownable(live), ownable(merged));
  const left = settle(others, changed, options.force);
  const stillWanted = withParents(left.reduce((sum, owner) => union(sum, owner.set), set));
  const dropped = difference(before?.set ?? EMPTY, stillWanted);
  const result = (isEmpty(dropped) ? merged : removeFields(schema, merged, dropped)) as ApiObject;

  const time = timestamp(options.now);
  const owner: Owner = { ...self, apiVersion: apiVersionOfResource(resource), time, set };
  const object = { ...result, metadata: { ...result.metadata } };
  writeOwners(object, [...left, owner]);
  // A version or uid in the configuration is a condition on what is there.
  if (config.metadata.resourceVersion) object.metadata.resourceVersion = config.metadata.resourceVersion;
  if (config.metadata.uid) object.metadata.uid = config.metadata.uid;
  return object;
}

/** What stood there before anybody applied anything belongs to whoever it was. */
function ownersBefore(resource: Resource, live: ApiObject): Owner[] {
  const owners = readOwners(live);
  if (owners.length > 0) return owners;
  const set = objectFields(resource.schema, ownable(live));
  const apiVersion = apiVersionOfResource(resource);
  return [{ manager: 'before-first-apply', operation: 'Update', subresource: '', apiVersion, time: '', set }];
}

/** The managed fields of an object that an apply makes. */
export function recordFirstApply(
  resource: Resource,
  object: ApiObject,
  config: ApiObject,
  options: ApplyOptions,
): void {
  const set = objectFields(resource.schema, ownable(ownPart(resource, config, options.subresource)));
  const apiVersion = apiVersionOfResource(resource);
  const { manager, subresource, now } = options;
  writeOwners(object, [{ manager, operation: 'Apply', subresource, apiVersion, time: timestamp(now), set }]);
}

/** What cannot be written through the (sub-)resource cannot be owned through it either. */
function ownPart(resource: Resource, config: ApiObject, subresource: string): ApiObject {
  if (subresource === 'status') {
    const { kind, apiVersion, metadata } = config;
    const status: JsonObject = config['status'] === undefined ? {} : { status: config['status'] };
    return { kind, apiVersion, metadata, ...status };
  }
  const withoutStatus = resource.subresources.includes('status') ? omit(config, ['status']) : config;
  return { ...withoutStatus, kind: config.kind, apiVersion: config.apiVersion, metadata: config.metadata };
}

/** What the other owners are left with. @throws ApiError 409 */
function settle(others: readonly Owner[], changed: FieldSet, force: boolean): Owner[] {
  const contested = others
    .map((owner) => ({ owner, fields: [...paths(intersection(owner.set, changed))].map(formatPath) }))
    .filter(({ fields }) => fields.length > 0);
  if (contested.length > 0 && !force) throw applyConflict(contested);
  return others.map((owner) => ({ ...owner, set: difference(owner.set, changed) }));
}

function applyConflict(contested: readonly { owner: Owner; fields: readonly string[] }[]): ApiError {
  const who = ({ manager, apiVersion, subresource, operation }: Owner): string => {
    const through = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`;
    return `${JSON.stringify(manager)}${through}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
  };
  const causes = contested.flatMap(({ owner, fields }) =>
    fields.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who(owner)}`, field })),
  );
  const lines = contested.map(({ owner, fields }) =>
    fields.length === 1
      ? `conflict with ${who(owner)}: ${fields[0] ?? ''}`
      : `conflicts with ${who(owner)}:\n${fields.map((field) => `- ${field}`).join('\n')}`,
  );
  const count = causes.length === 1 ? '1 conflict' : `${causes.length} conflicts`;
  return new ApiError(409, 'Conflict', `Apply failed with ${count}: ${lines.join('\n')}`, { causes });
}
