/** All resources the server has, and how to find one. */
import type { Resource } from './resource.ts';

export class Registry {
  readonly resources: readonly Resource[];
  readonly #byPath = new Map<string, Resource>();
  readonly #byKind = new Map<string, Resource>();
  readonly #byStorage = new Map<string, Resource>();

  constructor(resources: readonly Resource[]) {
    this.resources = resources;
    for (const resource of resources) {
      this.#byPath.set(`${resource.group}/${resource.version}/${resource.plural}`, resource);
      this.#byKind.set(`${resource.group}/${resource.version}/${resource.kind}`, resource);
      if (!this.#byStorage.has(resource.storage)) this.#byStorage.set(resource.storage, resource);
    }
  }

  /** By the segments of a path. */
  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  byKind(group: string, version: string, kind: string): Resource | undefined {
    return this.#byKind.get(`${group}/${version}/${kind}`);
  }

  /** The resource whose form is the stored one. */
  byStorage(storage: string): Resource | undefined {
    return this.#byStorage.get(storage);
  }

  /** Group versions in the order in which they are advertised; the core group first. */
  groupVersions(): { group: string; version: string; resources: Resource[] }[] {
    const found = new Map<string, { group: string; version: string; resources: Resource[] }>();
    for (const resource of this.resources) {
      const key = `${resource.group}/${resource.version}`;
      const entry = found.get(key) ?? { group: resource.group, version: resource.version, resources: [] };
      entry.resources.push(resource);
      found.set(key, entry);
    }
    return [...found.values()];
  }
}
