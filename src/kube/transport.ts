/**
 * HTTP to the API server, over client-node's credentials but our own connections: client-node makes a new
 * agent, and so a new TLS handshake, for every single call.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import { StringDecoder } from 'node:string_decoder';
import { messageOf } from '../model/errors.ts';
import type { Milliseconds } from '../model/time.ts';
import {
  abortedError,
  errorFromAnswer,
  errorFromFailure,
  errorFromWatchStatus,
  timeoutError,
  type ApiError,
  type Subject,
} from './errors.ts';
import type { Credentials } from './credentials.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ApiRequest {
  readonly method: Method;
  /** Below the server's URL: `/api/v1/services`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly timeoutMs?: Milliseconds;
  readonly signal?: AbortSignal | undefined;
  /** Waits for no other call. */
  readonly urgent?: boolean;
  /** For error messages. */
  readonly subject: Subject;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: unknown;
}

export interface StreamHandlers {
  /** The server accepted the watch. */
  readonly onOpen: () => void;
  readonly onEvent: (event: WatchEvent) => void;
  /** Exactly once, unless closed by us first: undefined when the server ended the stream in good order. */
  readonly onEnd: (error: ApiError | undefined) => void;
}

export interface Stream {
  /** No handler is called any more. */
  close(): void;
}

export interface Transport {
  /** The JSON of a success. @throws ApiError */
  send(request: ApiRequest): Promise<unknown>;
  /** A watch: one JSON object per line, without end. Never throws; failures arrive at `onEnd`. */
  stream(request: ApiRequest, handlers: StreamHandlers): Stream;
  /** Closes every connection. Calls under way fail. */
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 15_000;
/** Longer lines in a watch are not an object of Kubernetes (etcd's limit is 1.5 MiB). */
const MAX_LINE_BYTES = 16 << 20;
/** Below the 90 s after which the API server closes an idle connection under our feet. */
const IDLE_SOCKET_MS = 45_000;
/** A TLS connection costs some 50 KB and a millisecond: a thousand writes at once share these few. */
const CALLS_AT_A_TIME = 16;
const IDLE_SOCKETS = 2;
/** A machine that lost power answers no keep-alive: noticed 3 s + 10 probes later, not after minutes. */
const KEEP_ALIVE_MS = 3000;

export function createTransport(credentials: Credentials, userAgent: string): Transport {
  const secure = credentials.server.protocol === 'https:';
  const agentOptions = {
    keepAlive: true,
    keepAliveMsecs: KEEP_ALIVE_MS,
    timeout: IDLE_SOCKET_MS,
    scheduling: 'lifo',
  } as const;
  const openAgent = (options: http.AgentOptions): http.Agent =>
    secure ? new https.Agent({ ...agentOptions, ...options }) : new http.Agent({ ...agentOptions, ...options });
  const calls = openAgent({ maxSockets: CALLS_AT_A_TIME, maxFreeSockets: IDLE_SOCKETS });
  // An owner that cannot renew in time loses its address, however much there is to tell about it.
  const urgent = openAgent({ maxFreeSockets: IDLE_SOCKETS });
  // A watch keeps its connection: it must never be one that a call waits for.
  const watches = openAgent({ maxFreeSockets: 0 });

  /** Hands over a request that is ready to be sent, or fails. */
  async function open(request: ApiRequest, body: string | undefined, agent: http.Agent): Promise<http.ClientRequest> {
    const { headers, tls, proxy } = await credentials.authorize();
    const { server } = credentials;
    const root = server.pathname.replace(/\/+$/, '');
    const options: https.RequestOptions = {
      method: request.method,
      hostname: server.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: server.port || (secure ? 443 : 80),
      path: `${root}${request.path}${queryOf(request.query)}`,
      agent: proxy ?? agent,
      ...tls,
      headers: {
        Accept: 'application/json',
        'User-Agent': userAgent,
        ...headers,
        ...(body === undefined
          ? {}
          : { 'Content-Type': request.contentType ?? 'application/json', 'Content-Length': Buffer.byteLength(body) }),
      },
    };
    const outgoing = secure ? https.request(options) : http.request(options);
    outgoing.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
    return outgoing;
  }

  /** @param origin of the server that is asked, for messages: the next call may go to another one. */
  async function attempt(request: ApiRequest, body: string | undefined, origin: string): Promise<unknown> {
    const { signal, subject } = request;
    const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    if (signal?.aborted) throw abortedError(subject);
    const outgoing = await open(request, body, request.urgent === true ? urgent : calls);
    return new Promise<unknown>((resolve, reject) => {
      const fail = (error: unknown): void => {
        finish();
        reject(
          outgoing.reusedSocket && isReset(error) ? new StaleSocket(error) : errorFromFailure(subject, origin, error),
        );
      };
      const abort = (error: ApiError) => (): void => {
        finish();
        outgoing.destroy();
        reject(error);
      };
      const onAbort = abort(abortedError(subject));
      const timer = setTimeout(abort(timeoutError(subject, origin, timeoutMs)), timeoutMs);
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      // The listener stays after `finish`: a destroyed request still emits an error.
      outgoing.on('error', fail);
      outgoing.on('response', (response) => {
        collect(response, (error, text) => {
          if (error !== undefined) {
            fail(error);
            return;
          }
          finish();
          const status = response.statusCode ?? 0;
          if (status < 200 || status > 299) {
            reject(errorFromAnswer(subject, { status, body: text, retryAfter: response.headers['retry-after'] }));
            return;
          }
          try {
            resolve(text === '' ? undefined : JSON.parse(text));
          } catch (cause) {
            reject(errorFromFailure(subject, origin, new Error(`answer is not JSON: ${messageOf(cause)}`, { cause })));
          }
        });
      });
      outgoing.end(body);
    });
  }

  return {
    async send(request) {
      const { origin } = credentials.server;
      const body = request.body === undefined ? undefined : JSON.stringify(request.body);
      try {
        return await attempt(request, body, origin);
      } catch (error) {
        if (!(error instanceof StaleSocket)) throw error;
        // The server closed an idle connection while we wrote. Only a POST may have had an effect it must not have twice.
        if (request.method === 'POST') throw errorFromFailure(request.subject, origin, error.cause);
        try {
          return await attempt(request, body, origin);
        } catch (again) {
          throw again instanceof StaleSocket ? errorFromFailure(request.subject, origin, again.cause) : again;
        }
      }
    },

    stream(request, handlers) {
      const { origin } = credentials.server;
      let over = false;
      let outgoing: http.ClientRequest | undefined;
      const end = (error: ApiError | undefined): void => {
        if (over) return;
        close();
        handlers.onEnd(error);
      };
      const close = (): void => {
        over = true;
        clearTimeout(timer);
        outgoing?.destroy();
      };
      const { subject } = request;
      const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      const timer = setTimeout(() => end(timeoutError(subject, origin, timeoutMs)), timeoutMs);
      const fail = (error: unknown): void => end(errorFromFailure(subject, origin, error));

      const onResponse = (response: http.IncomingMessage): void => {
        const status = response.statusCode ?? 0;
        if (status !== 200) {
          collect(response, (error, body) => {
            if (error !== undefined) fail(error);
            else end(errorFromAnswer(subject, { status, body, retryAfter: response.headers['retry-after'] }));
          });
          return;
        }
        clearTimeout(timer);
        handlers.onOpen();
        const lines = splitLines((line) => {
          if (over) return;
          const event = parseEvent(line);
          if (event === undefined) fail(new Error('the watch sent something that is no event'));
          else if (event.type === 'ERROR') end(errorFromWatchStatus(subject, event.object));
          else handlers.onEvent({ type: event.type, object: event.object });
        });
        response.on('data', (chunk: Buffer) => {
          if (!over && !lines.push(chunk)) fail(new Error('the watch sent a line without end'));
        });
        response.on('end', () => end(undefined));
        response.on('error', fail);
        response.on('close', () => fail(new Error('connection closed')));
      };

      open(request, undefined, watches).then(
        (ready) => {
          // The listener stays after close: a destroyed request still emits an error.
          ready.on('error', fail);
          if (over) {
            ready.destroy();
            return;
          }
          outgoing = ready;
          ready.on('response', onResponse);
          ready.end();
        },
        (error: unknown) => fail(error),
      );
      return { close };
    },

    close: () => {
      calls.destroy();
      urgent.destroy();
      watches.destroy();
    },
  };
}

/** A reused connection broke before anything came back. */
class StaleSocket extends Error {
  constructor(cause: unknown) {
    super('stale connection', { cause });
  }
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

function queryOf(query: ApiRequest['query']): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) if (value !== undefined) parameters.set(key, String(value));
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

function collect(response: http.IncomingMessage, done: (error: unknown, text: string) => void): void {
  const chunks: Buffer[] = [];
  let called = false;
  const once = (error: unknown): void => {
    if (called) return;
    called = true;
    done(error, error === undefined ? Buffer.concat(chunks).toString('utf8') : '');
  };
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('end', () => once(undefined));
  response.on('error', once);
  response.on('close', () => once(new Error('connection closed in the middle of an answer')));
}

interface RawEvent {
  readonly type: WatchEvent['type'] | 'ERROR';
  readonly object: unknown;
}

function parseEvent(line: string): RawEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('type' in value) || !('object' in value)) return undefined;
    const { type, object } = value;
    if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED' && type !== 'BOOKMARK' && type !== 'ERROR') {
      return undefined;
    }
    return { type, object };
  } catch {
    return undefined; // half a line, or a proxy's page: the caller ends the watch
  }
}

/** Feeds whole lines to `onLine`; `push` is false once a line grows beyond all measure. */
function splitLines(onLine: (line: string) => void): { push(chunk: Buffer): boolean } {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let size = 0;
  return {
    push(chunk) {
      const pieces = decoder.write(chunk).split('\n');
      const last = pieces.pop() ?? '';
      for (const piece of pieces) {
        const line = parts.length === 0 ? piece : parts.join('') + piece;
        parts = [];
        size = 0;
        if (line.trim() !== '') onLine(line);
      }
      if (last !== '') {
        parts.push(last);
        size += last.length;
      }
      return size <= MAX_LINE_BYTES;
    },
  };
}
