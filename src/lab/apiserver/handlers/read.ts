/** GET of one object and of lists. */
import { badRequest, expired, forbiddenField, invalidOptions, notFound, tooLarge, unsupported } from '../errors.ts';
import { negotiate } from '../http/accept.ts';
import { writeJsonText, type RequestContext } from '../http/context.ts';
import type { JsonObject } from '../json.ts';
import { storageKey } from '../object.ts';
import { subject } from '../operations/backend.ts';
import type { Presentation } from '../printers/table.ts';
import type { Resource } from '../registry/resource.ts';
import type { Stored } from '../storage/history.ts';
import { decodeContinue, encodeContinue, type ContinueToken } from './continue-token.ts';
import { presentList, presentObject } from './present.ts';
import { selectorOf } from './selection.ts';

export function presentationOf({ request, url, backend }: RequestContext): Presentation {
  const include = url.searchParams.get('includeObject') ?? 'Metadata';
  if (include !== 'None' && include !== 'Metadata' && include !== 'Object') {
    throw badRequest(`unrecognized includeObject value: ${JSON.stringify(include)}`);
  }
  const representation = negotiate(request.headers.accept, ['object', 'Table', 'PartialObjectMetadata']);
  return { representation, includeObject: include, now: backend.now() };
}

export function getObject(context: RequestContext, resource: Resource, namespace: string, name: string): void {
  const presentation = presentationOf(context);
  const stored = context.backend.store.get(resource.storage, storageKey(namespace, name));
  if (stored === undefined) throw notFound(subject(resource, name));
  writeJsonText(context, 200, presentObject(resource, stored, presentation));
}

/** A resource version from a query; undefined when none is asked for. @throws ApiError 400 */
export function parseRevision(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`invalid resource version ${JSON.stringify(text)}: not a number`);
  return Number(text);
}

interface Page {
  readonly revision: number;
  readonly items: Stored[];
  readonly metadata: JsonObject;
}

export function listObjects(context: RequestContext, resource: Resource, namespace: string): void {
  const presentation = presentationOf(context);
  const { revision, items, metadata } = pageOf(context, resource, namespace);
  const text = presentList(resource, items, { resourceVersion: String(revision), ...metadata }, presentation);
  writeJsonText(context, 200, text);
}

function pageOf(context: RequestContext, resource: Resource, namespace: string): Page {
  const { url, backend } = context;
  const query = url.searchParams;
  const matches = selectorOf(resource, query);
  const limit = Number(query.get('limit') ?? '0') || 0;
  const continued = query.get('continue') ?? '';
  const token = continued === '' ? undefined : decodeContinue(continued);
  const revision = token?.revision ?? listRevision(backend.store.revision, query);
  const all = stateAt(context, resource, namespace, revision, token);
  const start = token === undefined ? all : all.filter((stored) => keyOf(stored) > token.after);
  const selected = start.filter(({ object }) => matches(object));
  if (limit <= 0 || selected.length <= limit) return { revision, items: selected, metadata: {} };
  const items = selected.slice(0, limit);
  const last = items.at(-1);
  const metadata: JsonObject = {
    continue: encodeContinue({ revision, after: last === undefined ? '' : keyOf(last) }),
  };
  // Only without selectors does the real server know how many are left.
  if (!query.get('labelSelector') && !query.get('fieldSelector')) {
    metadata['remainingItemCount'] = selected.length - limit;
  }
  return { revision, items, metadata };
}

function keyOf({ object }: Stored): string {
  return storageKey(object.metadata.namespace ?? '', object.metadata.name ?? '');
}

function stateAt(
  { backend }: RequestContext,
  resource: Resource,
  namespace: string,
  revision: number,
  token: ContinueToken | undefined,
): Stored[] {
  try {
    return revision === backend.store.revision
      ? backend.store.list(resource.storage, namespace)
      : backend.store.listAt(resource.storage, namespace, revision);
  } catch (error) {
    if (token === undefined) throw error;
    // The client may go on from here with the newest state, at the price of a list that was never true as a whole.
    const fresh = encodeContinue({ revision: backend.store.revision, after: token.after });
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
      fresh,
    );
  }
}

/** Which state a list is to show: the newest, unless an exact one is asked for. */
function listRevision(current: number, query: URLSearchParams): number {
  const requested = parseRevision(query.get('resourceVersion'));
  const match = query.get('resourceVersionMatch') ?? '';
  if (match !== '' && match !== 'Exact' && match !== 'NotOlderThan') {
    const known = ['Exact', 'NotOlderThan', ''];
    throw invalidOptions('ListOptions', [unsupported('resourceVersionMatch', match, known)]);
  }
  if (match !== '' && requested === undefined) {
    const why = 'resourceVersionMatch is forbidden unless resourceVersion is provided';
    throw invalidOptions('ListOptions', [forbiddenField('resourceVersionMatch', why)]);
  }
  if (requested !== undefined && requested > current) throw tooLarge(requested, current);
  return match === 'Exact' && requested !== undefined ? requested : current;
}
