/**
 * The state of the cluster: objects by resource and key, one revision for every write, and the changes to watch.
 * Everything here is synchronous: a handler that reads, decides and commits without awaiting cannot lose a race.
 */
import { tooOld } from '../errors.ts';
import type { ApiObject } from '../object.ts';
import { History, type Stored, type StoreEvent } from './history.ts';
import type { Journal } from './journal.ts';

export interface StoreOptions {
  /** Changes kept per resource for watches. Default 4096. */
  readonly historySize?: number;
  /** Bytes of log after which a snapshot is made. Default 16 MiB. */
  readonly snapshotBytes?: number;
}

type Listener = (event: StoreEvent) => void;

interface Table {
  readonly objects: Map<string, Stored>;
  readonly history: History;
  readonly listeners: Set<Listener>;
  /** Keys in order; undefined after a key came or went. */
  sorted: string[] | undefined;
}

export class Store {
  readonly #journal: Journal;
  readonly #tables = new Map<string, Table>();
  readonly #everything = new Set<Listener>();
  readonly #historySize: number;
  readonly #snapshotBytes: number;
  readonly #base: number;
  #revision: number;

  constructor(journal: Journal, options: StoreOptions = {}) {
    this.#journal = journal;
    this.#historySize = options.historySize ?? 4096;
    this.#snapshotBytes = options.snapshotBytes ?? 16 * 1024 * 1024;
    const { base, entries } = journal.load();
    this.#base = base;
    this.#revision = base;
    for (const { revision, resource, key, object, deleted } of entries) {
      const own = Number(object.metadata.resourceVersion);
      const stored = { object, revision: own, json: JSON.stringify(object) };
      if (revision <= base) this.#table(resource).objects.set(key, stored);
      else this.#apply(resource, key, stored, deleted);
      this.#revision = Math.max(this.#revision, revision);
    }
  }

  /** Revision of the latest write, of whatever resource. */
  get revision(): number {
    return this.#revision;
  }

  get(resource: string, key: string): Stored | undefined {
    return this.#tables.get(resource)?.objects.get(key);
  }

  /** All objects of a resource in the order of their keys; `namespace` empty: of all namespaces. */
  list(resource: string, namespace = ''): Stored[] {
    const table = this.#tables.get(resource);
    return table === undefined ? [] : inOrder(table.objects, (table.sorted ??= sortedKeys(table.objects)), namespace);
  }

  /** {@link list} as it was at an earlier revision. @throws ApiError 410 when that is no longer known. */
  listAt(resource: string, namespace: string, revision: number): Stored[] {
    const table = this.#table(resource);
    const later = table.history.since(revision);
    if (later === undefined) throw tooOld(revision, table.history.oldest);
    if (later.length === 0) return this.list(resource, namespace);
    const objects = new Map(table.objects);
    for (const { key, previous } of later.toReversed()) {
      if (previous === undefined) objects.delete(key);
      else objects.set(key, previous);
    }
    return inOrder(objects, sortedKeys(objects), namespace);
  }

  /** Names of the resources that hold or held objects. */
  resources(): string[] {
    return [...this.#tables.keys()];
  }

  /**
   * Stores an object under the next revision, which it gets as its resourceVersion. The object belongs to the store
   * from then on. @throws the error of the system when it could not be kept; nothing is changed then.
   */
  put(resource: string, key: string, object: ApiObject): Stored {
    return this.#commit(resource, key, object, false);
  }

  /** Removes an object; its last state gets the revision of the removal. */
  delete(resource: string, key: string): Stored | undefined {
    const last = this.get(resource, key);
    if (last === undefined) return undefined;
    const object = { ...last.object, metadata: { ...last.object.metadata } };
    return this.#commit(resource, key, object, true);
  }

  /** Calls back for every change of a resource, at once and in order. Returns how to stop. */
  subscribe(resource: string, listener: Listener): () => void {
    const { listeners } = this.#table(resource);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** {@link subscribe} for all resources. */
  subscribeAll(listener: Listener): () => void {
    this.#everything.add(listener);
    return () => this.#everything.delete(listener);
  }

  /** Changes of a resource after `revision`. @throws ApiError 410 when some of them are forgotten. */
  since(resource: string, revision: number): readonly StoreEvent[] {
    const { history } = this.#table(resource);
    const events = history.since(revision);
    if (events === undefined) throw tooOld(revision, history.oldest);
    return events;
  }

  /** Forgets all changes up to now: watches and continued lists from older versions get 410. */
  compact(): void {
    for (const { history } of this.#tables.values()) history.compact(this.#revision);
  }

  close(): void {
    this.#journal.close();
  }

  #commit(resource: string, key: string, object: ApiObject, deleted: boolean): Stored {
    const revision = this.#revision + 1;
    object.metadata.resourceVersion = String(revision);
    const stored = { object, revision, json: JSON.stringify(object) };
    this.#journal.append({ revision, resource, key, deleted }, stored.json);
    this.#revision = revision;
    const event = this.#apply(resource, key, stored, deleted);
    for (const listener of this.#table(resource).listeners) listener(event);
    for (const listener of this.#everything) listener(event);
    if (this.#journal.size > this.#snapshotBytes) this.#journal.replace(this.#revision, this.#dump());
    return stored;
  }

  #apply(resource: string, key: string, stored: Stored, deleted: boolean): StoreEvent {
    const table = this.#table(resource);
    const previous = table.objects.get(key);
    if (deleted) table.objects.delete(key);
    else table.objects.set(key, stored);
    if (deleted || previous === undefined) table.sorted = undefined;
    const revision = Number(stored.object.metadata.resourceVersion);
    const event = { revision, resource, key, deleted, stored, previous };
    table.history.push(event);
    return event;
  }

  #table(resource: string): Table {
    let table = this.#tables.get(resource);
    if (table === undefined) {
      const history = new History(this.#historySize, this.#base);
      table = { objects: new Map(), history, listeners: new Set(), sorted: undefined };
      this.#tables.set(resource, table);
    }
    return table;
  }

  *#dump(): Iterable<{ resource: string; key: string; json: string }> {
    for (const [resource, { objects }] of this.#tables) {
      for (const [key, { json }] of objects) yield { resource, key, json };
    }
  }
}

/** In the order of the bytes, as etcd has it, not of any language. */
function sortedKeys(objects: ReadonlyMap<string, Stored>): string[] {
  return [...objects.keys()].sort((a, b) => (a < b ? -1 : 1));
}

function inOrder(objects: ReadonlyMap<string, Stored>, keys: readonly string[], namespace: string): Stored[] {
  const prefix = namespace === '' ? '' : `${namespace}/`;
  const found: Stored[] = [];
  for (const key of keys) {
    const stored = key.startsWith(prefix) ? objects.get(key) : undefined;
    if (stored !== undefined) found.push(stored);
  }
  return found;
}
