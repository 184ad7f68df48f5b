/** Request bodies: read with a limit, parsed as what they say they are. */
import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { DecodeError } from '../../../model/errors.ts';
import { ApiError, badRequest, unsupportedMediaType } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { decodeProtobuf } from '../protobuf/decode.ts';
import type { StructSchema } from '../schema/schema.ts';

/** The limit of the real server. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** @throws ApiError 413 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      throw new ApiError(413, 'RequestEntityTooLarge', `limit is ${MAX_BODY_BYTES}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function contentType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

export async function readText(request: IncomingMessage): Promise<string> {
  return (await readBody(request)).toString('utf8');
}

/** The object in the body, in whichever encoding it comes; undefined for an empty body. @throws ApiError 400, 413, 415 */
export async function readObject(request: IncomingMessage, schema: StructSchema): Promise<JsonObject | undefined> {
  const body = await readBody(request);
  if (body.length === 0) return undefined;
  switch (contentType(request)) {
    case '':
    case 'application/json':
      return asObject(parseJson(body.toString('utf8')));
    case 'application/yaml':
      return asObject(parseYamlBody(body.toString('utf8')));
    case 'application/vnd.kubernetes.protobuf':
      return readProtobuf(schema, body);
    default:
      throw unsupportedMediaType(['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']);
  }
}

/** {@link readObject} where there has to be one. */
export async function requireObject(request: IncomingMessage, schema: StructSchema): Promise<JsonObject> {
  const object = await readObject(request, schema);
  if (object === undefined) throw badRequest('the body of the request is empty');
  return object;
}

function readProtobuf(schema: StructSchema, body: Uint8Array): JsonObject {
  try {
    return decodeProtobuf(schema, body);
  } catch (error) {
    if (error instanceof DecodeError) throw badRequest(error.message);
    throw error;
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
  // Nearly all clients send JSON, which is YAML, and reading it as such is a hundred times slower.
  if (text.startsWith('{')) return parseJson(text);
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
