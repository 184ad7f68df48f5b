/** What the server answers when it refuses: `Status` objects with the reasons, codes and words of the real one. */
import type { Json, JsonObject } from './json.ts';

export type CauseReason =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueDuplicate'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldManagerConflict'
  | 'ResourceVersionTooLarge'
  | 'UnexpectedServerResponse';

/** One field that is wrong. `message` is without the path. */
export interface FieldError {
  readonly reason: CauseReason;
  readonly field: string;
  readonly message: string;
}

/** Go's %q of a string, %v of anything else: how values stand in messages. */
function quoted(value: Json): string {
  return JSON.stringify(value);
}

export function required(field: string, detail = ''): FieldError {
  return {
    reason: 'FieldValueRequired',
    field,
    message: detail === '' ? 'Required value' : `Required value: ${detail}`,
  };
}

export function invalidValue(field: string, value: Json, detail: string): FieldError {
  return { reason: 'FieldValueInvalid', field, message: `Invalid value: ${quoted(value)}: ${detail}` };
}

export function duplicate(field: string, value: Json): FieldError {
  return { reason: 'FieldValueDuplicate', field, message: `Duplicate value: ${quoted(value)}` };
}

export function unsupported(field: string, value: Json, supported: readonly string[]): FieldError {
  const values = supported.map((item) => JSON.stringify(item));
  return {
    reason: 'FieldValueNotSupported',
    field,
    message: `Unsupported value: ${quoted(value)}: supported values: ${values.join(', ')}`,
  };
}

export function forbiddenField(field: string, detail: string): FieldError {
  return { reason: 'FieldValueForbidden', field, message: `Forbidden: ${detail}` };
}

export function tooLong(field: string, bytes: number): FieldError {
  return { reason: 'FieldValueTooLong', field, message: `Too long: may not be more than ${bytes} bytes` };
}

export interface StatusDetails extends JsonObject {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  retryAfterSeconds?: number;
  causes?: { reason?: string; message: string; field?: string }[];
}

/** An answer that is not the one asked for. Thrown by handlers, written as a `Status` with its code. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  /** For lists: a token to go on with although this one is too old. */
  readonly continueToken: string | undefined;

  constructor(code: number, reason: string, message: string, details?: StatusDetails, continueToken?: string) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.continueToken = continueToken;
  }

  /** metav1.Status */
  toStatus(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continueToken === undefined ? {} : { continue: this.continueToken },
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

/** Which resource and object an error is about. `kind` is the plural resource, as the real server fills it. */
export interface Subject {
  readonly group: string;
  readonly resource: string;
  readonly name?: string;
}

function qualified({ group, resource }: Subject): string {
  return group === '' ? resource : `${resource}.${group}`;
}

function details(subject: Subject): StatusDetails {
  return {
    ...(subject.name === undefined ? {} : { name: subject.name }),
    ...(subject.group === '' ? {} : { group: subject.group }),
    kind: subject.resource,
  };
}

export function notFound(subject: Subject & { readonly name: string }): ApiError {
  return new ApiError(404, 'NotFound', `${qualified(subject)} "${subject.name}" not found`, details(subject));
}

/** No such path or resource at all. */
export function noSuchPath(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExists(subject: Subject & { readonly name: string }): ApiError {
  return new ApiError(409, 'AlreadyExists', `${qualified(subject)} "${subject.name}" already exists`, details(subject));
}

export function conflict(subject: Subject & { readonly name: string }, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(subject)} "${subject.name}": ${why}`;
  return new ApiError(409, 'Conflict', message, details(subject));
}

export const STALE = 'the object has been modified; please apply your changes to the latest version and try again';

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

export function methodNotAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new ApiError(415, 'UnsupportedMediaType', message);
}

export function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized');
}

/** `why` is the whole sentence about who may not do what. */
export function forbidden(subject: Subject, why: string, causes?: StatusDetails['causes']): ApiError {
  const of = subject.name === undefined ? '' : ` "${subject.name}"`;
  return new ApiError(403, 'Forbidden', `${qualified(subject)}${of} is forbidden: ${why}`, {
    ...details(subject),
    ...(causes === undefined ? {} : { causes }),
  });
}

/** 500: something the server could not do, through no fault that it would call the client's. */
export function internalError(why: string): ApiError {
  return new ApiError(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] });
}

/** 410: a resource version that is no longer kept. */
export function expired(message: string, continueToken?: string): ApiError {
  return new ApiError(410, 'Expired', message, undefined, continueToken);
}

export function tooOld(requested: number, oldest: number): ApiError {
  return expired(`too old resource version: ${requested} (${oldest})`);
}

/** 422 about the options of a request: `CreateOptions`, `ListOptions`, … */
export function invalidOptions(kind: string, errors: readonly FieldError[]): ApiError {
  return invalid({ group: 'meta.k8s.io', kind }, '', errors);
}

/** A resource version from the future, which this server never gave out. */
export function tooLarge(requested: number, current: number): ApiError {
  return new ApiError(504, 'Timeout', `Timeout: Too large resource version: ${requested}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

/** 422 with one cause for each wrong field. */
export function invalid(kind: { group: string; kind: string }, name: string, errors: readonly FieldError[]): ApiError {
  const lines = errors.map(({ field, message }) => `${field}: ${message}`);
  const unique = [...new Set(lines)];
  const text = unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`;
  const qualifiedKind = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return new ApiError(422, 'Invalid', `${qualifiedKind} "${name}" is invalid: ${text}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}
