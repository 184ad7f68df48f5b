/** The embedded API server as a whole: made of its parts here, started and stopped. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileAudit, noAudit, type AuditLog } from './audit.ts';
import { tokenIssuer, type TokenIssuer } from './auth/tokens.ts';
import { ADMIN, serviceAccountUser, type User } from './auth/user.ts';
import { AGENT_ACCOUNT, bootstrap } from './bootstrap.ts';
import { servingCertificate, type ServingCertificate } from './certificates.ts';
import { lockData } from './data-lock.ts';
import { createFaults, type Fault } from './faults.ts';
import { readOrMake } from './files.ts';
import { collectGarbage } from './garbage-collector.ts';
import { dispatch, type Dispatcher } from './http/dispatch.ts';
import { kubeconfig } from './kubeconfig.ts';
import { listen, type ListenSpec } from './listen.ts';
import { openapiHandler } from './openapi/serve.ts';
import type { Backend } from './operations/backend.ts';
import { createRegistry } from './registry/all.ts';
import { firstAddress, parseServiceRanges } from './registry/service/ranges.ts';
import type { ServiceNetwork } from './registry/resource.ts';
import { fileJournal, memoryJournal } from './storage/journal.ts';
import { Store } from './storage/store.ts';
import { serverVersion } from './version.ts';

export interface ApiServerOptions {
  /** Where objects, keys and certificates are kept. Absent: in memory only, for tests. */
  readonly dataDirectory?: string;
  /** Default: any free port of 127.0.0.1. */
  readonly listen?: readonly ListenSpec[];
  readonly auditFile?: string;
  readonly network?: Partial<ServiceNetwork>;
  /** Changes kept per resource for watches. */
  readonly historySize?: number;
  /** Between two bookmarks of a quiet watch. Default 10 s. */
  readonly bookmarkIntervalMs?: number;
  /** Wall clock. */
  readonly now?: () => Date;
}

export interface ApiServer {
  /** Of the first address it listens on. */
  readonly url: string;
  readonly urls: readonly string[];
  /** PEM */
  readonly ca: string;
  readonly tokens: { readonly admin: string; readonly agent: string };
  /** A kubeconfig for an address and a token; the defaults are the first address and the administrator. */
  kubeconfig(options?: { readonly url?: string; readonly user?: string; readonly token?: string }): string;
  /** A token for anybody, whatever roles they have. */
  issueToken(user: User): string;
  /** Latest resource version. */
  readonly revision: number;
  /** Forgets old versions: what goes on from one gets 410. */
  compact(): void;
  /** Cuts all watches off, as a restart would. Returns how many. */
  dropWatches(): number;
  /** Makes requests late or fail. Returns how to stop that. */
  inject(fault: Fault): () => void;
  stop(): Promise<void>;
}

const NETWORK: ServiceNetwork = {
  clusterCidrs: parseServiceRanges('10.96.0.0/16'),
  nodePorts: { first: 30_000, last: 32_767 },
};
/** The real server ends watches after 30 to 60 minutes. */
const WATCH_TIMEOUT_MS = 45 * 60 * 1000;
/** Longer than clients keep an idle connection, so that none is closed while it is being used. */
const KEEP_ALIVE_MS = 180_000;

/** Silence of a connection after which TCP asks whether anybody is there. */
const PROBE_AFTER_MS = 15_000;

/** @throws KubevipError DATA_IN_USE, STORE_CORRUPT, LISTEN_FAILED */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const { dataDirectory } = options;
  const unlock = dataDirectory === undefined ? () => undefined : lockData(dataDirectory);
  try {
    return await start(options, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

async function start(options: ApiServerOptions, unlock: () => void): Promise<ApiServer> {
  const { dataDirectory } = options;
  const specs = options.listen ?? [{ host: '127.0.0.1', port: 0 }];
  const now = options.now ?? (() => new Date());
  const journal = dataDirectory === undefined ? memoryJournal() : fileJournal(dataDirectory);
  const history = options.historySize === undefined ? {} : { historySize: options.historySize };
  const store = new Store(journal, history);
  const backend: Backend = { store, registry: createRegistry(), network: { ...NETWORK, ...options.network }, now };
  const tokens = tokenIssuer(signingKey(dataDirectory), store, now);
  const certificate = await certificateFor(options, specs, backend);
  const audit = options.auditFile === undefined ? noAudit() : fileAudit(options.auditFile, now);
  const watches = new Set<() => void>();
  const faults = createFaults();
  const dispatcher = dispatcherOf(backend, tokens, options, watches, faults);
  const servers = specs.map(() => httpsServer(certificate, dispatcher, audit));
  const urls: string[] = [];
  try {
    for (const [index, spec] of specs.entries()) {
      const server = servers[index];
      if (server !== undefined) urls.push(await listen(server, spec));
    }
    bootstrap(
      backend,
      urls.map((url, index) => ({ address: specs[index]?.host ?? '', port: Number(new URL(url).port) })),
    );
  } catch (error) {
    // What listens already would keep the process alive.
    await Promise.all(servers.map(closeServer));
    store.close();
    throw error;
  }
  const url = urls[0] ?? '';
  const stopCollecting = collectGarbage(backend);
  const issued = { admin: tokens.issue(ADMIN), agent: tokens.issue(agentUser(store)) };

  return {
    url,
    urls,
    ca: certificate.ca,
    tokens: issued,
    kubeconfig: (entry = {}) =>
      kubeconfig({
        server: entry.url ?? url,
        ca: certificate.ca,
        user: entry.user ?? 'kubernetes-admin',
        token: entry.token ?? issued.admin,
      }),
    issueToken: (user) => tokens.issue(user),
    get revision() {
      return store.revision;
    },
    compact: () => store.compact(),
    dropWatches() {
      const cuts = [...watches];
      cuts.forEach((cut) => cut());
      return cuts.length;
    },
    inject: (fault) => faults.inject(fault),
    async stop() {
      stopCollecting();
      await Promise.all(servers.map(closeServer));
      store.close();
      audit.close();
      unlock();
    },
  };
}

function signingKey(dataDirectory: string | undefined): Uint8Array {
  const make = (): Uint8Array => randomBytes(32);
  return dataDirectory === undefined ? make() : readOrMake(join(dataDirectory, 'pki', 'token.key'), make);
}

async function certificateFor(
  { dataDirectory }: ApiServerOptions,
  specs: readonly ListenSpec[],
  { network, now }: Backend,
): Promise<ServingCertificate> {
  const any = specs.some(({ host }) => host === '0.0.0.0' || host === '::');
  const own = any
    ? Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
    : [];
  const hosts = new Set([
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
    'localhost',
    '127.0.0.1',
    ...network.clusterCidrs.map(firstAddress),
    ...specs.map(({ host }) => host),
    ...own.map((address) => address.replace(/%.*$/, '')),
  ]);
  return await servingCertificate(dataDirectory && join(dataDirectory, 'pki'), [...hosts], now());
}

function agentUser(store: Store): User {
  const { namespace, name } = AGENT_ACCOUNT;
  const uid = store.get('serviceaccounts', `${namespace}/${name}`)?.object.metadata.uid ?? '';
  return serviceAccountUser(namespace, name, uid);
}

function dispatcherOf(
  backend: Backend,
  tokens: TokenIssuer,
  options: ApiServerOptions,
  watches: Set<() => void>,
  faults: ReturnType<typeof createFaults>,
): Dispatcher {
  return {
    backend,
    tokens,
    watches: { bookmarkInterval: options.bookmarkIntervalMs ?? 10_000, defaultTimeout: WATCH_TIMEOUT_MS },
    paths: { version: serverVersion(), openapi: openapiHandler(backend.registry) },
    intercept: (info, user) => faults.meet(info, user),
    trackWatch(cut) {
      watches.add(cut);
      return () => watches.delete(cut);
    },
  };
}

function httpsServer({ cert, key }: ServingCertificate, dispatcher: Dispatcher, audit: AuditLog): Server {
  const server = createServer({
    cert,
    key,
    noDelay: true,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Nodes of the lab lose their power without a word; their watches must not stay for ever.
    keepAlive: true,
    keepAliveInitialDelay: PROBE_AFTER_MS,
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const begun = performance.now();
    response.on('error', () => {
      // A client that goes away in the middle of an answer is its own affair.
    });
    void dispatch(dispatcher, request, response).then(({ user, info }) => {
      audit.record({
        user,
        info,
        uri: request.url ?? '',
        agent: request.headers['user-agent'] ?? '',
        code: response.statusCode,
        milliseconds: performance.now() - begun,
      });
    });
  });
  return server;
}

async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
