/** What can go wrong between us and the API server, as errors that say what to do. Mapped here and nowhere else. */
import { EXIT, KubevipError, messageOf, type ErrorDetails } from '../model/errors.ts';

/** Codes of {@link ApiError}, stable for scripts. */
export type ApiErrorCode =
  | 'ABORTED'
  | 'ALREADY_EXISTS'
  | 'API_ERROR'
  | 'API_TIMEOUT'
  | 'API_TLS'
  | 'API_UNREACHABLE'
  | 'BAD_KUBECONFIG'
  | 'CONFLICT'
  | 'FORBIDDEN'
  | 'GONE'
  | 'INVALID'
  | 'NO_KUBECONFIG'
  | 'NOT_FOUND'
  | 'TOO_MANY_REQUESTS'
  | 'UNAUTHORIZED';

interface ApiErrorDetails extends ErrorDetails {
  readonly code: ApiErrorCode;
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly fields?: readonly string[];
}

export class ApiError extends KubevipError {
  declare readonly code: ApiErrorCode;
  /** HTTP status, or undefined when there was no answer. */
  readonly status: number | undefined;
  /** How long the server asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Paths of the fields the server objects to: `metadata.uid`. */
  readonly fields: readonly string[];

  constructor(message: string, details: ApiErrorDetails) {
    super(message, details);
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.fields = details.fields ?? [];
  }
}

/** The API call an error is about: enough to name the RBAC rule that is missing. */
export interface Subject {
  /** RBAC verb. */
  readonly verb: string;
  /** Plural, with the sub-resource: `services/status`. */
  readonly resource: string;
  /** '' for the core group. */
  readonly group: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** True for an {@link ApiError} with one of these codes. */
export function isApiError(error: unknown, ...codes: readonly ApiErrorCode[]): error is ApiError {
  return error instanceof ApiError && (codes.length === 0 || codes.includes(error.code));
}

/** An error for an answer that is not a success. `body` is the text as it came, usually a metav1.Status. */
export function errorFromAnswer(
  subject: Subject,
  answer: { readonly status: number; readonly body: string; readonly retryAfter?: string | undefined },
): ApiError {
  const status = parseStatus(answer.body);
  const code = codeOf(answer.status, status.reason);
  const said = status.message ?? (answer.body.slice(0, 200).trim() || 'no explanation');
  const retryAfter = Number(answer.retryAfter);
  return new ApiError(`cannot ${describe(subject)}: ${said}`, {
    code,
    status: answer.status,
    hints: hintsFor(code, subject),
    fields: status.fields,
    ...(answer.retryAfter !== undefined && Number.isFinite(retryAfter) ? { retryAfterMs: retryAfter * 1000 } : {}),
  });
}

/** An error for a call that got no answer. */
export function errorFromFailure(subject: Subject, server: string, cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  const reason = codesOf(cause);
  const text = textOf(cause, reason);
  if (reason.some((code) => TLS_CODE.test(code))) {
    return new ApiError(`the certificate of the API server ${server} is not accepted: ${text}`, {
      code: 'API_TLS',
      exit: EXIT.unreachable,
      hints: [
        'Is this kubeconfig for this cluster? After `kubeadm reset` and `init`, copy /etc/kubernetes/admin.conf again.',
        'Does the certificate name the address used? Add it to apiServer.certSANs of kubeadm.',
      ],
      cause,
    });
  }
  return new ApiError(`the API server ${server} does not answer: ${text}`, {
    code: 'API_UNREACHABLE',
    exit: EXIT.unreachable,
    hints: [
      reason.includes('ENOTFOUND') || reason.includes('EAI_AGAIN')
        ? 'The host name does not resolve here. Is the server of the kubeconfig right?'
        : 'Is the cluster up, and the server of the kubeconfig right? `--kubeconfig` and `--context` choose another.',
    ],
    cause,
  });
}

/** An error for a call that ran out of time. */
export function timeoutError(subject: Subject, server: string, timeoutMs: number): ApiError {
  return new ApiError(`cannot ${describe(subject)}: no answer from ${server} within ${timeoutMs / 1000} s`, {
    code: 'API_TIMEOUT',
    exit: EXIT.unreachable,
    hints: ['Is the control plane overloaded, or a firewall between here and it?'],
  });
}

/** An error for a call that its caller gave up. */
export function abortedError(subject: Subject): ApiError {
  return new ApiError(`gave up to ${describe(subject)}`, { code: 'ABORTED', exit: EXIT.interrupted });
}

/** A status number inside a watch (event type ERROR) means the same as an HTTP answer. */
export function errorFromWatchStatus(subject: Subject, object: unknown): ApiError {
  const code = typeof object === 'object' && object !== null && 'code' in object ? Number(object.code) : 500;
  return errorFromAnswer(subject, { status: Number.isFinite(code) ? code : 500, body: JSON.stringify(object) });
}

const TLS_CODE = /^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|EPROTO$)/;

function codeOf(status: number, reason: string | undefined): ApiErrorCode {
  if (reason === 'AlreadyExists') return 'ALREADY_EXISTS';
  if (reason === 'Expired' || reason === 'Gone') return 'GONE';
  const codes: Readonly<Record<number, ApiErrorCode>> = {
    400: 'INVALID',
    401: 'UNAUTHORIZED',
    403: 'FORBIDDEN',
    404: 'NOT_FOUND',
    409: 'CONFLICT',
    410: 'GONE',
    415: 'INVALID',
    422: 'INVALID',
    429: 'TOO_MANY_REQUESTS',
    504: 'API_TIMEOUT',
  };
  return codes[status] ?? 'API_ERROR';
}

function hintsFor(code: ApiErrorCode, subject: Subject): readonly string[] {
  const where = subject.namespace === undefined ? '' : ` in namespace ${subject.namespace}`;
  switch (code) {
    case 'FORBIDDEN':
      return [
        `RBAC: allow verb "${subject.verb}" on "${subject.resource}" (API group "${subject.group}")${where}.`,
        'Other credentials: --kubeconfig or --context. What the agents need is in deploy/kubevip.yaml.',
      ];
    case 'UNAUTHORIZED':
      return ['The credentials of the kubeconfig are not accepted. Have they expired?'];
    case 'NOT_FOUND':
      return [
        `Look what there is: kubectl get ${subject.resource.split('/')[0] ?? ''}${where ? ` -n ${subject.namespace ?? ''}` : ''}`,
      ];
    case 'CONFLICT':
      return ['Somebody else changed it at the same time. Try again.'];
    case 'TOO_MANY_REQUESTS':
      return ['The API server sheds load. Try again in a moment.'];
    default:
      return [];
  }
}

function describe(subject: Subject): string {
  const name = subject.name === undefined ? '' : ` ${subject.name}`;
  const where = subject.namespace === undefined ? '' : ` in namespace ${subject.namespace}`;
  return `${subject.verb} ${subject.resource}${name}${where}`;
}

interface Status {
  readonly message: string | undefined;
  readonly reason: string | undefined;
  readonly fields: readonly string[];
}

function parseStatus(body: string): Status {
  const nothing: Status = { message: undefined, reason: undefined, fields: [] };
  const parsed = parseJson(body);
  if (!isRecord(parsed)) return nothing;
  const details = isRecord(parsed['details']) ? parsed['details'] : {};
  const causes = Array.isArray(details['causes']) ? (details['causes'] as readonly unknown[]) : [];
  return {
    message: typeof parsed['message'] === 'string' ? parsed['message'] : undefined,
    reason: typeof parsed['reason'] === 'string' ? parsed['reason'] : undefined,
    fields: causes.flatMap((cause) => (isRecord(cause) && typeof cause['field'] === 'string' ? [cause['field']] : [])),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a proxy's HTML page: the caller shows the beginning of it
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Every `code` on the error and on what it wraps: connection attempts to several addresses come as an aggregate. */
function codesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : [];
  const inner = error instanceof AggregateError ? error.errors.flatMap(codesOf) : [];
  return [...own, ...codesOf(error.cause), ...inner];
}

function textOf(error: unknown, codes: readonly string[]): string {
  const text = messageOf(error);
  return text === '' ? (codes[0] ?? 'unknown network error') : text;
}
