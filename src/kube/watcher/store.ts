/** The objects of one watch as last seen. */
import { keyOf, type KubeObject } from '../../model/kubernetes.ts';

/** Key of an object in a store: `namespace/name`, or the name alone where the kind has no namespace. */
export function storeKey(object: KubeObject): string {
  return object.metadata.namespace === undefined ? object.metadata.name : keyOf(object);
}

/** One difference: `object` undefined for a deletion, `previous` undefined for one not seen before. */
export interface Change<T extends KubeObject> {
  readonly key: string;
  readonly object: T | undefined;
  readonly previous: T | undefined;
}

/** What readers get. */
export interface ReadonlyStore<T extends KubeObject> {
  /** By {@link storeKey}. */
  get(key: string): T | undefined;
  /** The same array until something changes, so that what is made of it can be kept. */
  list(): readonly T[];
  readonly size: number;
}

export class Store<T extends KubeObject> implements ReadonlyStore<T> {
  readonly #objects = new Map<string, T>();
  #list: readonly T[] | undefined;

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return (this.#list ??= [...this.#objects.values()]);
  }

  /** Takes in one object; undefined when it is the version already held. */
  set(object: T): Change<T> | undefined {
    const key = storeKey(object);
    const previous = this.#objects.get(key);
    if (previous && isSameVersion(previous, object)) return undefined;
    this.#objects.set(key, object);
    this.#list = undefined;
    return { key, object, previous };
  }

  delete(object: T): Change<T> | undefined {
    const key = storeKey(object);
    const previous = this.#objects.get(key);
    if (!previous) return undefined;
    this.#objects.delete(key);
    this.#list = undefined;
    return { key, object: undefined, previous };
  }

  /** Becomes exactly `objects`, one change at a time; what is missing from them was deleted while nobody watched. */
  *replace(objects: readonly T[]): Generator<Change<T>> {
    const present = new Set(objects.map(storeKey));
    for (const old of this.list()) {
      const change = present.has(storeKey(old)) ? undefined : this.delete(old);
      if (change) yield change;
    }
    for (const object of objects) {
      const change = this.set(object);
      if (change) yield change;
    }
  }
}

function isSameVersion(a: KubeObject, b: KubeObject): boolean {
  const version = a.metadata.resourceVersion;
  return version !== undefined && version === b.metadata.resourceVersion && a.metadata.uid === b.metadata.uid;
}
