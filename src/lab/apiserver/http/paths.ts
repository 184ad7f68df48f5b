/** Paths that are no resources: health, version, discovery, OpenAPI. */
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from '../discovery/documents.ts';
import { methodNotAllowed, noSuchPath } from '../errors.ts';
import type { Json, JsonObject } from '../json.ts';
import { negotiate } from './accept.ts';
import { writeJson, type RequestContext } from './context.ts';

export interface Paths {
  /** Answer of /version. */
  readonly version: JsonObject;
  /** Serves what begins with /openapi/; false if it has nothing there. */
  readonly openapi: (context: RequestContext) => boolean;
}

const HEALTH = ['/healthz', '/livez', '/readyz'];

export function servePath(context: RequestContext, paths: Paths): void {
  const { method } = context.request;
  if (method !== 'GET' && method !== 'HEAD') throw methodNotAllowed();
  const pathname = context.url.pathname.replace(/(.)\/$/, '$1');
  if (HEALTH.some((path) => pathname === path || pathname.startsWith(`${path}/`))) {
    context.response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('ok');
    return;
  }
  if (pathname.startsWith('/openapi/') && paths.openapi(context)) return;
  const document = pathname === '/version' ? paths.version : discoveryDocument(context, pathname);
  if (document === undefined) throw noSuchPath();
  writeJson(context, 200, document);
}

function discoveryDocument(context: RequestContext, pathname: string): Json | undefined {
  const { registry } = context.backend;
  const [root, group = '', version = '', ...rest] = pathname.split('/').slice(1);
  if (rest.length > 0) return undefined;
  if (root === 'api' && version === '') {
    if (group !== '') return apiResourceList(registry, '', group);
    const { as, version: form } = negotiate(context.request.headers.accept, ['object', 'APIGroupDiscoveryList']);
    if (as !== 'object') return aggregated(context, true, form);
    return apiVersions(context.request.headers.host ?? '');
  }
  if (root !== 'apis') return undefined;
  if (version !== '') return apiResourceList(registry, group, version);
  if (group !== '') return apiGroup(registry, group);
  const { as, version: form } = negotiate(context.request.headers.accept, ['object', 'APIGroupDiscoveryList']);
  return as === 'object' ? apiGroupList(registry) : aggregated(context, false, form);
}

/** Clients tell the two forms apart by the content type. */
function aggregated(context: RequestContext, core: boolean, version: string): JsonObject {
  context.response.setHeader(
    'content-type',
    `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
  );
  return aggregatedDiscovery(context.backend.registry, core, version);
}
