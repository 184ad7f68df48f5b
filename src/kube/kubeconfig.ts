/** kubeconfig files: found, merged and read as kubectl does. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { EXIT, messageOf } from '../model/errors.ts';
import { ApiError } from './errors.ts';
import { hostPort } from '../model/ip.ts';

export interface KubeconfigOptions {
  /** Path of a kubeconfig; otherwise KUBECONFIG, ~/.kube/config, or the pod's service account, in this order. */
  readonly kubeconfig?: string;
  /** Context by name; otherwise the current one. */
  readonly context?: string;
  /** A kubeconfig itself, instead of a file: what is only in memory is in nobody's file. Paths in it are absolute. */
  readonly content?: string;
  /** Environment, for KUBECONFIG, HOME and the service account. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The fields of a kubeconfig that we read; paths are absolute. */
export interface ClusterEntry {
  readonly server?: unknown;
  readonly 'certificate-authority'?: string;
  readonly 'certificate-authority-data'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
  readonly 'tls-server-name'?: string;
  readonly 'proxy-url'?: string;
}
export interface UserEntry {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly 'client-certificate'?: string;
  readonly 'client-certificate-data'?: string;
  readonly 'client-key'?: string;
  readonly 'client-key-data'?: string;
  readonly as?: string;
  readonly 'as-groups'?: readonly string[];
  /** These two need client-node. */
  readonly exec?: object;
  readonly 'auth-provider'?: object;
}

/** One context of a kubeconfig, resolved. */
export interface Selected {
  /** Where it is from, for messages. */
  readonly source: string;
  /** The files that were read; none for a service account. */
  readonly files: readonly string[];
  readonly context: string;
  readonly namespace: string;
  readonly server: URL;
  readonly cluster: ClusterEntry;
  readonly user: UserEntry;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** @throws ApiError NO_KUBECONFIG, BAD_KUBECONFIG */
export function selectContext(options: KubeconfigOptions): Selected {
  const files = options.content === undefined ? filesOf(options) : [];
  if (files === undefined) return inCluster(options.env);
  const source = options.content === undefined ? files.join(', ') : 'in memory';
  const merged =
    options.content === undefined
      ? files.map((file) => readKubeconfig(file, readFileSync)).reduce(merge)
      : readKubeconfig('/', () => options.content ?? '');
  const name = options.context ?? merged.current;
  const context = name === undefined ? undefined : merged.contexts.get(name);
  if (name === undefined || !context) {
    const known = [...merged.contexts.keys()].join(', ');
    const problem = name === undefined ? 'it has no current context' : `there is no context "${name}"`;
    throw badKubeconfig(source, problem, { hints: known === '' ? [] : [`Contexts in it: ${known}`] });
  }
  const lookUp = <T>(kind: string, entries: ReadonlyMap<string, T>): T => {
    const wanted = text(context[kind]) ?? '';
    const found = entries.get(wanted);
    if (found === undefined) {
      throw badKubeconfig(source, `context "${name}" names ${kind} "${wanted}", which is not in it`);
    }
    return found;
  };
  const cluster = lookUp('cluster', merged.clusters);
  const user = lookUp('user', merged.users);
  const server = text(cluster.server) ?? '';
  if (!/^https?:\/\//.test(server) || !URL.canParse(server)) {
    throw badKubeconfig(source, `the server of context "${name}" is not a URL: ${JSON.stringify(cluster.server)}`);
  }
  return {
    source,
    files,
    context: name,
    namespace: text(context['namespace']) ?? 'default',
    server: new URL(server),
    cluster,
    user,
  };
}

/** An error for a kubeconfig that cannot be used. */
export function badKubeconfig(
  source: string,
  problem: string,
  details: { readonly hints?: readonly string[]; readonly cause?: unknown } = {},
): ApiError {
  return new ApiError(`the kubeconfig ${source} cannot be used: ${problem}`, {
    code: 'BAD_KUBECONFIG',
    exit: EXIT.usage,
    ...details,
  });
}

/** Undefined: the service account of the pod. */
function filesOf({ kubeconfig, env }: KubeconfigOptions): readonly string[] | undefined {
  const fromEnv = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  const files = kubeconfig === undefined ? fromEnv : [kubeconfig];
  // kubectl passes over files of the list that are not there, as long as one is.
  const present = files.filter((file) => existsSync(file));
  if (present.length > 0) return present;
  if (files.length > 0) {
    throw new ApiError(`no kubeconfig at ${files.join(', ')}`, {
      code: 'NO_KUBECONFIG',
      exit: EXIT.unreachable,
      hints: [kubeconfig === undefined ? 'Correct KUBECONFIG.' : 'Correct --kubeconfig.', ...adminHint()],
    });
  }
  const usual = join(env['HOME'] ?? homedir(), '.kube', 'config');
  if (existsSync(usual)) return [usual];
  if (env['KUBERNETES_SERVICE_HOST'] !== undefined && existsSync(`${SERVICE_ACCOUNT}/token`)) return undefined;
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

function inCluster(env: KubeconfigOptions['env']): Selected {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  const namespaceFile = `${SERVICE_ACCOUNT}/namespace`;
  return {
    source: 'of this pod’s service account',
    files: [],
    context: 'in-cluster',
    namespace: existsSync(namespaceFile) ? readFileSync(namespaceFile, 'utf8').trim() : 'default',
    server: new URL(`https://${hostPort(host, port)}`),
    cluster: { 'certificate-authority': `${SERVICE_ACCOUNT}/ca.crt` },
    user: { tokenFile: `${SERVICE_ACCOUNT}/token` },
  };
}

interface Kubeconfig {
  readonly current: string | undefined;
  readonly clusters: ReadonlyMap<string, ClusterEntry>;
  readonly users: ReadonlyMap<string, UserEntry>;
  readonly contexts: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

function readKubeconfig(file: string, read: (file: string, encoding: 'utf8') => string): Kubeconfig {
  let content: unknown;
  try {
    content = parse(read(file, 'utf8'));
  } catch (error) {
    throw badKubeconfig(file, messageOf(error).split('\n', 1)[0] ?? '', { cause: error });
  }
  if (!isRecord(content)) throw badKubeconfig(file, 'it is not a mapping with clusters, users and contexts');
  const entries = (list: string, item: string): Map<string, Record<string, unknown>> => {
    const all = Array.isArray(content[list]) ? (content[list] as readonly unknown[]) : [];
    return new Map(
      all.flatMap((one) => {
        const name = isRecord(one) ? text(one['name']) : undefined;
        return isRecord(one) && name !== undefined ? [[name, withAbsolutePaths(one[item], file)] as const] : [];
      }),
    );
  };
  return {
    current: text(content['current-context']),
    clusters: entries('clusters', 'cluster'),
    users: entries('users', 'user'),
    contexts: entries('contexts', 'context'),
  };
}

/** Paths in a kubeconfig are relative to it. */
function withAbsolutePaths(entry: unknown, file: string): Record<string, unknown> {
  if (!isRecord(entry)) return {};
  const paths = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'];
  return Object.fromEntries(
    Object.entries(entry).map(([key, value]) => [
      key,
      paths.includes(key) && typeof value === 'string' && value !== '' ? resolve(dirname(file), value) : value,
    ]),
  );
}

/** As kubectl merges: the first file that says something wins. */
function merge(first: Kubeconfig, then: Kubeconfig): Kubeconfig {
  return {
    current: first.current ?? then.current,
    clusters: new Map([...then.clusters, ...first.clusters]),
    users: new Map([...then.users, ...first.users]),
    contexts: new Map([...then.contexts, ...first.contexts]),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
