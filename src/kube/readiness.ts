/** Asks an API server whether it is ready to serve: `/readyz` and the like, which answer in plain text. */
import type { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { messageOf } from '../model/errors.ts';
import type { Milliseconds } from '../model/time.ts';
import type { Credentials } from './credentials.ts';

export interface ReadinessQuestion {
  readonly url: URL;
  /** Name that the certificate must carry; absent: the URL's host. */
  readonly serverName?: string;
  /** CA besides the kubeconfig's. */
  readonly caFile?: string;
  readonly timeout: Milliseconds;
}

/** Why it is not. `down`: nothing listens there; `silent`: no answer in time; `refused`: it does not tell us. */
export interface NotServing {
  readonly kind: 'down' | 'silent' | 'refused' | 'not-ready' | 'failed';
  /** Without times and counts: the same state is the same text. */
  readonly message: string;
}

const DOWN = new Set(['ECONNREFUSED', 'EADDRNOTAVAIL', 'ENETUNREACH', 'EHOSTUNREACH', 'EAFNOSUPPORT']);
const MAX_BODY = 64 * 1024;

/**
 * By a connection of its own each time: one that stands says nothing about whether the next client gets one. With our
 * credentials, since anonymous requests may be off. Undefined: it is ready. Never rejects.
 */
export async function askReadiness(
  credentials: Credentials,
  question: ReadinessQuestion,
): Promise<NotServing | undefined> {
  return await judge(question, () => ask(credentials, question, false));
}

export interface StandingAnswer {
  /** Undefined: it is ready. */
  readonly why: NotServing | undefined;
  /** Ends the connection. */
  readonly release: () => void;
}

/** The same, and the connection stands until it is released. `onLost`: it has ended before that, once it had an answer. */
export async function askAndStay(
  credentials: Credentials,
  question: ReadinessQuestion,
  onLost: () => void,
): Promise<StandingAnswer> {
  const agent = new (question.url.protocol === 'https:' ? https : http).Agent({ keepAlive: true });
  let released = false;
  agent.on('free', (socket: EventEmitter) =>
    socket.once('close', () => {
      if (!released) onLost();
    }),
  );
  return {
    why: await judge(question, () => ask(credentials, question, agent)),
    release: () => {
      released = true;
      agent.destroy();
    },
  };
}

async function judge(
  { url, timeout }: ReadinessQuestion,
  answer: () => Promise<Answer>,
): Promise<NotServing | undefined> {
  try {
    const { status, body } = await answer();
    if (status >= 200 && status <= 299) return undefined;
    if (status === 401 || status === 403) {
      const why = status === 401 ? 'our credentials are not accepted' : `we may not ask (get ${url.pathname})`;
      return { kind: 'refused', message: `${url.href} answers ${status}: ${why}` };
    }
    const checks = failedChecks(body);
    return { kind: 'not-ready', message: `${url.href} answers ${status}${checks === '' ? '' : `: not yet ${checks}`}` };
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') {
      return { kind: 'silent', message: `${url.href} does not answer within ${timeout / 1000} s` };
    }
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const message = `${url.href} does not answer: ${messageOf(error) || code}`;
    return { kind: DOWN.has(code) ? 'down' : 'failed', message };
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function ask(
  credentials: Credentials,
  { url, serverName, caFile, timeout }: ReadinessQuestion,
  agent: http.Agent | false,
): Promise<Answer> {
  const { headers, tls } = await credentials.authorize();
  const secure = url.protocol === 'https:';
  const extra = caFile === undefined ? [] : [readFileSync(caFile)];
  const ca = [tls.ca ?? [], extra].flat();
  const options: https.RequestOptions = {
    method: 'GET',
    agent,
    headers: { ...headers, Connection: agent === false ? 'close' : 'keep-alive' },
    signal: AbortSignal.timeout(timeout),
    ...tls,
    ...(ca.length === 0 ? {} : { ca }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
  return await new Promise((resolve, reject) => {
    const outgoing = secure ? https.request(url, options) : http.request(url, options);
    // An abort comes as AbortError with the reason as cause.
    outgoing.on('error', (error) => reject(error.name === 'AbortError' ? (error.cause as Error) : error));
    outgoing.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        if (body.length < MAX_BODY) body += text;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    outgoing.end();
  });
}

/** Of the lines `[-]etcd failed: reason withheld` the names, as many as a line holds. */
function failedChecks(body: string): string {
  const names = [...body.matchAll(/^\[-\](\S+)/gm)].map(([, name = '']) => name);
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
}
