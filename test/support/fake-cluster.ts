/** A cluster in memory, for workflows: objects, merge patches, finalizers and watches, answered at once. */
import { errorFromAnswer } from '../../src/kube/errors.ts';
import { KINDS, type Kind, type Kinds } from '../../src/kube/kinds.ts';
import type { Resource, Selection } from '../../src/kube/resource.ts';
import type { StreamHandlers } from '../../src/kube/transport.ts';
import type { KubeObject, Service } from '../../src/model/kubernetes.ts';

export interface FakeCluster {
  resource<K extends Kind>(kind: K): Resource<Kinds[K]>;
  /** Puts an object there, or replaces it, as another writer would. */
  put<K extends Kind>(kind: K, object: Kinds[K]): void;
  /** Changes an object as another writer would. */
  change<K extends Kind>(kind: K, name: string, change: (object: Kinds[K]) => Kinds[K]): void;
  get<K extends Kind>(kind: K, name: string): Kinds[K] | undefined;
  /** Called after every write of the workflow: what an agent or a rival does then. */
  onWrite(callback: (kind: Kind, verb: 'create' | 'patch' | 'delete', name: string) => void): void;
  /** Watches of the kind end with an error of that status. */
  endWatches(kind: Kind, status: number): void;
  /** The next matching call fails as the API server would. */
  refuse(kind: Kind, verb: string, status: number, reason: string, fields?: readonly string[]): void;
  /** What the API server makes of a Service that is created: defaults. */
  onCreate(complete: (service: Service) => Service): void;
  readonly writes: string[];
  /** Watches open now: none may be left behind. */
  readonly watches: number;
}

interface Watcher {
  readonly kind: Kind;
  readonly name: string | undefined;
  readonly handlers: StreamHandlers;
}

export function createFakeCluster(): FakeCluster {
  const objects = new Map<string, KubeObject>();
  const watchers = new Set<Watcher>();
  const refusals: { kind: Kind; verb: string; status: number; reason: string; fields: readonly string[] }[] = [];
  let complete = (service: Service): Service => service;
  const writes: string[] = [];
  let version = 1;
  let callback: Parameters<FakeCluster['onWrite']>[0] = () => undefined;

  const keyOf = (kind: Kind, name: string): string => `${kind}/${name}`;
  const tell = (type: 'ADDED' | 'MODIFIED' | 'DELETED', kind: Kind, object: KubeObject): void => {
    for (const watcher of watchers) {
      if (watcher.kind !== kind || (watcher.name !== undefined && watcher.name !== object.metadata.name)) continue;
      watcher.handlers.onEvent({ type, object });
    }
  };
  const store = (kind: Kind, object: KubeObject): KubeObject => {
    const key = keyOf(kind, object.metadata.name);
    const before = objects.get(key);
    const metadata = {
      ...object.metadata,
      namespace: object.metadata.namespace ?? 'default',
      uid: before?.metadata.uid ?? object.metadata.uid ?? `uid-${version}`,
      resourceVersion: `${++version}`,
    };
    const stored = { ...object, metadata };
    const gone = metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
    if (gone) objects.delete(key);
    else objects.set(key, stored);
    tell(gone ? 'DELETED' : before ? 'MODIFIED' : 'ADDED', kind, stored);
    return stored;
  };
  const check = (kind: Kind, verb: string, name: string, found: boolean): void => {
    const subject = { verb, resource: KINDS[kind].plural, group: KINDS[kind].group, name };
    const at = refusals.findIndex((refusal) => refusal.kind === kind && refusal.verb === verb);
    const refusal = refusals[at];
    if (refusal) {
      refusals.splice(at, 1);
      throw errorFromAnswer(subject, {
        status: refusal.status,
        body: JSON.stringify({
          reason: refusal.reason,
          message: refusal.reason,
          details: { causes: refusal.fields.map((field) => ({ field })) },
        }),
      });
    }
    if (!found)
      throw errorFromAnswer(subject, {
        status: 404,
        body: JSON.stringify({ reason: 'NotFound', message: 'not found' }),
      });
  };
  const wrote = (kind: Kind, verb: 'create' | 'patch' | 'delete', name: string): void => {
    writes.push(`${verb} ${kind}/${name}`);
    callback(kind, verb, name);
  };

  const resource = (kind: Kind): Resource<KubeObject> => ({
    kind,
    get: (ref) => step(() => (check(kind, 'get', ref.name, objects.has(keyOf(kind, ref.name))), found(kind, ref.name))),
    find: (ref) => step(() => (check(kind, 'get', ref.name, true), objects.get(keyOf(kind, ref.name)))),
    list: (selection) =>
      step(() => {
        check(kind, 'list', '', true);
        const name = nameIn(selection);
        const items = [...objects].filter(
          ([key, object]) => key.startsWith(`${kind}/`) && (name === undefined || object.metadata.name === name),
        );
        return { items: items.map(([, object]) => object), resourceVersion: `${version}` };
      }),
    create: (object) =>
      step(() => {
        check(kind, 'create', object.metadata.name, true);
        if (objects.has(keyOf(kind, object.metadata.name)))
          throw errorFromAnswer(
            { verb: 'create', resource: KINDS[kind].plural, group: '' },
            { status: 409, body: '{"reason":"AlreadyExists"}' },
          );
        const stored = store(kind, kind === 'Service' ? complete(object as Service) : object);
        wrote(kind, 'create', object.metadata.name);
        return stored;
      }),
    replace: (object) => step(() => store(kind, object)),
    patch: (ref, body) =>
      step(() => {
        check(kind, 'patch', ref.name, objects.has(keyOf(kind, ref.name)));
        const stored = store(kind, merge(found(kind, ref.name), body) as KubeObject);
        wrote(kind, 'patch', ref.name);
        return stored;
      }),
    delete: (ref) =>
      step(() => {
        check(kind, 'delete', ref.name, objects.has(keyOf(kind, ref.name)));
        const object = found(kind, ref.name);
        store(kind, { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
        wrote(kind, 'delete', ref.name);
      }),
    watch: (options, handlers) => {
      const watcher = { kind, name: nameIn(options), handlers };
      watchers.add(watcher);
      handlers.onOpen();
      return { close: () => void watchers.delete(watcher) };
    },
  });

  /** What check has made sure of. */
  function found(kind: Kind, name: string): KubeObject {
    const object = objects.get(keyOf(kind, name));
    if (!object) throw new Error(`no ${name} in the fake cluster`);
    return object;
  }

  return {
    resource: <K extends Kind>(kind: K) => resource(kind) as unknown as Resource<Kinds[K]>,
    put: (kind, object) => void store(kind, object),
    change: (kind, name, change) => {
      const object = objects.get(keyOf(kind, name));
      if (object) store(kind, change(object as never));
    },
    get: <K extends Kind>(kind: K, name: string) => objects.get(keyOf(kind, name)) as Kinds[K] | undefined,
    onWrite: (next) => (callback = next),
    refuse: (kind, verb, status, reason, fields = []) => void refusals.push({ kind, verb, status, reason, fields }),
    onCreate: (next) => (complete = next),
    endWatches: (kind, status) => {
      const subject = { verb: 'watch', resource: KINDS[kind].plural, group: KINDS[kind].group };
      const error = errorFromAnswer(subject, { status, body: '{}' });
      for (const watcher of [...watchers].filter((one) => one.kind === kind)) {
        watchers.delete(watcher);
        watcher.handlers.onEnd(error);
      }
    },
    writes,
    get watches() {
      return watchers.size;
    },
  };
}

/** As a promise, errors included. */
async function step<T>(work: () => T): Promise<T> {
  await Promise.resolve();
  return work();
}

function nameIn({ fieldSelector }: Selection = {}): string | undefined {
  return fieldSelector?.replace('metadata.name=', '');
}

/** RFC 7396 */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(typeof target === 'object' && !Array.isArray(target) ? target : {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = merge(result[key], value);
  }
  return result;
}
