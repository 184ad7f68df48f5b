/**
 * What follows from a deletion: dependents of an owner that is gone, and everything in a namespace that is going.
 * It works on later turns of the event loop, so that the changes it makes reach watches after the one that caused them.
 */
import { ApiError } from './errors.ts';
import { clone, stringsAt } from './json.ts';
import { specOf, type ApiObject } from './object.ts';
import { ensureExists, serviceAccount } from './bootstrap.ts';
import type { Backend } from './operations/backend.ts';
import { deleteObject } from './operations/delete.ts';
import { updateObject } from './operations/update.ts';
import type { StoreEvent } from './storage/history.ts';

/** Starts collecting. Returns how to stop. */
export function collectGarbage(backend: Backend): () => void {
  const collector = new Collector(backend);
  const unsubscribe = backend.store.subscribeAll((event) => collector.observe(event));
  collector.everything();
  return () => {
    unsubscribe();
    collector.stop();
  };
}

interface Reference {
  readonly storage: string;
  readonly namespace: string;
  readonly name: string;
}

class Collector {
  readonly #backend: Backend;
  /** Objects by the uid of each of their owners. */
  readonly #dependents = new Map<string, Map<string, Reference>>();
  readonly #alive = new Set<string>();
  readonly #queue = new Set<() => void>();
  #scheduled: NodeJS.Immediate | undefined;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  stop(): void {
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    this.#queue.clear();
  }

  /** After a start: deletions that a crash interrupted go on. */
  everything(): void {
    const { store } = this.#backend;
    for (const storage of store.resources()) {
      for (const { object } of store.list(storage)) this.#index(storage, object);
    }
    for (const storage of store.resources()) {
      for (const { object } of store.list(storage)) {
        if (object.metadata.deletionTimestamp !== undefined) this.#settle(storage, object);
        const owners = object.metadata.ownerReferences ?? [];
        if (owners.length > 0) this.#later(() => this.#release(referenceTo(storage, object)));
      }
    }
  }

  observe({ resource, key, deleted, stored, previous }: StoreEvent): void {
    const { object } = stored;
    if (deleted) {
      this.#forget(resource, key, object);
      const uid = object.metadata.uid ?? '';
      for (const reference of this.#dependents.get(uid)?.values() ?? []) this.#later(() => this.#release(reference));
      this.#checkNamespace(object.metadata.namespace);
      this.#checkOwners(object);
      return;
    }
    if (previous !== undefined) this.#forget(resource, key, previous.object);
    this.#index(resource, object);
    if (object.metadata.deletionTimestamp !== undefined) this.#settle(resource, object);
    else if (previous === undefined && object.kind === 'Namespace') {
      this.#later(() => this.#attempt(() => ensureExists(this.#backend, serviceAccount(object, 'default'))));
    }
  }

  #index(storage: string, object: ApiObject): void {
    this.#alive.add(object.metadata.uid ?? '');
    const reference = referenceTo(storage, object);
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      let found = this.#dependents.get(uid);
      if (found === undefined) this.#dependents.set(uid, (found = new Map<string, Reference>()));
      found.set(`${storage} ${reference.namespace}/${reference.name}`, reference);
    }
  }

  #forget(storage: string, _key: string, object: ApiObject): void {
    this.#alive.delete(object.metadata.uid ?? '');
    const { namespace, name } = referenceTo(storage, object);
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const found = this.#dependents.get(uid);
      found?.delete(`${storage} ${namespace}/${name}`);
      if (found?.size === 0) this.#dependents.delete(uid);
    }
  }

  /** Does what an object that is being deleted waits for. */
  #settle(storage: string, object: ApiObject): void {
    const finalizers = object.metadata.finalizers ?? [];
    const reference = referenceTo(storage, object);
    if (object.kind === 'Namespace') this.#later(() => this.#emptyNamespace(reference.name));
    if (finalizers.includes('orphan')) this.#later(() => this.#orphan(reference, object));
    if (finalizers.includes('foregroundDeletion')) this.#later(() => this.#deleteDependentsFirst(reference, object));
  }

  /** Deletes a dependent whose owners are all gone; with one left, it only loses the references to the others. */
  #release(reference: Reference): void {
    const object = this.#backend.store.get(reference.storage, keyOf(reference))?.object;
    const owners = object?.metadata.ownerReferences ?? [];
    if (object === undefined || owners.length === 0) return;
    const left = owners.filter(({ uid }) => this.#alive.has(uid));
    if (left.length === owners.length) return;
    if (left.length === 0) {
      this.#delete(reference);
      return;
    }
    this.#change(reference, (current) => {
      current.metadata.ownerReferences = left;
    });
  }

  #orphan(reference: Reference, owner: ApiObject): void {
    for (const dependent of this.#dependents.get(owner.metadata.uid ?? '')?.values() ?? []) {
      this.#change(dependent, (current) => {
        const others = (current.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid);
        if (others.length === 0) delete current.metadata.ownerReferences;
        else current.metadata.ownerReferences = others;
      });
    }
    this.#removeFinalizer(reference, 'orphan');
  }

  /** Dependents that block their owner go first; the owner follows when the last of them is gone. */
  #deleteDependentsFirst(reference: Reference, owner: ApiObject): void {
    const uid = owner.metadata.uid ?? '';
    const dependents = [...(this.#dependents.get(uid)?.values() ?? [])];
    for (const dependent of dependents) {
      const object = this.#backend.store.get(dependent.storage, keyOf(dependent))?.object;
      if (object?.metadata.deletionTimestamp === undefined) this.#delete(dependent);
    }
    const blocking = [...(this.#dependents.get(uid)?.values() ?? [])].some((dependent) => {
      const object = this.#backend.store.get(dependent.storage, keyOf(dependent))?.object;
      return object?.metadata.ownerReferences?.some((item) => item.uid === uid && item.blockOwnerDeletion === true);
    });
    if (!blocking) this.#removeFinalizer(reference, 'foregroundDeletion');
  }

  /** An owner that waits for its dependents may have lost the last one. */
  #checkOwners(object: ApiObject): void {
    for (const owner of object.metadata.ownerReferences ?? []) {
      const slash = owner.apiVersion.indexOf('/');
      const group = slash < 0 ? '' : owner.apiVersion.slice(0, slash);
      const resource = this.#backend.registry.byKind(group, owner.apiVersion.slice(slash + 1), owner.kind);
      if (resource === undefined) continue;
      const namespace = resource.namespaced ? (object.metadata.namespace ?? '') : '';
      const reference = { storage: resource.storage, namespace, name: owner.name };
      const found = this.#backend.store.get(reference.storage, keyOf(reference))?.object;
      if (found?.metadata.deletionTimestamp !== undefined) this.#settle(reference.storage, found);
    }
  }

  #checkNamespace(name: string | undefined): void {
    if (name === undefined || name === '') return;
    const namespace = this.#backend.store.get('namespaces', name)?.object;
    if (namespace?.metadata.deletionTimestamp !== undefined) this.#later(() => this.#emptyNamespace(name));
  }

  #emptyNamespace(name: string): void {
    const { store, registry } = this.#backend;
    const namespace = store.get('namespaces', name)?.object;
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    let left = 0;
    for (const storage of store.resources()) {
      if (registry.byStorage(storage)?.namespaced !== true) continue;
      for (const { object } of store.list(storage, name)) {
        if (object.metadata.deletionTimestamp === undefined) this.#delete(referenceTo(storage, object));
      }
      left += store.list(storage, name).length;
    }
    if (left > 0 || !stringsAt(specOf(namespace), 'finalizers').includes('kubernetes')) return;
    const finalizers = namespace.metadata.finalizers ?? [];
    if (finalizers.length === 0) {
      store.delete('namespaces', name);
      return;
    }
    const object = clone(namespace);
    object['spec'] = {};
    store.put('namespaces', name, object);
  }

  #removeFinalizer(reference: Reference, finalizer: string): void {
    this.#change(reference, (current) => {
      current.metadata.finalizers = (current.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    });
  }

  #change({ storage, namespace, name }: Reference, change: (object: ApiObject) => void): void {
    const resource = this.#backend.registry.byStorage(storage);
    if (resource === undefined) return;
    this.#attempt(() => {
      const changed = (current: ApiObject): ApiObject => {
        change(current);
        return current;
      };
      updateObject(this.#backend, resource, namespace, name, changed, { manager: 'garbage-collector' });
    });
  }

  #delete({ storage, namespace, name }: Reference): void {
    const resource = this.#backend.registry.byStorage(storage);
    if (resource === undefined) return;
    this.#attempt(() => deleteObject(this.#backend, resource, namespace, name, { propagation: 'Background' }));
  }

  /** Somebody may have been faster; what is gone needs nothing. */
  #attempt(work: () => unknown): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  #later(work: () => void): void {
    this.#queue.add(work);
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      const due = [...this.#queue];
      this.#queue.clear();
      due.forEach((item) => item());
    });
  }
}

function referenceTo(storage: string, { metadata }: ApiObject): Reference {
  return { storage, namespace: metadata.namespace ?? '', name: metadata.name ?? '' };
}

function keyOf({ namespace, name }: Reference): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}
