/** The answer of a dry run: what would have been stored. */
import type { ApiObject } from '../object.ts';
import type { Stored } from '../storage/history.ts';

export function unsaved(object: ApiObject): Stored {
  return { object, revision: Number(object.metadata.resourceVersion ?? 0), json: JSON.stringify(object) };
}
