/** From a request to the handler that answers it: who, what, may they, then do it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TokenIssuer } from '../auth/tokens.ts';
import { isAllowed, refusal } from '../auth/rbac.ts';
import { ANONYMOUS, type User } from '../auth/user.ts';
import { forbidden, methodNotAllowed, noSuchPath, unauthorized, ApiError } from '../errors.ts';
import { VIRTUAL } from '../discovery/documents.ts';
import { getObject, listObjects } from '../handlers/read.ts';
import { changeScale, getScale } from '../handlers/scale.ts';
import { requestToken, reviewAccess, reviewRules } from '../handlers/reviews.ts';
import { watchObjects, type WatchSettings } from '../handlers/watch.ts';
import { deleteCollection, deleteOne, patchObject, postObject, putObject } from '../handlers/write.ts';
import type { Backend } from '../operations/backend.ts';
import type { Resource } from '../registry/resource.ts';
import { parseFieldRequirements } from '../selectors/fields.ts';
import { writeJson, type RequestContext } from './context.ts';
import { servePath, type Paths } from './paths.ts';
import { attributesOf, requestInfo, type RequestInfo, type ResourceRequest } from './request-info.ts';

export interface Dispatcher {
  readonly backend: Backend;
  readonly tokens: TokenIssuer;
  readonly watches: WatchSettings;
  readonly paths: Paths;
  /** Who makes a request that no token of this server names: by a client certificate, or by a token of another kind. */
  readonly identify?: (request: IncomingMessage) => User | undefined;
  /** May hold a request back, or refuse it. */
  readonly intercept: (info: RequestInfo, user: User) => Promise<void>;
  /** Takes how to cut a watch off; gives what to call when it has ended. */
  readonly trackWatch: (cut: () => void) => () => void;
}

/** Answers a request. Returns who asked what, for the audit log. */
export async function dispatch(
  dispatcher: Dispatcher,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<{ user: User; info: RequestInfo }> {
  const url = new URL(request.url ?? '/', 'https://kubernetes');
  const info = requestInfo(request.method ?? 'GET', url);
  const { backend } = dispatcher;
  let user = ANONYMOUS;
  let context: RequestContext = { backend, request, response, url, user, warnings: [] };
  try {
    user = authenticate(dispatcher, request);
    context = { ...context, user };
    authorize(backend, user, info);
    await dispatcher.intercept(info, user);
    if (info.kind === 'path') servePath(context, dispatcher.paths);
    else await serveResource(dispatcher, context, info);
  } catch (error) {
    writeError(context, error);
  }
  return { user, info };
}

/** @throws ApiError 401 for a token that is not (or no longer) one; nobody is anonymous by mistake. */
function authenticate({ tokens, identify }: Dispatcher, request: IncomingMessage): User {
  const header = request.headers.authorization;
  if (header === undefined) return identify?.(request) ?? ANONYMOUS;
  const token = /^Bearer\s+(\S+)$/i.exec(header)?.[1];
  const user = token === undefined ? undefined : (tokens.verify(token) ?? identify?.(request));
  if (user === undefined) throw unauthorized();
  return user;
}

function authorize(backend: Backend, user: User, info: RequestInfo): void {
  const attributes = attributesOf(info);
  if (isAllowed(backend.store, user, attributes)) return;
  const why = refusal(user, attributes);
  if (info.kind === 'path') throw new ApiError(403, 'Forbidden', `forbidden: ${why}`, {});
  const { group, resource, name } = info;
  throw forbidden({ group, resource, ...(name === '' ? {} : { name }) }, why);
}

function writeError(context: RequestContext, error: unknown): void {
  if (context.response.headersSent || context.response.destroyed) {
    context.response.destroy();
    return;
  }
  const refused =
    error instanceof ApiError
      ? error
      : new ApiError(500, 'InternalError', `Internal error occurred: ${(error as Error).message}`);
  if (refused.details?.retryAfterSeconds !== undefined) {
    context.response.setHeader('retry-after', refused.details.retryAfterSeconds);
  }
  // What is left of the body would be read as the next request.
  if (!context.request.complete) context.response.setHeader('connection', 'close');
  writeJson(context, refused.code, refused.toStatus());
}

async function serveResource(dispatcher: Dispatcher, context: RequestContext, info: ResourceRequest): Promise<void> {
  const resource = dispatcher.backend.registry.find(info.group, info.version, info.resource);
  if (resource === undefined) {
    await serveVirtual(context, info);
    return;
  }
  // A namespace in the path of something that has none, or none where an object needs one, is no path at all.
  const namespace = resource.namespaced ? info.namespace : '';
  const misplaced = resource.namespaced ? info.namespace === '' && info.name !== '' : isMisplaced(resource, info);
  if (misplaced) throw noSuchPath();
  if (info.subresource !== '') await serveSubresource(dispatcher, context, resource, info);
  else if (info.name === '') await serveCollection(dispatcher, context, resource, namespace, info.verb);
  else await serveObject(context, resource, { ...info, namespace });
}

function isMisplaced(resource: Resource, { namespace, name }: ResourceRequest): boolean {
  return namespace !== '' && !(resource.plural === 'namespaces' && name === namespace);
}

async function serveVirtual(context: RequestContext, info: ResourceRequest): Promise<void> {
  const known = VIRTUAL.some(
    ({ group, version, name }) => group === info.group && version === info.version && name === info.resource,
  );
  if (!known || info.name !== '') throw noSuchPath();
  if (info.verb !== 'create') throw methodNotAllowed();
  await (info.resource === 'selfsubjectaccessreviews' ? reviewAccess(context) : reviewRules(context));
}

async function serveCollection(
  dispatcher: Dispatcher,
  context: RequestContext,
  resource: Resource,
  namespace: string,
  verb: string,
): Promise<void> {
  switch (verb) {
    case 'list':
      listObjects(context, resource, namespace);
      return;
    case 'watch':
      watch(dispatcher, context, resource, namespace);
      return;
    case 'create':
      if (resource.namespaced && namespace === '') throw methodNotAllowed();
      await postObject(context, resource, namespace);
      return;
    case 'deletecollection':
      if (!resource.verbs.includes('deletecollection') || (resource.namespaced && namespace === '')) {
        throw methodNotAllowed();
      }
      await deleteCollection(context, resource, namespace);
      return;
    default:
      throw methodNotAllowed();
  }
}

function watch(dispatcher: Dispatcher, context: RequestContext, resource: Resource, namespace: string): void {
  // A watch of one object is a watch of a list with this selector; there is no other way to ask for it.
  const requirements = parseFieldRequirements(context.url.searchParams.get('fieldSelector') ?? '');
  const name = requirements.find(({ field, negated }) => field === 'metadata.name' && !negated)?.value ?? '';
  const narrowed = resource.namespaced && namespace === '' ? '' : name;
  const cut = watchObjects(context, { resource, namespace, name: narrowed }, dispatcher.watches);
  context.response.on('close', dispatcher.trackWatch(cut));
}

async function serveObject(context: RequestContext, resource: Resource, info: ResourceRequest): Promise<void> {
  const target = { resource, namespace: info.namespace, name: info.name, subresource: '' } as const;
  switch (info.verb) {
    case 'get':
      getObject(context, resource, info.namespace, info.name);
      return;
    case 'update':
      await putObject(context, target);
      return;
    case 'patch':
      await patchObject(context, target);
      return;
    case 'delete':
      await deleteOne(context, target);
      return;
    default:
      throw methodNotAllowed();
  }
}

async function serveSubresource(
  dispatcher: Dispatcher,
  context: RequestContext,
  resource: Resource,
  info: ResourceRequest,
): Promise<void> {
  const { subresource, verb, name } = info;
  const namespace = resource.namespaced ? info.namespace : '';
  if (resource.plural === 'serviceaccounts' && subresource === 'token') {
    if (verb !== 'create') throw methodNotAllowed();
    await requestToken(context, dispatcher.tokens, namespace, name);
    return;
  }
  if (!resource.subresources.some((item) => item === subresource)) throw noSuchPath();
  if (!['get', 'update', 'patch'].includes(verb)) throw methodNotAllowed();
  if (subresource === 'scale') {
    if (verb === 'get') getScale(context, resource, namespace, name);
    else await changeScale(context, resource, namespace, name);
    return;
  }
  const target = { resource, namespace, name, subresource: 'status' } as const;
  if (verb === 'get') getObject(context, resource, namespace, name);
  else if (verb === 'update') await putObject(context, target);
  else await patchObject(context, target);
}
