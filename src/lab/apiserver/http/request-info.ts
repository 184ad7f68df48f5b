/** What a request is about, read from its method and path alone. */
import type { Attributes } from '../auth/rbac.ts';

export interface ResourceRequest {
  readonly kind: 'resource';
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** The one object that a collection is narrowed to by a field selector: who may see that alone may ask so. */
  readonly selected?: string;
}

export interface PathRequest {
  readonly kind: 'path';
  readonly verb: string;
  readonly path: string;
}

export type RequestInfo = ResourceRequest | PathRequest;

export function requestInfo(method: string, url: URL): RequestInfo {
  const path: PathRequest = { kind: 'path', verb: method.toLowerCase(), path: url.pathname };
  const segments = decodeSegments(url.pathname);
  if (segments === undefined) return path;
  const [root, ...rest] = segments;
  if (root === 'api' && rest.length >= 2) return resourceInfo(method, url, '', rest[0] ?? '', rest.slice(1)) ?? path;
  if (root === 'apis' && rest.length >= 3) {
    return resourceInfo(method, url, rest[0] ?? '', rest[1] ?? '', rest.slice(2)) ?? path;
  }
  return path;
}

function decodeSegments(pathname: string): string[] | undefined {
  try {
    return pathname
      .split('/')
      .filter((segment) => segment !== '')
      .map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function resourceInfo(
  method: string,
  url: URL,
  group: string,
  version: string,
  segments: readonly string[],
): ResourceRequest | undefined {
  const { namespace, rest } = splitNamespace(segments);
  const [resource = '', name = '', subresource = '', ...more] = rest;
  // Paths below a sub-resource (exec, proxy) exist for pods and services of real nodes only.
  if (more.length > 0) return undefined;
  const watch = ['true', '1'].includes(url.searchParams.get('watch') ?? '');
  const verb = verbOf(method, name !== '', watch);
  const selected = name === '' && ['list', 'watch', 'deletecollection'].includes(verb) ? selectedName(url) : undefined;
  const info = { kind: 'resource', verb, group, version, resource, subresource, namespace, name } as const;
  return selected === undefined ? info : { ...info, selected };
}

/** As kube-apiserver reads it: `metadata.name=NAME`, alone or among others. */
function selectedName(url: URL): string | undefined {
  const terms = (url.searchParams.get('fieldSelector') ?? '').split(',');
  return terms.map((term) => /^metadata\.name==?(.+)$/.exec(term)?.[1]).find((name) => name !== undefined);
}

/** `namespaces/X` and its sub-resources are the Namespace itself; anything else below it is in it. */
function splitNamespace(segments: readonly string[]): { namespace: string; rest: readonly string[] } {
  const [first, namespace, third] = segments;
  if (first !== 'namespaces' || namespace === undefined) return { namespace: '', rest: segments };
  const own = third === undefined || third === 'status' || third === 'finalize';
  return own ? { namespace, rest: segments } : { namespace, rest: segments.slice(2) };
}

function verbOf(method: string, named: boolean, watch: boolean): string {
  switch (method) {
    case 'GET':
      return named ? 'get' : watch ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return named ? 'delete' : 'deletecollection';
    default:
      return method.toLowerCase();
  }
}

export function attributesOf(info: RequestInfo): Attributes {
  if (info.kind === 'path') return { verb: info.verb, path: info.path };
  const { verb, group, resource, subresource, namespace } = info;
  const name = info.selected ?? info.name;
  return { verb, group, resource, subresource, namespace, name };
}
