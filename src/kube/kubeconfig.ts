/** Where the API server is and how to authenticate to it: kubeconfig files and the service account of a pod. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { EXIT, messageOf } from '../model/errors.ts';
import { ApiError } from './errors.ts';

export interface KubeconfigOptions {
  /** Path of a kubeconfig; otherwise KUBECONFIG, ~/.kube/config, or the pod's service account, in this order. */
  readonly kubeconfig?: string;
  /** Context by name; otherwise the current one. */
  readonly context?: string;
  /** Environment, for KUBECONFIG, HOME and the service account. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a connection needs: asked for every request, because tokens and certificates are renewed on disk. */
export interface Credentials {
  readonly server: URL;
  /** Name of the context, `in-cluster` for a service account. */
  readonly context: string;
  /** Namespace of the context. */
  readonly namespace: string;
  /** Headers and TLS options for the next request; `proxy` when one is configured. */
  authorize(): Promise<Authorization>;
}

export interface Authorization {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Pick<
    RequestOptions,
    'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'
  >;
  readonly proxy?: Exclude<RequestOptions['agent'], undefined>;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** @throws ApiError NO_KUBECONFIG, BAD_KUBECONFIG */
export function loadCredentials(options: KubeconfigOptions): Credentials {
  const source = sourceOf(options);
  const config = new KubeConfig();
  try {
    load(config, source);
  } catch (error) {
    throw badKubeconfig(source, messageOf(error), error);
  }
  if (options.context !== undefined) config.setCurrentContext(options.context);
  return credentialsOf(config, source);
}

type Source = { readonly kind: 'files'; readonly files: readonly string[] } | { readonly kind: 'in-cluster' };

function sourceOf({ kubeconfig, env }: KubeconfigOptions): Source {
  const fromEnv = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  const files = kubeconfig === undefined ? fromEnv : [kubeconfig];
  // kubectl passes over files of the list that are not there, as long as one is.
  const present = files.filter((file) => existsSync(file));
  if (present.length > 0) return { kind: 'files', files: present };
  if (files.length > 0) {
    throw new ApiError(`no kubeconfig at ${files.join(', ')}`, {
      code: 'NO_KUBECONFIG',
      exit: EXIT.unreachable,
      hints: [kubeconfig === undefined ? 'Correct KUBECONFIG.' : 'Correct --kubeconfig.', ...adminHint()],
    });
  }
  const usual = join(env['HOME'] ?? homedir(), '.kube', 'config');
  if (existsSync(usual)) return { kind: 'files', files: [usual] };
  if (env['KUBERNETES_SERVICE_HOST'] !== undefined && existsSync(`${SERVICE_ACCOUNT}/token`)) {
    return { kind: 'in-cluster' };
  }
  throw new ApiError('no kubeconfig: neither --kubeconfig, KUBECONFIG nor ~/.kube/config leads to one', {
    code: 'NO_KUBECONFIG',
    exit: EXIT.unreachable,
    hints: ['Give --kubeconfig FILE, or make a cluster with `kubevip init`.', ...adminHint()],
  });
}

function adminHint(): readonly string[] {
  const admin = '/etc/kubernetes/admin.conf';
  return existsSync(admin) ? [`On this control plane: --kubeconfig ${admin}`] : [];
}

function load(config: KubeConfig, source: Source): void {
  if (source.kind === 'in-cluster') {
    config.loadFromCluster();
    return;
  }
  const [first = '', ...others] = source.files;
  config.loadFromFile(first);
  for (const file of others) {
    const more = new KubeConfig();
    more.loadFromFile(file);
    merge(config, more);
  }
}

/** As kubectl merges: the first file that says something wins. */
function merge(config: KubeConfig, more: KubeConfig): void {
  for (const cluster of more.clusters) if (!config.getCluster(cluster.name)) config.addCluster(cluster);
  for (const user of more.users) if (!config.getUser(user.name)) config.addUser(user);
  for (const context of more.contexts) if (!config.getContextObject(context.name)) config.addContext(context);
  if (!config.currentContext && more.currentContext) config.setCurrentContext(more.currentContext);
}

function credentialsOf(config: KubeConfig, source: Source): Credentials {
  const name = config.getCurrentContext();
  const context = config.getContextObject(name);
  if (!context) {
    const known = config.contexts.map((one) => one.name).join(', ');
    throw badKubeconfig(
      source,
      name ? `there is no context "${name}"` : 'it has no current context',
      undefined,
      known === '' ? [] : [`Contexts in it: ${known}`],
    );
  }
  const cluster = config.getCurrentCluster();
  if (!cluster) throw badKubeconfig(source, `context "${name}" names cluster "${context.cluster}", which is not in it`);
  if (!config.getCurrentUser()) {
    throw badKubeconfig(source, `context "${name}" names user "${context.user}", which is not in it`);
  }
  if (!URL.canParse(cluster.server)) {
    throw badKubeconfig(source, `the server of cluster "${cluster.name}" is not a URL: ${cluster.server}`);
  }
  const server = new URL(cluster.server);
  // client-node refuses plain HTTP unless told not to verify; without TLS there is nothing to verify.
  if (server.protocol === 'http:') {
    config.clusters = config.clusters.map((one) => (one.name === cluster.name ? { ...one, skipTLSVerify: true } : one));
  }
  const proxied = cluster.proxyUrl !== undefined && cluster.proxyUrl !== '';
  return {
    server,
    context: source.kind === 'in-cluster' ? 'in-cluster' : name,
    namespace: context.namespace ?? 'default',
    authorize: async () => authorize(config, source, proxied),
  };
}

async function authorize(config: KubeConfig, source: Source, proxied: boolean): Promise<Authorization> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    throw badKubeconfig(source, `its credentials cannot be had: ${messageOf(error)}`, error);
  }
  const headers: Record<string, string> = {};
  for (const [key, value] of Object.entries(options.headers ?? {})) headers[key] = String(value);
  if (typeof options.auth === 'string') {
    headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
  const tls = Object.fromEntries(
    Object.entries({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  return proxied && options.agent !== undefined ? { headers, tls, proxy: options.agent } : { headers, tls };
}

function badKubeconfig(source: Source, problem: string, cause?: unknown, hints: readonly string[] = []): ApiError {
  const where = source.kind === 'in-cluster' ? 'the service account of this pod' : source.files.join(', ');
  return new ApiError(`the kubeconfig ${where} cannot be used: ${problem}`, {
    code: 'BAD_KUBECONFIG',
    exit: EXIT.usage,
    hints,
    cause,
  });
}
