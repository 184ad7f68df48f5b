/** Kubeconfigs as text: those that kubeadm writes, made to lead elsewhere, and merged into a person's own. */
import { createHash, X509Certificate } from 'node:crypto';
import { isMap, isSeq, parse, parseDocument, stringify, type Document, type YAMLMap } from 'yaml';
import { KubevipError, messageOf } from '../model/errors.ts';
import { hostPort } from '../model/ip.ts';

interface Named {
  readonly name: string;
}
interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly clusters?: readonly (Named & { readonly cluster: Readonly<Record<string, unknown>> })[];
  readonly users?: readonly (Named & { readonly user: Readonly<Record<string, unknown>> })[];
  readonly contexts?: readonly (Named & { readonly context: { readonly cluster: string; readonly user: string } })[];
}

export interface Destination {
  readonly server: string;
  /** Name in the server's certificate, where the address is not in it. */
  readonly serverName?: string;
}

/** The same identity, sent elsewhere. @throws KubevipError BAD_ADMIN_KUBECONFIG */
export function pointAt(kubeconfig: string, { server, serverName }: Destination): string {
  const content = read(kubeconfig);
  const clusters = content.clusters?.map((entry) => ({
    ...entry,
    cluster: { ...entry.cluster, server, ...(serverName === undefined ? {} : { 'tls-server-name': serverName }) },
  }));
  return stringify({ ...content, clusters }, { lineWidth: 0 });
}

/** How a process on a control plane reaches the API server of its own machine. */
export function loopback(port: number, family: 4 | 6): Destination {
  return { server: `https://${hostPort(family === 4 ? '127.0.0.1' : '::1', port)}`, serverName: 'kubernetes' };
}

/** The authority it trusts, in base64 as it stands there; undefined: none is in it. */
export function authorityOf(kubeconfig: string): string | undefined {
  const data = read(kubeconfig).clusters?.[0]?.cluster['certificate-authority-data'];
  return typeof data === 'string' ? data : undefined;
}

/** A bootstrap token, for a cluster whose authority is known. @param authority PEM of the one certificate trusted. */
export function tokenKubeconfig(server: string, authority: string, token: string): string {
  const data = Buffer.from(authority).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'cluster',
    clusters: [{ name: 'cluster', cluster: { server, 'certificate-authority-data': data } }],
    users: [{ name: 'token', user: { token } }],
    contexts: [{ name: 'cluster', context: { cluster: 'cluster', user: 'token' } }],
  });
}

/** SHA-256 of the public key of a CA certificate (SPKI, DER), as `caCertHashes` of kubeadm wants it, without `sha256:`. */
export function publicKeyHash(pem: string): string {
  const key = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('hex');
}

export interface Merged {
  readonly text: string;
  /** Name of the context. */
  readonly context: string;
}

/**
 * Puts the way to a cluster into a person's kubeconfig, under the cluster's name, and makes it the current context.
 * Comments and order of what is there are kept. What has that name already and does not lead to the same server, be it a
 * cluster, a user or a context, is left alone: ours gets a number.
 * @param existing undefined or empty: there is none yet.
 * @throws KubevipError BAD_USER_KUBECONFIG if what is there is no kubeconfig.
 */
export function mergeKubeconfig(existing: string | undefined, ours: string, name: string): Merged {
  const document = open(existing);
  const source = read(ours);
  const cluster = source.clusters?.[0]?.cluster ?? {};
  const user = source.users?.[0]?.user ?? {};
  const context = freeName(document, name, cluster['server']);
  put(document, 'clusters', { name: context, cluster });
  put(document, 'users', { name: userOf(context), user });
  put(document, 'contexts', { name: context, context: { cluster: context, user: userOf(context) } });
  document.set('current-context', context);
  return { text: String(document), context };
}

/** The current context of a person's kubeconfig; undefined: none is set. @throws KubevipError BAD_USER_KUBECONFIG */
export function currentContext(existing: string): string | undefined {
  const name = open(existing).get('current-context');
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/**
 * Takes out what {@link mergeKubeconfig} has put in. Undefined: nothing else is in it.
 * @param before context that was the current one; it is again, if it is still there and nobody has chosen another.
 */
export function unmergeKubeconfig(existing: string, context: string, before?: string): string | undefined {
  const document = open(existing);
  for (const [list, name] of [
    ['clusters', context],
    ['users', userOf(context)],
    ['contexts', context],
  ] as const) {
    const entries = document.get(list);
    if (isSeq(entries)) entries.items = entries.items.filter((item) => nameOf(item) !== name);
  }
  if (document.get('current-context') === context) {
    const there = before !== undefined && find(document, 'contexts', before) !== undefined;
    document.set('current-context', there ? before : '');
  }
  const rest = (document.toJS() as Kubeconfig | null) ?? {};
  const empty = [rest.clusters, rest.users, rest.contexts].every((list) => (list ?? []).length === 0);
  return empty ? undefined : String(document);
}

/** Whether a context of that name leads to the same server with the same authority. */
export function leadsTo(existing: string, context: string, ours: string): boolean {
  const find = (text: string, name: string | undefined): Readonly<Record<string, unknown>> | undefined => {
    const { clusters } = read(text);
    return (name === undefined ? clusters?.[0] : clusters?.find((entry) => entry.name === name))?.cluster;
  };
  const [theirs, wanted] = [find(existing, context), find(ours, undefined)];
  const keys = ['server', 'certificate-authority-data'];
  return theirs !== undefined && wanted !== undefined && keys.every((key) => theirs[key] === wanted[key]);
}

function userOf(context: string): string {
  return `${context}-admin`;
}

function freeName(document: Document, name: string, server: unknown): string {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    const cluster = find(document, 'clusters', candidate);
    if (cluster !== undefined && cluster.getIn(['cluster', 'server']) === server) return candidate;
    const taken = cluster ?? find(document, 'contexts', candidate) ?? find(document, 'users', userOf(candidate));
    if (taken === undefined) return candidate;
  }
}

type List = 'clusters' | 'users' | 'contexts';

function put(document: Document, list: List, entry: Named & Readonly<Record<string, unknown>>): void {
  const node = document.createNode(entry);
  const entries = document.get(list);
  if (!isSeq(entries)) document.set(list, document.createNode([entry]));
  else {
    const at = entries.items.findIndex((item) => nameOf(item) === entry.name);
    if (at < 0) entries.items.push(node);
    else entries.items[at] = node;
  }
}

function find(document: Document, list: List, name: string): YAMLMap | undefined {
  const entries = document.get(list);
  const found = isSeq(entries) ? entries.items.find((item) => nameOf(item) === name) : undefined;
  return isMap(found) ? found : undefined;
}

function nameOf(item: unknown): unknown {
  return isMap(item) ? item.get('name') : undefined;
}

function open(existing: string | undefined): Document {
  const blank = existing === undefined || existing.trim() === '';
  const document = parseDocument(blank ? 'apiVersion: v1\nkind: Config\n' : existing);
  const [error] = document.errors;
  if (error !== undefined || !isMap(document.contents)) {
    throw new KubevipError(`your kubeconfig is not one: ${error?.message.split('\n', 1)[0] ?? 'it is not a map'}`, {
      code: 'BAD_USER_KUBECONFIG',
      hints: ['Mend it or move it away, or name another file with user.kubeconfig in the configuration.'],
    });
  }
  return document;
}

function read(kubeconfig: string): Kubeconfig {
  try {
    const content: unknown = parse(kubeconfig);
    if (typeof content === 'object' && content !== null) return content;
  } catch (cause) {
    throw broken(messageOf(cause).split('\n', 1)[0] ?? '', cause);
  }
  throw broken('it is not a map');
}

function broken(what: string, cause?: unknown): KubevipError {
  return new KubevipError(`a kubeconfig that kubeadm wrote cannot be read: ${what}`, {
    code: 'BAD_ADMIN_KUBECONFIG',
    cause,
  });
}
