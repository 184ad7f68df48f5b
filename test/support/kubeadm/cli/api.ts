/** Requests to an API server, as the holder of a kubeconfig. */
import { request as httpsRequest } from 'node:https';
import { Failure } from './failure.ts';
import type { Access } from './kubeconfig.ts';
import type { Doc } from './config.ts';

export interface Answer {
  readonly code: number;
  readonly body: Doc;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** In Go's words, since they end up in kubeadm's messages. */
export class ApiFailure extends Failure {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, body: Doc) {
    super(typeof body['message'] === 'string' ? body['message'] : `the server answered ${code}`);
    this.code = code;
    this.reason = typeof body['reason'] === 'string' ? body['reason'] : '';
  }
}

/** kubeadm's clients wait 10 s for an answer. */
const TIMEOUT_MS = 10_000;

export class Api {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  get server(): string {
    return this.#access.server;
  }

  /** @throws Failure when nobody answers; any code is an answer. */
  async ask(method: Method, path: string, body?: Doc, type = 'application/json'): Promise<Answer> {
    const { server, ca, cert, key, token, serverName } = this.#access;
    const url = new URL(path, server);
    const text = body === undefined ? undefined : JSON.stringify(body);
    return await new Promise<Answer>((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new Failure(`${method[0] ?? ''}${method.slice(1).toLowerCase()} "${url.href}": ${why}`));
      const request = httpsRequest(
        url,
        {
          method,
          agent: false,
          ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
          ...(cert === undefined ? {} : { cert, key }),
          ...(serverName === undefined ? {} : { servername: serverName }),
          timeout: TIMEOUT_MS,
          headers: {
            accept: 'application/json',
            'user-agent': 'kubeadm/v1 (stand-in)',
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(text === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(text) }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', (error) => fail(error.message));
          response.on('end', () => {
            const raw = Buffer.concat(chunks).toString();
            resolve({ code: response.statusCode ?? 0, body: parsed(raw) });
          });
        },
      );
      request.on('timeout', () => request.destroy(new Error('context deadline exceeded')));
      request.on('error', (error: NodeJS.ErrnoException) => fail(goWords(error, url.host)));
      request.end(text);
    });
  }

  /** @throws ApiFailure for anything but 2xx */
  async call(method: Method, path: string, body?: Doc, type?: string): Promise<Doc> {
    const answer = await this.ask(method, path, body, type);
    if (answer.code >= 300) throw new ApiFailure(answer.code, answer.body);
    return answer.body;
  }

  /** Creates an object, or replaces what it says. */
  async put(collection: string, object: Doc & { readonly metadata: Doc }): Promise<void> {
    const created = await this.ask('POST', collection, object);
    if (created.code === 409) {
      const path = `${collection}/${String(object.metadata['name'])}`;
      await this.call('PATCH', path, object, 'application/merge-patch+json');
      return;
    }
    if (created.code >= 300) throw new ApiFailure(created.code, created.body);
  }
}

function parsed(raw: string): Doc {
  try {
    return JSON.parse(raw) as Doc;
  } catch {
    return { message: raw };
  }
}

function goWords(error: NodeJS.ErrnoException, host: string): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return `dial tcp ${host}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp ${host}: connect: no route to host`;
    case 'ECONNRESET':
      return 'EOF';
    case 'ENOTFOUND':
      return `dial tcp: lookup ${host}: no such host`;
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
      return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
    default:
      return error.message;
  }
}
