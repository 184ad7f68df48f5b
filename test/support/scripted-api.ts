/**
 * A small API server on loopback for faults that a real one cannot be asked for: watches cut in the middle,
 * errors on demand, history forgotten, the whole server gone and back on the same port. It knows paths,
 * resourceVersions and watches, nothing of the types.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect, type Cluster } from '../../src/kube/client.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface StoredObject {
  metadata: { name: string; namespace?: string; uid?: string; resourceVersion?: string };
}

interface Watcher {
  readonly collection: string;
  readonly response: ServerResponse;
}

export interface ScriptedApi {
  readonly url: string;
  /** Requests seen, newest last: `GET /api/v1/services?watch=true`. */
  readonly requests: string[];
  /** Watches open now. */
  readonly watches: number;
  cluster(): Cluster;
  /** What the next request that `matches` is answered with; once per call. */
  failNext(status: number, matches?: (request: string) => boolean, headers?: Record<string, string>): void;
  /** Like failNext, until the function returned is called. */
  failAll(status: number, matches?: (request: string) => boolean): () => void;
  /** Connections of all watches are reset. */
  cutWatches(): void;
  /** All watches end in good order. */
  endWatches(): void;
  /** Watches from now on may not continue from older versions: 410. */
  forgetHistory(): void;
  /** Watches stay open and say nothing any more: what was written meanwhile is in nobody's stream. */
  silence(on: boolean): void;
  /** Answers wait until the function returned is called. */
  hang(matches?: (request: string) => boolean): () => void;
  down(): Promise<void>;
  up(): Promise<void>;
  /** Sends raw text into every watch. */
  inject(text: string): void;
  close(): Promise<void>;
}

const COLLECTION = /^(\/apis?\/(?:[^/]+\/)?v1(?:\/namespaces\/[^/]+)?\/[a-z]+)(?:\/([^/]+))?(?:\/status)?$/;

export async function startScriptedApi(): Promise<ScriptedApi> {
  const api = new Api();
  await api.listen(0);
  return api;
}

class Api implements ScriptedApi {
  readonly requests: string[] = [];
  #port = 0;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #watchers = new Set<Watcher>();
  readonly #objects = new Map<string, StoredObject>();
  readonly #history: { collection: string; version: number; type: string; object: StoredObject }[] = [];
  readonly #faults = new Set<{
    status: number;
    once: boolean;
    matches: (r: string) => boolean;
    headers: Record<string, string>;
  }>();
  readonly #hanging = new Set<{ matches: (r: string) => boolean; released: Promise<void> }>();
  readonly #clusters: Cluster[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), `kubevip-api-${process.pid}-`));
  #version = 1;
  #oldest = 0;
  #silent = false;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get watches(): number {
    return this.#watchers.size;
  }

  cluster(): Cluster {
    const kubeconfig = join(this.#directory, 'kubeconfig.json');
    const config = {
      'current-context': 'test',
      clusters: [{ name: 'c', cluster: { server: this.url } }],
      users: [{ name: 'u', user: { token: 'secret' } }],
      contexts: [{ name: 'test', context: { cluster: 'c', user: 'u', namespace: 'default' } }],
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
    const cluster = connect({ kubeconfig, env: {}, userAgent: 'kubevip-test/0' });
    this.#clusters.push(cluster);
    return cluster;
  }

  failNext(status: number, matches: (r: string) => boolean = () => true, headers: Record<string, string> = {}): void {
    this.#faults.add({ status, once: true, matches, headers });
  }

  failAll(status: number, matches: (r: string) => boolean = () => true): () => void {
    const fault = { status, once: false, matches, headers: {} };
    this.#faults.add(fault);
    return () => void this.#faults.delete(fault);
  }

  cutWatches(): void {
    for (const { response } of this.#watchers) (response.socket as Socket).resetAndDestroy();
    this.#watchers.clear();
  }

  endWatches(): void {
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  forgetHistory(): void {
    this.#oldest = ++this.#version;
  }

  silence(on: boolean): void {
    this.#silent = on;
  }

  hang(matches: (r: string) => boolean = () => true): () => void {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const entry = { matches, released: promise.then(() => undefined) };
    this.#hanging.add(entry);
    return () => {
      this.#hanging.delete(entry);
      resolve(undefined);
    };
  }

  inject(text: string): void {
    for (const { response } of this.#watchers) response.write(text);
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#watchers.clear();
    await closed;
  }

  async up(): Promise<void> {
    await this.listen(this.#port);
  }

  async close(): Promise<void> {
    for (const cluster of this.#clusters) cluster.close();
    await this.down();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async listen(port: number): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = `${request.method ?? ''} ${request.url ?? ''}`;
    this.requests.push(line);
    const body = await readAll(request);
    for (const { matches, released } of this.#hanging) if (matches(line)) await released;
    const fault = [...this.#faults].find((one) => one.matches(line));
    if (fault) {
      if (fault.once) this.#faults.delete(fault);
      send(response, fault.status, status(fault.status, 'scripted fault'), fault.headers);
      return;
    }
    const url = new URL(request.url ?? '/', this.url);
    if (url.pathname === '/version') {
      send(response, 200, { gitVersion: 'v1.36.0' });
      return;
    }
    const match = COLLECTION.exec(url.pathname);
    if (!match) {
      send(response, 404, status(404, 'no such path'));
      return;
    }
    const [, collection = '', name] = match;
    if (name === undefined && url.searchParams.get('watch') === 'true') {
      this.#watch(collection, Number(url.searchParams.get('resourceVersion')), response);
    } else this.#crud(request.method ?? '', collection, name, body, response);
  }

  #crud(method: string, collection: string, name: string | undefined, body: string, response: ServerResponse): void {
    const key = `${collection}/${name ?? ''}`;
    const given =
      body === '' ? undefined : (JSON.parse(body) as StoredObject & { preconditions?: { resourceVersion?: string } });
    const held = this.#objects.get(key);
    if (name === undefined && method === 'GET') {
      const items = [...this.#objects].filter(([path]) => path.startsWith(`${collection}/`)).map(([, item]) => item);
      send(response, 200, { metadata: { resourceVersion: String(this.#version) }, items });
    } else if (method === 'POST' && given) {
      const path = `${collection}/${given.metadata.name}`;
      if (this.#objects.has(path)) send(response, 409, status(409, 'there already', 'AlreadyExists'));
      else
        send(
          response,
          201,
          this.#store(path, collection, 'ADDED', {
            ...given,
            metadata: { ...given.metadata, uid: `uid-${this.#version}` },
          }),
        );
    } else if (!held) send(response, 404, status(404, 'not found', 'NotFound'));
    else if (method === 'GET') send(response, 200, held);
    else if (method === 'PUT' && given) {
      if (isStale(held, given.metadata.resourceVersion)) send(response, 409, status(409, 'stale', 'Conflict'));
      else
        send(
          response,
          200,
          this.#store(key, collection, 'MODIFIED', {
            ...given,
            metadata: { ...given.metadata, uid: held.metadata.uid ?? '' },
          }),
        );
    } else if (method === 'PATCH' && given) {
      const metadata = { ...held.metadata, ...given.metadata };
      send(response, 200, this.#store(key, collection, 'MODIFIED', { ...held, ...given, metadata }));
    } else if (method === 'DELETE') {
      if (isStale(held, given?.preconditions?.resourceVersion)) {
        send(response, 409, status(409, 'stale', 'Conflict'));
        return;
      }
      this.#objects.delete(key);
      this.#emit(collection, 'DELETED', {
        ...held,
        metadata: { ...held.metadata, resourceVersion: String(++this.#version) },
      });
      send(response, 200, status(200, 'deleted'));
    } else send(response, 405, status(405, 'no such method'));
  }

  #store(key: string, collection: string, type: string, object: StoredObject): StoredObject {
    const namespace = /\/namespaces\/([^/]+)\//.exec(collection)?.[1];
    const metadata = { ...object.metadata, ...(namespace && { namespace }), resourceVersion: String(++this.#version) };
    const stored = { ...object, metadata };
    this.#objects.set(key, stored);
    this.#emit(collection, type, stored);
    return stored;
  }

  #emit(collection: string, type: string, object: StoredObject): void {
    this.#history.push({ collection, version: this.#version, type, object });
    if (this.#silent) return;
    for (const watcher of this.#watchers) {
      if (watcher.collection === collection) watcher.response.write(`${JSON.stringify({ type, object })}\n`);
    }
  }

  #watch(collection: string, from: number, response: ServerResponse): void {
    if (from < this.#oldest) {
      send(response, 200, { type: 'ERROR', object: status(410, 'too old resource version', 'Expired') });
      return;
    }
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    for (const event of this.#history) {
      if (event.collection !== collection || event.version <= from) continue;
      response.write(`${JSON.stringify({ type: event.type, object: event.object })}\n`);
    }
    const watcher = { collection, response };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
  }
}

function isStale(held: StoredObject, version: string | undefined): boolean {
  return version !== undefined && version !== held.metadata.resourceVersion;
}

function status(code: number, message: string, reason = 'Unknown'): object {
  return { kind: 'Status', apiVersion: 'v1', code, message, reason };
}

function send(response: ServerResponse, code: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(code, { 'Content-Type': 'application/json', ...headers });
  response.end(`${JSON.stringify(body)}\n`);
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
