/** Kubeconfig files: who, and where (phases/kubeconfig). */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { at, text, type Doc, type Endpoint, type InitConfig, list } from './config.ts';
import { Failure, say, warn } from './failure.ts';
import { CONF } from './paths.ts';
import { load, makeCertificate, writeSecretFile, type Identity } from './pki.ts';
import type { KubeadmRules } from './rules.ts';

/** What a client needs to know. */
export interface Access {
  readonly server: string;
  /** PEM; undefined: whoever answers is believed. */
  readonly ca: string | undefined;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  readonly serverName?: string;
}

export function urlOf(address: string, port: number): string {
  return `https://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

export function kubeconfigYaml(access: Access, clusterName: string, user: string): string {
  const encode = (pem: string | undefined): string | undefined =>
    pem === undefined ? undefined : Buffer.from(pem).toString('base64');
  const context = `${user}@${clusterName}`;
  return stringify({
    apiVersion: 'v1',
    clusters: [
      { cluster: { 'certificate-authority-data': encode(access.ca), server: access.server }, name: clusterName },
    ],
    contexts: [{ context: { cluster: clusterName, user }, name: context }],
    'current-context': context,
    kind: 'Config',
    users: [
      {
        name: user,
        user:
          access.token === undefined
            ? { 'client-certificate-data': encode(access.cert), 'client-key-data': encode(access.key) }
            : { token: access.token },
      },
    ],
  });
}

/** @throws Failure when there is none, or none that can be read */
export function readKubeconfig(path: string): Access & { readonly user: string; readonly clusterName: string } {
  if (!existsSync(path)) throw new Failure(`failed to load admin kubeconfig: open ${path}: no such file or directory`);
  const doc = parse(readFileSync(path, 'utf8')) as Doc;
  const context = list(doc, 'contexts').find(({ name }) => name === doc['current-context']);
  const named = (key: string, name: string): unknown => list(doc, key).find((entry) => entry['name'] === name);
  const cluster = at(named('clusters', text(context, 'context.cluster')), 'cluster');
  const user = at(named('users', text(context, 'context.user')), 'user');
  const decode = (key: string, file: string): string | undefined => {
    const data = text(user, key);
    if (data !== '') return Buffer.from(data, 'base64').toString();
    const from = text(user, file);
    return from === '' ? undefined : readFileSync(from, 'utf8');
  };
  const [cert, key] = [
    decode('client-certificate-data', 'client-certificate'),
    decode('client-key-data', 'client-key'),
  ];
  const token = text(user, 'token');
  const serverName = text(cluster, 'tls-server-name');
  return {
    server: text(cluster, 'server'),
    ca: Buffer.from(text(cluster, 'certificate-authority-data'), 'base64').toString(),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(token === '' ? {} : { token }),
    ...(serverName === '' ? {} : { serverName }),
    user: text(context, 'context.user'),
    clusterName: text(context, 'context.cluster'),
  };
}

type ConfName = Exclude<keyof typeof CONF, 'bootstrapKubelet'>;

function specs(
  { cluster, node, endpoint }: Pick<InitConfig, 'cluster' | 'node' | 'endpoint'>,
  rules: KubeadmRules,
): Record<ConfName, { who: Identity; server: string }> {
  const local = urlOf(endpoint.advertiseAddress, endpoint.bindPort);
  const shared = cluster.controlPlaneEndpoint === '' ? local : `https://${cluster.controlPlaneEndpoint}`;
  const admins = rules.superAdmin ? 'kubeadm:cluster-admins' : 'system:masters';
  return {
    admin: { who: { name: 'kubernetes-admin', groups: [admins] }, server: shared },
    superAdmin: { who: { name: 'kubernetes-super-admin', groups: ['system:masters'] }, server: shared },
    kubelet: {
      who: { name: `system:node:${node.name}`, groups: ['system:nodes'] },
      server: rules.kubeletLocal ? local : shared,
    },
    controllerManager: { who: { name: 'system:kube-controller-manager' }, server: local },
    scheduler: { who: { name: 'system:kube-scheduler' }, server: local },
  };
}

/** `init` makes all of them; a joining control plane no super-admin.conf and no kubelet.conf. */
export const INIT_CONFS = (rules: KubeadmRules): ConfName[] => [
  'admin',
  ...(rules.superAdmin ? (['superAdmin'] as const) : []),
  'kubelet',
  'controllerManager',
  'scheduler',
];
export const JOIN_CONFS: readonly ConfName[] = ['admin', 'controllerManager', 'scheduler'];

/** Writes those that are not there; one that is there is used if its authority is the same. */
export async function ensureKubeconfigs(
  config: Pick<InitConfig, 'cluster' | 'node' | 'endpoint'>,
  rules: KubeadmRules,
  names: readonly ConfName[],
): Promise<void> {
  const ca = load('ca');
  const wanted = specs(config, rules);
  for (const name of names) {
    const path = CONF[name];
    const { who, server } = wanted[name];
    if (existsSync(path)) {
      requireSameAuthority(path, ca.cert, server);
      say(`[kubeconfig] Using existing kubeconfig file: "${path}"`);
      continue;
    }
    say(`[kubeconfig] Writing "${path.slice(path.lastIndexOf('/') + 1)}" kubeconfig file`);
    const pair = await makeCertificate(ca, who);
    writeSecretFile(path, kubeconfigYaml({ server, ca: ca.cert, ...pair }, config.cluster.clusterName, who.name));
  }
}

/** Another server is only worth a warning: phases/kubeconfig/kubeconfig.go, validateKubeConfig. */
function requireSameAuthority(path: string, ca: string, server: string): void {
  const found = readKubeconfig(path);
  if (found.ca === undefined || fingerprint(found.ca) !== fingerprint(ca)) {
    throw new Failure(
      `a kubeconfig file "${path}" exists but does not contain a trusted CA in its current context's cluster. ` +
        'Total CA certificates found: 1',
    );
  }
  if (found.server !== server) {
    warn(
      `W a kubeconfig file "${path}" exists already but has an unexpected API Server URL: expected: ${server}, got: ${found.server}`,
    );
  }
}

function fingerprint(pem: string): string {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    return '';
  }
}

/** In memory, the API server of this node in place of the control-plane endpoint. */
export function pointToLocal<T extends Access>(access: T, endpoint: Endpoint): T {
  return { ...access, server: urlOf(endpoint.advertiseAddress, endpoint.bindPort) };
}
