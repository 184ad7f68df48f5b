/**
 * etcd's JSON gateway over HTTP/1.1, with client certificates: several members, of which the one that answered last is asked
 * first. Files are read for each connection, so certificates may be renewed while this runs.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import { StringDecoder } from 'node:string_decoder';
import type { EtcdWire } from '../exposure/ownership/etcd/port.ts';
import { KubevipError } from '../model/errors.ts';
import type { EtcdAccess, EtcdEndpoint } from '../model/etcd.ts';
import { readTlsFiles, whyNot } from './etcd-errors.ts';

type Request = Parameters<EtcdWire['post']>[0];

/** A few candidates with short names. */
const MOST_BYTES = 1 << 20;
/** A machine that lost power answers no keep-alive. */
const KEEP_ALIVE_MS = 3000;
const IDLE_MS = 30_000;

export function createEtcdWire({ endpoints, tls }: EtcdAccess): EtcdWire {
  const options = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, timeout: IDLE_MS, maxFreeSockets: 2 } as const;
  const agents = { open: new http.Agent(options), secure: new https.Agent(options) };
  /** Calls and streams under way. */
  const underWay = new Set<AbortController>();
  /** As they are asked: the one that answered last is the first. */
  let order = [...endpoints];

  const open = (endpoint: EtcdEndpoint, { path, body }: Request, signal: AbortSignal): http.ClientRequest => {
    const { secure, host, port } = endpoint;
    const text = JSON.stringify(body);
    const request = (secure ? https : http).request({
      method: 'POST',
      host,
      port,
      path,
      signal,
      agent: secure ? agents.secure : agents.open,
      ...(secure ? readTlsFiles(tls) : {}),
      headers: {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(text),
        // A member that has lost the others ends a watch, instead of being silent.
        'Grpc-Metadata-hasleader': 'true',
      },
    });
    request.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
    request.end(text);
    return request;
  };

  const exchange = async (endpoint: EtcdEndpoint, request: Request, signal: AbortSignal): Promise<unknown> => {
    try {
      const outgoing = open(endpoint, request, signal);
      const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
      outgoing.on('response', resolve).on('error', reject);
      const response = await promise;
      return jsonOf(await textOf(response), response.statusCode ?? 0);
    } catch (error) {
      throw whyNot(endpoint, error, tls, signal.aborted);
    }
  };

  return {
    async post(request, timeoutMs) {
      const call = new AbortController();
      const timer = setTimeout(() => call.abort(), timeoutMs);
      underWay.add(call);
      try {
        return await firstOf(order, timeoutMs / order.length, async (endpoint) => {
          const answer = await exchange(endpoint, request, call.signal);
          order = [endpoint, ...order.filter((other) => other !== endpoint)];
          return answer;
        });
      } catch (error) {
        throw unreachable(error as AggregateError);
      } finally {
        clearTimeout(timer);
        call.abort();
        underWay.delete(call);
      }
    },
    stream(request, { onMessage, onEnd }) {
      const [endpoint, ...others] = order as [EtcdEndpoint, ...EtcdEndpoint[]];
      const call = new AbortController();
      const { signal } = call;
      underWay.add(call);
      const end = (error: unknown): void => {
        if (signal.aborted) return;
        underWay.delete(call);
        call.abort();
        // The next one may serve.
        if (order[0] === endpoint) order = [...others, endpoint];
        onEnd(error === undefined ? undefined : whyNot(endpoint, error, tls, false));
      };
      try {
        const outgoing = open(endpoint, request, signal);
        outgoing.on('error', end);
        outgoing.on('response', (response) => {
          response.on('error', end).on('close', () => end(undefined));
          linesOf(response, (line) => {
            if (signal.aborted) return;
            try {
              onMessage(jsonOf(line, response.statusCode ?? 0));
            } catch (error) {
              end(error);
            }
          });
        });
      } catch (error) {
        setImmediate(() => end(error));
      }
      return {
        close: () => {
          underWay.delete(call);
          call.abort();
        },
      };
    },
    close() {
      for (const call of underWay) call.abort();
      agents.open.destroy();
      agents.secure.destroy();
    },
  };
}

/**
 * The first success. The next attempt begins when one has failed, and when one has taken longer than `patience`: what is
 * asked here does no harm when two members are asked.
 * @throws AggregateError when all have failed
 */
async function firstOf<E, T>(order: readonly E[], patience: number, attempt: (endpoint: E) => Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const failures: unknown[] = [];
  const waiting = [...order];
  const next = (): void => {
    const endpoint = waiting.shift();
    if (endpoint === undefined) return;
    attempt(endpoint).then(resolve, (error: unknown) => {
      failures.push(error);
      if (failures.length === order.length) reject(new AggregateError(failures));
      next();
    });
  };
  next();
  const timer = setInterval(next, patience);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
    waiting.length = 0;
  }
}

function unreachable({ errors }: AggregateError): KubevipError {
  const all = errors as readonly KubevipError[];
  const messages = [...new Set(all.map(({ message }) => message))];
  const hints = [...new Set(all.flatMap((error) => error.hints))];
  return new KubevipError(messages.join('; '), { code: 'ETCD_UNREACHABLE', hints });
}

/** @throws Error for what is no answer of a gateway, and for a member that cannot serve now. */
function jsonOf(text: string, status: number): unknown {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(
      `it has no JSON gateway (HTTP ${status}): etcd 3.4 or later has one, unless it runs with --enable-grpc-gateway=false`,
    );
  }
  if (status >= 500) {
    const { message } = answer as { readonly message?: unknown };
    throw new Error(`it cannot serve now: ${typeof message === 'string' ? message.slice(0, 200) : `HTTP ${status}`}`);
  }
  return answer;
}

async function textOf(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new Error(`its answer is longer than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function linesOf(response: http.IncomingMessage, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  response.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MOST_BYTES) response.destroy(new Error(`a line of it is longer than ${MOST_BYTES} bytes`));
    for (const line of lines) if (line.trim() !== '') onLine(line);
  });
}
