/** Small plain HTTP exchanges with devices on the LAN. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { KubevipError, messageOf } from '../model/errors.ts';
import { parseIp } from '../model/ip.ts';
import type { HttpRequest, HttpResponse } from '../model/wire.ts';
import type { Libc } from './libc.ts';
import type { Endpoint } from './sockaddr.ts';
import { connectTcp } from './tcp-connect.ts';

/**
 * Connects in the thread's present network namespace, before the first await. The host of the URL has to be an
 * address: a name from a device's answer shall not lead anywhere else.
 * @throws KubevipError HTTP_TIMEOUT, HTTP_TOO_LARGE, HTTP_FAILED (no connection, bad URL, not HTTP, called off).
 */
export async function exchangeHttp(libc: Libc, request: HttpRequest): Promise<HttpResponse> {
  const url = parseUrl(request.url);
  const timeout = AbortSignal.timeout(request.timeoutMs);
  const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout;
  try {
    const local = request.localIp === undefined ? {} : { localIp: request.localIp };
    const scope = request.link?.index ?? 0;
    const socket = await connectTcp(libc, { to: url.endpoint, scope, signal, ...local });
    try {
      return await exchange(socket, url, request, signal);
    } finally {
      socket.destroy();
    }
  } catch (error) {
    throw explain(error, request, timeout);
  }
}

interface Target {
  readonly endpoint: Endpoint;
  readonly host: string;
  readonly path: string;
}

function parseUrl(text: string): Target {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const address = url && parseIp(url.hostname.replace(/^\[|\]$/g, ''));
  if (!url || url.protocol !== 'http:' || address === undefined) {
    throw new KubevipError(`not an http:// URL with an address: ${JSON.stringify(text.slice(0, 200))}`, {
      code: 'HTTP_FAILED',
    });
  }
  return {
    endpoint: { ip: address, port: url.port === '' ? 80 : Number(url.port) },
    host: url.host,
    path: `${url.pathname}${url.search}`,
  };
}

async function exchange(
  socket: Socket,
  target: Target,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<HttpResponse> {
  return await new Promise((resolve, reject) => {
    const body = request.body === undefined ? undefined : Buffer.from(request.body, 'utf8');
    const outgoing = httpRequest({
      // Only without an agent does Node take the connection from here.
      createConnection: () => socket,
      method: request.method,
      path: target.path,
      signal,
      headers: {
        host: target.host,
        connection: 'close',
        ...(body === undefined ? {} : { 'content-length': body.length }),
        ...request.headers,
      },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      readBody(response, request.maxBytes).then(
        (text) => resolve({ status: response.statusCode ?? 0, headers: flatten(response), body: text }),
        reject,
      );
    });
    outgoing.end(body);
  });
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new KubevipError(`more than ${maxBytes} bytes`, { code: 'HTTP_TOO_LARGE' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function flatten(response: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

function explain(error: unknown, request: HttpRequest, timeout: AbortSignal): KubevipError {
  const what = `${request.method} ${request.url}`;
  if (timeout.aborted) {
    return new KubevipError(`${what}: no answer within ${request.timeoutMs} ms`, { code: 'HTTP_TIMEOUT' });
  }
  const code = error instanceof KubevipError && error.code === 'HTTP_TOO_LARGE' ? error.code : 'HTTP_FAILED';
  return new KubevipError(`${what}: ${messageOf(error)}`, { code, cause: error });
}
