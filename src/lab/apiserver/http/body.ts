/** Request bodies: read with a limit, parsed as what they say they are. */
import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { ApiError, badRequest, unsupportedMediaType } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';

/** The limit of the real server. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** @throws ApiError 413 */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      throw new ApiError(413, 'RequestEntityTooLarge', `limit is ${MAX_BODY_BYTES}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function contentType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** JSON or YAML. @throws ApiError 400, 415 */
export function parseBody(text: string, type: string): Json {
  switch (type) {
    case '':
    case 'application/json':
      return parseJson(text);
    case 'application/yaml':
      return parseYamlBody(text);
    default:
      throw unsupportedMediaType(['application/json', 'application/yaml']);
  }
}

export function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw badRequest(`the object provided is unrecognized: ${(error as Error).message}`);
  }
}

export function parseYamlBody(text: string): Json {
  try {
    return JSON.parse(JSON.stringify(parseYaml(text, { maxAliasCount: 100 }))) as Json;
  } catch (error) {
    throw badRequest(`error parsing YAML: ${(error as Error).message.split('\n', 1)[0] ?? ''}`);
  }
}

/** @throws ApiError 400 for anything that is not an object. */
export function asObject(value: Json): JsonObject {
  if (!isObject(value)) throw badRequest('the body of the request has to be an object');
  return value;
}
