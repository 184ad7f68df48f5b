/**
 * How to authenticate to the API server. Certificates, tokens and passwords are read here; for what runs a
 * program or talks to an identity provider, and for proxies, client-node is loaded: it takes a third of a second
 * and 50 MB, which nobody else shall pay for.
 */
import { readFileSync, statSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { messageOf } from '../model/errors.ts';
import { badKubeconfig, selectContext, type KubeconfigOptions, type Selected } from './kubeconfig.ts';
import { hostPort } from '../model/ip.ts';

export interface Authorization {
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly tls: Pick<
    RequestOptions,
    'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'
  >;
  readonly proxy?: Exclude<RequestOptions['agent'], undefined>;
}

/** What a connection needs. */
export interface Credentials {
  readonly server: URL;
  /** Name of the context, `in-cluster` for a service account. */
  readonly context: string;
  /** Namespace of the context. */
  readonly namespace: string;
  /** For the next request: tokens and certificates are renewed on disk. @throws ApiError BAD_KUBECONFIG */
  authorize(): Promise<Authorization>;
}

/** An API server by its address, whatever the kubeconfig says. */
export interface ApiEndpoint {
  /** Address or name. */
  readonly host: string;
  readonly port: number;
  /** Name that its certificate must carry. Absent: the kubeconfig's, or the host. */
  readonly serverName?: string;
}

/** The same credentials for another server, asked for anew at each connection. */
export function redirected(credentials: Credentials, endpoint: () => ApiEndpoint): Credentials {
  const { context, namespace } = credentials;
  return {
    context,
    namespace,
    get server() {
      const { host, port } = endpoint();
      return new URL(`${credentials.server.protocol}//${hostPort(host, port)}`);
    },
    async authorize() {
      const { headers, tls } = await credentials.authorize();
      const { serverName: servername } = endpoint();
      return { headers, tls: { ...tls, ...(servername === undefined ? {} : { servername }) } };
    },
  };
}

/** @throws ApiError NO_KUBECONFIG, BAD_KUBECONFIG */
export function loadCredentials(options: KubeconfigOptions): Credentials {
  const selected = selectContext(options);
  const { server, context, namespace, user, cluster } = selected;
  const needsHelp =
    user.exec !== undefined || user['auth-provider'] !== undefined || cluster['proxy-url'] !== undefined;
  let authorizer: Promise<() => Promise<Authorization>> | undefined;
  const current = following(selected, options);
  return {
    server,
    context,
    namespace,
    async authorize() {
      authorizer ??= needsHelp ? byClientNode(selected) : Promise.resolve(async () => Promise.resolve(read(current())));
      try {
        return await (
          await authorizer
        )();
      } catch (error) {
        throw badKubeconfig(selected.source, `its credentials cannot be had: ${messageOf(error)}`, { cause: error });
      }
    },
  };
}

/** Certificates in a kubeconfig are renewed by writing the file anew; one that cannot be read just then is no news. */
function following(first: Selected, options: KubeconfigOptions): () => Selected {
  const versionOf = ({ files }: Selected): string =>
    files.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0).join();
  let selected = first;
  let version = versionOf(first);
  return () => {
    const now = versionOf(selected);
    if (now === version) return selected;
    version = now;
    try {
      selected = selectContext(options);
    } catch {
      // what was read last is still the best there is
    }
    return selected;
  };
}

function read({ cluster, user }: Selected): Authorization {
  const ca = pem(cluster['certificate-authority-data'], cluster['certificate-authority']);
  const cert = pem(user['client-certificate-data'], user['client-certificate']);
  const key = pem(user['client-key-data'], user['client-key']);
  const token = user.tokenFile === undefined ? user.token : readFileSync(user.tokenFile, 'utf8').trim();
  const basic = Buffer.from(`${user.username ?? ''}:${user.password ?? ''}`).toString('base64');
  return {
    headers: {
      ...(user.username !== undefined && { Authorization: `Basic ${basic}` }),
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(user.as !== undefined && { 'Impersonate-User': user.as }),
      ...(user['as-groups'] !== undefined && { 'Impersonate-Group': user['as-groups'] }),
    },
    tls: {
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ...(cluster['tls-server-name'] !== undefined && { servername: cluster['tls-server-name'] }),
      ...(cluster['insecure-skip-tls-verify'] === true && { rejectUnauthorized: false }),
    },
  };
}

function pem(data: string | undefined, file: string | undefined): Buffer | undefined {
  if (data !== undefined) return Buffer.from(data, 'base64');
  return file === undefined ? undefined : readFileSync(file);
}

async function byClientNode({ cluster, user, server }: Selected): Promise<() => Promise<Authorization>> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  // Without TLS there is nothing to verify, and client-node refuses plain HTTP unless told so.
  const plain = server.protocol === 'http:' ? { 'insecure-skip-tls-verify': true } : {};
  config.loadFromString(
    JSON.stringify({
      'current-context': 'selected',
      clusters: [{ name: 'selected', cluster: { ...cluster, ...plain } }],
      users: [{ name: 'selected', user }],
      contexts: [{ name: 'selected', context: { cluster: 'selected', user: 'selected' } }],
    }),
  );
  return async () => {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value);
    const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
    const tls = Object.fromEntries(
      Object.entries({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    const proxy = cluster['proxy-url'] === undefined ? undefined : options.agent;
    return { headers, tls, ...(proxy !== undefined && { proxy }) };
  };
}
