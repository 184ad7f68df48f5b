/** The plainest client there is: what goes over the wire is what the tests say. */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';

type Path = string | readonly (string | number)[];

/** A value somewhere in JSON; undefined when there is none. `spec.ports.0.port`, or the keys one by one. */
export function at(value: unknown, path: Path): unknown {
  const keys = typeof path === 'string' ? path.split('.') : path;
  return keys.reduce<unknown>(
    (parent, key) =>
      typeof parent === 'object' && parent !== null ? (parent as Record<string, unknown>)[key] : undefined,
    value,
  );
}

export function textAt(value: unknown, path: Path): string {
  const found = at(value, path);
  if (typeof found !== 'string') throw new Error(`no text at ${JSON.stringify(path)} in ${JSON.stringify(value)}`);
  return found;
}

export function listAt(value: unknown, path: Path): unknown[] {
  const found = at(value, path);
  return Array.isArray(found) ? found : [];
}

export interface Answer {
  readonly code: number;
  readonly body: unknown;
  readonly headers: IncomingMessage['headers'];
}

export interface CallOptions {
  readonly type?: string;
  readonly accept?: string;
  /** Absent: the administrator's; empty: none. */
  readonly token?: string;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

/** How long anything may take before the test is called hung. */
const HANG_MS = 20_000;

export interface Client {
  /** {@link call} for bodies that are no JSON, either way. */
  raw(method: string, path: string, body?: Uint8Array, options?: CallOptions): Promise<{ code: number; bytes: Buffer }>;
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer>;
  /** Opens a watch; it has begun when this returns. */
  watch(path: string, options?: CallOptions): Promise<Watch>;
  close(): void;
}

export interface Watch {
  /** The next event that fits; those before it are skipped. @throws when the stream ends first. */
  next(fits?: (event: WatchEvent) => boolean): Promise<WatchEvent>;
  /** Waits for the end of the stream. */
  ended(): Promise<void>;
  close(): void;
}

export function createClient(url: string, ca: string, adminToken: string): Client {
  const agent = new Agent({ keepAlive: true, ca });
  const send = async (method: string, path: string, body: unknown, options: CallOptions): Promise<IncomingMessage> => {
    const { type = 'application/json', accept = 'application/json', token = adminToken } = options;
    const text =
      body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    return await new Promise((resolve, reject) => {
      const request = httpsRequest(new URL(path, url), {
        method,
        agent,
        headers: {
          accept,
          'user-agent': 'contract/1.0',
          ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
          ...(text === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(text) }),
        },
      });
      request.once('response', resolve);
      request.once('error', reject);
      request.end(text);
    });
  };
  return {
    async call(method, path, body, options = {}) {
      const response = await send(method, path, body, options);
      const text = (await readAll(response)).toString('utf8');
      return { code: response.statusCode ?? 0, body: parse(text), headers: response.headers };
    },
    async raw(method, path, body, options = {}) {
      const response = await send(method, path, body, options);
      return { code: response.statusCode ?? 0, bytes: await readAll(response) };
    },
    async watch(path, options = {}) {
      const response = await send('GET', `${path}${path.includes('?') ? '&' : '?'}watch=1`, undefined, options);
      if (response.statusCode !== 200)
        throw new Error(`watch refused: ${response.statusCode} ${(await readAll(response)).toString()}`);
      return watchOf(response);
    },
    close: () => agent.destroy(),
  };
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function watchOf(response: IncomingMessage): Watch {
  const events: WatchEvent[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => [...waiting].forEach((resolve) => resolve());
  let rest = '';
  let over = false;
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') events.push(JSON.parse(line) as WatchEvent);
    wake();
  });
  response.on('close', () => {
    over = true;
    wake();
  });
  response.on('error', () => undefined);
  const change = async (): Promise<void> => {
    let wakeUp: () => void = () => undefined;
    await new Promise<void>((resolve, reject) => {
      const hang = setTimeout(() => reject(new Error('the watch is silent')), HANG_MS);
      wakeUp = () => {
        clearTimeout(hang);
        resolve();
      };
      waiting.add(wakeUp);
    });
    waiting.delete(wakeUp);
  };
  return {
    async next(fits = () => true) {
      for (;;) {
        for (let event = events.shift(); event !== undefined; event = events.shift()) if (fits(event)) return event;
        if (over) throw new Error('the watch ended');
        await change();
      }
    },
    async ended() {
      while (!over) await change();
    },
    close: () => response.destroy(),
  };
}
