/** Answers below /openapi/. Documents are made when they are first asked for, and kept. */
import type { RequestContext } from '../http/context.ts';
import { writeJsonText } from '../http/context.ts';
import type { JsonObject } from '../json.ts';
import type { Registry } from '../registry/registry.ts';
import { openapiV2, openapiV3, openapiV3Index } from './document.ts';
import { encodeOpenapiV2 } from './v2-protobuf.ts';

const ACCEPTED = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
/** The same without the character that media types may not have: kubectl 1.20 refuses an answer with it. */
const ANSWERED = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** Returns a handler that says whether there was anything under the path. */
export function openapiHandler(registry: Registry): (context: RequestContext) => boolean {
  const cache = new Map<string, Uint8Array | string>();
  const cached = <T extends Uint8Array | string>(key: string, make: () => T): T => {
    const known = cache.get(key) as T | undefined;
    if (known !== undefined) return known;
    const made = make();
    cache.set(key, made);
    return made;
  };
  const json = (context: RequestContext, path: string, make: () => JsonObject | undefined): boolean => {
    const document = cached(path, () => JSON.stringify(make() ?? null));
    if (document !== 'null') writeJsonText(context, 200, document);
    return document !== 'null';
  };
  return (context) => {
    const path = context.url.pathname;
    if (path === '/openapi/v2') {
      if (!(context.request.headers.accept ?? '').includes(ACCEPTED))
        return json(context, path, () => openapiV2(registry));
      const bytes = cached(`${path} protobuf`, () => encodeOpenapiV2(openapiV2(registry)));
      context.response.writeHead(200, { 'content-type': ANSWERED, 'content-length': bytes.length }).end(bytes);
      return true;
    }
    if (path === '/openapi/v3') return json(context, path, () => openapiV3Index(registry));
    const match = /^\/openapi\/v3\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path);
    return match !== null && json(context, path, () => openapiV3(registry, match[1] ?? '', match[2] ?? ''));
  };
}
