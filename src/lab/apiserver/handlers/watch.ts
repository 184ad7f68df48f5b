/** Watches: a stream of changes, one JSON object a line, from any version that is still known. */
import type { ServerResponse } from 'node:http';
import { ApiError, forbiddenField, invalidOptions } from '../errors.ts';
import type { RequestContext } from '../http/context.ts';
import type { JsonObject } from '../json.ts';
import type { ApiObject } from '../object.ts';
import { tableOf, type Presentation } from '../printers/table.ts';
import { apiVersionOfResource, type Resource } from '../registry/resource.ts';
import type { Stored, StoreEvent } from '../storage/history.ts';
import { presentObject } from './present.ts';
import { parseRevision, presentationOf } from './read.ts';
import { selectorOf } from './selection.ts';

export interface WatchSettings {
  /** Between two bookmarks of a quiet watch, in milliseconds. */
  readonly bookmarkInterval: number;
  /** When a watch without timeoutSeconds ends, in milliseconds. */
  readonly defaultTimeout: number;
}

/** A reader so far behind is cut off; it will list again. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;

interface Request {
  readonly resource: Resource;
  readonly namespace: string;
  /** Empty: objects of all names. */
  readonly name: string;
}

/** Answers with the stream. Returns how to cut it off, once it has begun. */
export function watchObjects(context: RequestContext, request: Request, settings: WatchSettings): () => void {
  const presentation = presentationOf(context);
  const { resource } = request;
  const plan = planOf(context);
  const matches = selectorOf(resource, context.url.searchParams);
  const relevant = (key: string, object: ApiObject): boolean => inScope(request, key) && matches(object);
  const stream = new WatchStream(context, resource, presentation, plan.bookmarks);
  stream.begin();
  try {
    deliverPast(context, request, plan, stream, relevant);
  } catch (error) {
    // Once a watch is accepted, errors are events of the stream, as on the real server.
    stream.fail(error);
    return () => stream.end();
  }
  // The client may have gone while the request was held back; its end would not be told again.
  if (context.response.destroyed) return () => undefined;
  const unsubscribe = context.backend.store.subscribe(resource.storage, (event) => stream.change(event, relevant));
  const bookmark = setInterval(() => stream.bookmark(context.backend.store.revision), settings.bookmarkInterval);
  const seconds = Number(context.url.searchParams.get('timeoutSeconds') ?? '0') || 0;
  const timeout = setTimeout(
    () => {
      stream.bookmark(context.backend.store.revision);
      stream.end();
    },
    seconds > 0 ? seconds * 1000 : settings.defaultTimeout,
  );
  context.response.on('close', () => {
    unsubscribe();
    clearInterval(bookmark);
    clearTimeout(timeout);
  });
  return () => stream.end();
}

interface Plan {
  /** Undefined: begin with the present state. */
  readonly since: number | undefined;
  /** The present state is followed by a bookmark that says it is complete. */
  readonly sendInitialEvents: boolean;
  readonly bookmarks: boolean;
}

function planOf({ url }: RequestContext): Plan {
  const query = url.searchParams;
  const bookmarks = ['true', '1'].includes(query.get('allowWatchBookmarks') ?? '');
  const revision = parseRevision(query.get('resourceVersion'));
  const initial = query.get('sendInitialEvents');
  const match = query.get('resourceVersionMatch') ?? '';
  if (initial === null) {
    if (match !== '') {
      throw listOptionsInvalid(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      );
    }
    // Zero means any version, which is answered by the present state.
    return { since: revision === 0 ? undefined : revision, sendInitialEvents: false, bookmarks };
  }
  if (match !== 'NotOlderThan') {
    throw listOptionsInvalid(
      'resourceVersionMatch',
      'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  }
  if (initial !== 'true' && initial !== '1') return { since: revision ?? 0, sendInitialEvents: false, bookmarks };
  return { since: undefined, sendInitialEvents: true, bookmarks };
}

function listOptionsInvalid(field: string, why: string): ApiError {
  return invalidOptions('ListOptions', [forbiddenField(field, why)]);
}

function inScope({ namespace, name }: Request, key: string): boolean {
  if (name !== '') return key === (namespace === '' ? name : `${namespace}/${name}`);
  return namespace === '' || key.startsWith(`${namespace}/`);
}

function deliverPast(
  { backend }: RequestContext,
  { resource, namespace, name }: Request,
  plan: Plan,
  stream: WatchStream,
  relevant: (key: string, object: ApiObject) => boolean,
): void {
  const { store } = backend;
  if (plan.since !== undefined) {
    for (const event of store.since(resource.storage, plan.since)) stream.change(event, relevant);
    return;
  }
  for (const stored of store.list(resource.storage, namespace)) {
    const { metadata } = stored.object;
    const key = resource.namespaced ? `${metadata.namespace ?? ''}/${metadata.name ?? ''}` : (metadata.name ?? '');
    if ((name === '' || metadata.name === name) && relevant(key, stored.object)) stream.event('ADDED', stored);
  }
  if (plan.sendInitialEvents) stream.bookmark(store.revision, { 'k8s.io/initial-events-end': 'true' });
}

/** Writes the lines. */
class WatchStream {
  readonly #response: ServerResponse;
  readonly #resource: Resource;
  readonly #presentation: Presentation;
  readonly #bookmarks: boolean;
  readonly #now: () => Date;
  #headless = false;

  constructor(context: RequestContext, resource: Resource, presentation: Presentation, bookmarks: boolean) {
    this.#response = context.response;
    this.#resource = resource;
    this.#presentation = presentation;
    this.#bookmarks = bookmarks;
    this.#now = context.backend.now;
  }

  begin(): void {
    this.#response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    // The client learns that the watch stands without waiting for the first change.
    this.#response.flushHeaders();
  }

  /** A change as this watch sees it: an object that begins or ceases to match comes or goes. */
  change(event: StoreEvent, relevant: (key: string, object: ApiObject) => boolean): void {
    const before = event.previous;
    const was = before !== undefined && relevant(event.key, before.object);
    const is = !event.deleted && relevant(event.key, event.stored.object);
    if (is) this.event(was ? 'MODIFIED' : 'ADDED', event.stored);
    else if (was) this.event('DELETED', event.deleted ? event.stored : stampedWith(before, event.revision));
  }

  event(type: string, stored: Stored): void {
    this.#line(type, this.#render(stored));
  }

  bookmark(revision: number, annotations?: Record<string, string>): void {
    if (!this.#bookmarks) return;
    const metadata = { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) };
    const { kind } = this.#resource;
    const object: ApiObject = { kind, apiVersion: apiVersionOfResource(this.#resource), metadata };
    this.#line('BOOKMARK', this.#render({ object, revision, json: JSON.stringify(object) }));
  }

  fail(error: unknown): void {
    if (!(error instanceof ApiError)) throw error;
    this.#line('ERROR', JSON.stringify(error.toStatus()));
    this.end();
  }

  end(): void {
    this.#response.end();
  }

  #render(stored: Stored): string {
    if (this.#presentation.representation.as !== 'Table') {
      return presentObject(this.#resource, stored, this.#presentation);
    }
    const metadata: JsonObject = { resourceVersion: String(stored.revision) };
    const presentation = { ...this.#presentation, now: this.#now() };
    const table = tableOf(this.#resource, [stored], presentation, metadata, this.#headless);
    this.#headless = true;
    return JSON.stringify(table);
  }

  #line(type: string, object: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    this.#response.write(`{"type":"${type}","object":${object}}\n`);
    if (this.#response.writableLength > MAX_BACKLOG_BYTES) this.#response.destroy();
  }
}

/** The last state that matched, under the version in which it ceased to. */
function stampedWith(stored: Stored, revision: number): Stored {
  const object = { ...stored.object, metadata: { ...stored.object.metadata, resourceVersion: String(revision) } };
  return { object, revision, json: JSON.stringify(object) };
}
