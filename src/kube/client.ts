/** A connection to a cluster. */
import { loadCredentials, redirected, type ApiEndpoint, type Credentials } from './credentials.ts';
import type { KubeconfigOptions } from './kubeconfig.ts';
import { createResource, type CallOptions, type Resource } from './resource.ts';
import type { Kind, Kinds } from './kinds.ts';
import { askReadiness, type NotServing } from './readiness.ts';
import { createTransport } from './transport.ts';
import { hostPort } from '../model/ip.ts';

export interface Cluster {
  /** URL of the API server. */
  readonly server: string;
  readonly context: string;
  /** Namespace of the context: what calls without a namespace mean. */
  readonly namespace: string;
  resource<K extends Kind>(kind: K): Resource<Kinds[K]>;
  /** `gitVersion` of the API server: proof that it answers. @throws ApiError */
  version(options?: CallOptions): Promise<string>;
  /** Whether the API server at this address is ready (`/readyz`), with our credentials. Undefined: it is. Never rejects. */
  askReadiness(endpoint: ApiEndpoint, timeoutMs: number): Promise<NotServing | undefined>;
  /** Closes all connections; calls under way fail. */
  close(): void;
}

export interface ConnectOptions extends KubeconfigOptions {
  /** Replaces the namespace of the context. */
  readonly namespace?: string | undefined;
  /** Another API server than that of the kubeconfig, looked up anew for each connection. */
  readonly endpoint?: () => ApiEndpoint;
  /** `User-Agent`, for audit logs: `kubevip-agent/0.1.0`. */
  readonly userAgent: string;
}

/**
 * Reads the kubeconfig; no request is made yet.
 * @throws ApiError NO_KUBECONFIG, BAD_KUBECONFIG
 */
export function connect(options: ConnectOptions): Cluster {
  const { endpoint } = options;
  const loaded = loadCredentials(options);
  return connectWith(endpoint ? redirected(loaded, endpoint) : loaded, options);
}

/** The same with credentials at hand. */
export function connectWith(
  credentials: Credentials,
  options: Pick<ConnectOptions, 'namespace' | 'userAgent'>,
): Cluster {
  const transport = createTransport(credentials, options.userAgent);
  const namespace = options.namespace ?? credentials.namespace;
  return {
    get server() {
      return credentials.server.href.replace(/\/$/, '');
    },
    context: credentials.context,
    namespace,
    resource: (kind) => createResource(transport, kind, namespace),
    async version(call) {
      const subject = { verb: 'get', resource: 'version', group: '' };
      const answer = await transport.send({ ...call, method: 'GET', path: '/version', subject });
      const version = typeof answer === 'object' && answer !== null && 'gitVersion' in answer ? answer.gitVersion : '';
      return String(version);
    },
    askReadiness: async ({ host, port, serverName }, timeout) => {
      const { protocol } = credentials.server;
      const url = new URL(`${protocol}//${hostPort(host, port)}/readyz`);
      return askReadiness(credentials, { url, timeout, ...(serverName === undefined ? {} : { serverName }) });
    },
    close: () => transport.close(),
  };
}
