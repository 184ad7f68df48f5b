/** One request on its way through the server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { User } from '../auth/user.ts';
import { invalidOptions, tooLong, unsupported } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Backend } from '../operations/backend.ts';

export interface RequestContext {
  readonly backend: Backend;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly user: User;
  /** Sentences for the client's user, sent as Warning headers. */
  readonly warnings: string[];
}

/** `dryRun=All`, the only value there is. @throws ApiError 422 */
export function isDryRun({ url, request }: RequestContext): boolean {
  const values = url.searchParams.getAll('dryRun').filter((value) => value !== '');
  if (values.some((value) => value !== 'All')) {
    throw invalidOptions(optionsOf(request), [unsupported('dryRun', values, ['All'])]);
  }
  return values.length > 0;
}

const OPTIONS: Readonly<Record<string, string>> = {
  POST: 'CreateOptions',
  PATCH: 'PatchOptions',
  DELETE: 'DeleteOptions',
};

/** The kind of the options of a request that writes. */
export function optionsOf({ method = '' }: IncomingMessage): string {
  return OPTIONS[method] ?? 'UpdateOptions';
}

const MAX_MANAGER_BYTES = 128;

/** Who is recorded as the manager of the fields that a request writes. @throws ApiError 422 */
export function fieldManager({ url, request }: RequestContext): string {
  const given = url.searchParams.get('fieldManager') ?? '';
  if (Buffer.byteLength(given) > MAX_MANAGER_BYTES) {
    throw invalidOptions(optionsOf(request), [tooLong('fieldManager', MAX_MANAGER_BYTES)]);
  }
  if (given !== '') return given;
  return (request.headers['user-agent'] ?? 'unknown').split('/', 1)[0]?.slice(0, 128) || 'unknown';
}

export function writeJson(context: RequestContext, code: number, body: Json): void {
  const pretty = ['true', '1'].includes(context.url.searchParams.get('pretty') ?? '');
  writeJsonText(context, code, JSON.stringify(body, undefined, pretty ? 2 : undefined));
}

/** Writes JSON that is text already. */
export function writeJsonText({ response, warnings }: RequestContext, code: number, json: string): void {
  const bytes = Buffer.from(`${json}\n`);
  if (!response.hasHeader('content-type')) response.setHeader('content-type', 'application/json');
  if (warnings.length > 0) {
    response.setHeader(
      'warning',
      warnings.map((text) => `299 - ${JSON.stringify(text)}`),
    );
  }
  response.writeHead(code, { 'content-length': bytes.length, 'cache-control': 'no-cache, private' });
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}
