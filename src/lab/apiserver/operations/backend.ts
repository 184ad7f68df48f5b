/** What every operation works on. */
import type { Registry } from '../registry/registry.ts';
import type { Resource, Surroundings } from '../registry/resource.ts';
import type { Subject } from '../errors.ts';

export interface Backend extends Surroundings {
  readonly registry: Registry;
  /** Wall clock, for the timestamps of objects. */
  readonly now: () => Date;
}

/** Who writes, how, and whether for real. */
export interface WriteOptions {
  readonly dryRun?: boolean;
  /** Field manager recorded for the fields of this write. */
  readonly manager?: string;
  /** The managed fields are already right (server-side apply). */
  readonly fieldsRecorded?: boolean;
}

export function subject(resource: Resource, name: string): Subject & { readonly name: string } {
  return { group: resource.group, resource: resource.plural, name };
}
