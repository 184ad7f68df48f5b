/** One kind of object in the API: the calls we make, in terms of the model's plain types. */
import type { KubeObject } from '../model/kubernetes.ts';
import type { Milliseconds } from '../model/time.ts';
import { isApiError, type Subject } from './errors.ts';
import { apiVersionOf, KINDS, pathOf, type Kind, type Kinds, type ObjectList } from './kinds.ts';
import type { Method, Stream, StreamHandlers, Transport } from './transport.ts';

export interface CallOptions {
  /** Gives the call up: it fails with ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** Default 15 s. */
  readonly timeoutMs?: Milliseconds;
  /** Not to wait behind calls that are not. */
  readonly urgent?: boolean;
}

/** Which object. Without a namespace: that of the connection's context. */
export interface Ref {
  readonly name: string;
  readonly namespace?: string | undefined;
}

export interface Selection {
  /** `'*'`: all namespaces. Absent: that of the connection's context. */
  readonly namespace?: string | undefined;
  /** `app=web,tier!=cache` */
  readonly labelSelector?: string | undefined;
  /** `metadata.name=web` */
  readonly fieldSelector?: string | undefined;
}

export const PATCH_TYPE = {
  /** RFC 6902 */
  json: 'application/json-patch+json',
  /** RFC 7396 */
  merge: 'application/merge-patch+json',
  /** Kubernetes': lists merge by key where the type says so. */
  strategic: 'application/strategic-merge-patch+json',
  /** Server-side apply; JSON is valid YAML. */
  apply: 'application/apply-patch+yaml',
} as const;

export interface PatchOptions extends CallOptions {
  readonly type: keyof typeof PATCH_TYPE;
  readonly subresource?: 'status';
  /** Who writes; required for `apply`. */
  readonly fieldManager?: string;
  /** `apply`: take fields over from other managers. */
  readonly force?: boolean;
  /** Everything is checked and answered as if, and nothing kept. */
  readonly dryRun?: boolean;
}

export interface DeleteOptions extends CallOptions {
  /** Preconditions: the delete fails with CONFLICT when the object is another or has changed. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface WatchOptions extends Selection {
  readonly resourceVersion: string;
  /** The server ends the watch in good order after this. */
  readonly timeoutSeconds: number;
}

/** Every call throws ApiError. Objects come with `apiVersion` and `kind`, without managedFields. */
export interface Resource<T extends KubeObject> {
  readonly kind: Kind;
  get(ref: Ref, options?: CallOptions): Promise<T>;
  /** Like `get`, with undefined for one that is not there. */
  find(ref: Ref, options?: CallOptions): Promise<T | undefined>;
  /** The whole collection, consistent, fetched in pages. */
  list(selection?: Selection, options?: CallOptions): Promise<ObjectList<T>>;
  create(object: T, options?: CallOptions): Promise<T>;
  /** Fails with CONFLICT when `metadata.resourceVersion` is given and stale. */
  replace(object: T, options?: CallOptions): Promise<T>;
  patch(ref: Ref, body: unknown, options: PatchOptions): Promise<T>;
  delete(ref: Ref, options?: DeleteOptions): Promise<void>;
  watch(options: WatchOptions, handlers: StreamHandlers): Stream;
}

/** Large clusters answer a list in pages of this many objects. */
const PAGE = 500;

export function createResource<K extends Kind>(
  transport: Transport,
  kind: K,
  defaultNamespace: string,
): Resource<Kinds[K]> {
  type T = Kinds[K];
  const info = KINDS[kind];
  const typeMeta = { apiVersion: apiVersionOf(info), kind };

  const namespaceOf = (namespace: string | undefined): string | undefined => {
    if (!info.namespaced || namespace === '*') return undefined;
    return namespace ?? defaultNamespace;
  };
  const subjectOf = (
    verb: string,
    at: { namespace?: string | undefined; name?: string; subresource?: string | undefined },
  ): Subject => ({
    verb,
    group: info.group,
    resource: at.subresource === undefined ? info.plural : `${info.plural}/${at.subresource}`,
    ...(at.namespace === undefined ? {} : { namespace: at.namespace }),
    ...(at.name === undefined ? {} : { name: at.name }),
  });
  const call = async (
    verb: string,
    method: Method,
    at: { namespace?: string | undefined; name?: string; subresource?: string | undefined },
    options: CallOptions & {
      readonly query?: Record<string, string | number | boolean | undefined>;
      readonly body?: unknown;
      readonly contentType?: string;
    } = {},
  ): Promise<unknown> => transport.send({ ...options, method, path: pathOf(info, at), subject: subjectOf(verb, at) });
  const at = (ref: Ref): { namespace: string | undefined; name: string } => ({
    namespace: namespaceOf(ref.namespace),
    name: ref.name,
  });

  const one = async (...parameters: Parameters<typeof call>): Promise<T> => slim((await call(...parameters)) as T);
  const get = async (ref: Ref, options?: CallOptions): Promise<T> => one('get', 'GET', at(ref), options);

  return {
    kind,
    get,

    async find(ref, options) {
      try {
        return await get(ref, options);
      } catch (error) {
        if (isApiError(error, 'NOT_FOUND')) return undefined;
        throw error;
      }
    },

    async list(selection = {}, options) {
      const items: T[] = [];
      let next: string | undefined;
      let resourceVersion = '';
      do {
        const page = (await call(
          'list',
          'GET',
          { namespace: namespaceOf(selection.namespace) },
          {
            ...options,
            query: {
              labelSelector: selection.labelSelector,
              fieldSelector: selection.fieldSelector,
              limit: PAGE,
              continue: next,
            },
          },
        )) as { metadata: { resourceVersion: string; continue?: string }; items: T[] | null };
        for (const item of page.items ?? []) items.push({ ...typeMeta, ...slim(item) });
        resourceVersion = page.metadata.resourceVersion;
        next = page.metadata.continue === '' ? undefined : page.metadata.continue;
      } while (next !== undefined);
      return { items, resourceVersion };
    },

    create: async (object, options) =>
      one(
        'create',
        'POST',
        { namespace: namespaceOf(object.metadata.namespace) },
        { ...options, body: { ...typeMeta, ...object } },
      ),

    replace: async (object, options) =>
      one('update', 'PUT', at(object.metadata), { ...options, body: { ...typeMeta, ...object } }),

    patch: async (ref, body, { type, subresource, fieldManager, force, dryRun, ...options }) =>
      one(
        'patch',
        'PATCH',
        { ...at(ref), subresource },
        {
          ...options,
          body,
          contentType: PATCH_TYPE[type],
          query: { fieldManager, force, dryRun: dryRun === true ? 'All' : undefined },
        },
      ),

    async delete(ref, { uid, resourceVersion, ...options } = {}) {
      const preconditions = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy: 'Background' };
      await call('delete', 'DELETE', at(ref), { ...options, body });
    },

    watch({ resourceVersion, timeoutSeconds, ...selection }, handlers) {
      const where = { namespace: namespaceOf(selection.namespace) };
      return transport.stream(
        {
          method: 'GET',
          path: pathOf(info, where),
          subject: subjectOf('watch', where),
          query: {
            watch: true,
            allowWatchBookmarks: true,
            resourceVersion,
            timeoutSeconds,
            labelSelector: selection.labelSelector,
            fieldSelector: selection.fieldSelector,
          },
        },
        {
          ...handlers,
          onEvent: ({ type, object }) => handlers.onEvent({ type, object: slim(object as T) }),
        },
      );
    },
  };
}

/** Who wrote which field is most of an object's size, and nothing of ours reads it. */
function slim<T extends KubeObject>(object: T): T {
  const { managedFields, ...metadata } = object.metadata as T['metadata'] & { managedFields?: unknown };
  return managedFields === undefined ? object : { ...object, metadata };
}
