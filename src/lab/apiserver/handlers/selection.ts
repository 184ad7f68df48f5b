/** Which objects a list, a watch or a deletion of many is about. */
import type { ApiObject } from '../object.ts';
import type { Resource } from '../registry/resource.ts';
import { compileFieldSelector, parseFieldRequirements } from '../selectors/fields.ts';
import { parseLabelSelector } from '../selectors/labels.ts';

/** Takes objects in their stored form. @throws ApiError 400 */
export function selectorOf(resource: Resource, query: URLSearchParams): (object: ApiObject) => boolean {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const requirements = parseFieldRequirements(query.get('fieldSelector') ?? '');
  const known = ['metadata.name', ...(resource.namespaced ? ['metadata.namespace'] : [])];
  const fields = compileFieldSelector(requirements, [...known, ...Object.keys(resource.selectable)]);
  const wanted = new Set(requirements.map(({ field }) => field));
  return (object) =>
    labels(object.metadata.labels ?? {}) && (wanted.size === 0 || fields(fieldsOf(resource, object, wanted)));
}

function fieldsOf(resource: Resource, stored: ApiObject, wanted: ReadonlySet<string>): Record<string, string> {
  const object = resource.fromStored(stored);
  const values: Record<string, string> = {
    'metadata.name': object.metadata.name ?? '',
    'metadata.namespace': object.metadata.namespace ?? '',
  };
  for (const field of wanted) {
    const read = resource.selectable[field];
    if (read !== undefined) values[field] = read(object);
  }
  return values;
}
