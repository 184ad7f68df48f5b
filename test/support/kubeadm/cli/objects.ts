/** What kubeadm puts into a cluster: tokens, certificates, configuration, roles (phases/bootstraptoken, copycerts, …). */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import type { Api } from './api.ts';
import {
  DEFAULT_GROUP,
  randomToken,
  text,
  type BootstrapToken,
  type Doc,
  type InitConfig,
  clusterYaml,
} from './config.ts';
import { Failure, say } from './failure.ts';
import { PKI } from './paths.ts';
import { writeSecretFile } from './pki.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const SYSTEM = '/api/v1/namespaces/kube-system';
export const SECRETS = `${SYSTEM}/secrets`;
const PUBLIC_CONFIG_MAPS = '/api/v1/namespaces/kube-public/configmaps';
const CERT_TOKEN_MS = 2 * 3600 * 1000;

const encode = (value: string | Buffer): string => Buffer.from(value).toString('base64');

export function tokenSecret({ token, description, ttlMs, usages, groups }: BootstrapToken): Doc & { metadata: Doc } {
  const [id = '', secret = ''] = token.split('.');
  // Go writes RFC 3339 without fractions.
  const expiration = new Date(Date.now() + ttlMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    data: {
      'token-id': encode(id),
      'token-secret': encode(secret),
      ...(description === '' ? {} : { description: encode(description) }),
      ...(ttlMs > 0 ? { expiration: encode(expiration) } : {}),
      ...Object.fromEntries(usages.map((usage) => [`usage-bootstrap-${usage}`, encode('true')])),
      ...(groups.length === 0 ? {} : { 'auth-extra-groups': encode(groups.join(',')) }),
    },
  };
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}
type SubjectKind = readonly ['Group' | 'User', string];

function binding(
  kind: 'ClusterRoleBinding' | 'RoleBinding',
  name: string,
  role: string,
  subjects: readonly SubjectKind[],
): Doc & { metadata: Doc } {
  const apiGroup = 'rbac.authorization.k8s.io';
  return {
    apiVersion: `${apiGroup}/v1`,
    kind,
    metadata: { name },
    roleRef: { apiGroup, kind: kind === 'RoleBinding' ? 'Role' : 'ClusterRole', name: role },
    subjects: subjects.map(([subject, subjectName]) => ({ apiGroup, kind: subject, name: subjectName })),
  };
}

export function clusterAdmins(): Doc & { metadata: Doc } {
  return binding('ClusterRoleBinding', 'kubeadm:cluster-admins', 'cluster-admin', [
    ['Group', 'kubeadm:cluster-admins'],
  ]);
}
export const CLUSTER_ROLE_BINDINGS = `${RBAC}/clusterrolebindings`;

async function roleFor(
  api: Api,
  namespace: string,
  name: string,
  rule: Omit<Rule, 'apiGroups' | 'verbs'>,
  subjects: readonly SubjectKind[],
): Promise<void> {
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name },
    rules: [{ apiGroups: [''], verbs: ['get'], ...rule }],
  };
  await api.put(`${RBAC}/namespaces/${namespace}/roles`, role);
  await api.put(`${RBAC}/namespaces/${namespace}/rolebindings`, binding('RoleBinding', name, name, subjects));
}

const NODES_AND_TOKENS: readonly SubjectKind[] = [
  ['Group', DEFAULT_GROUP],
  ['Group', 'system:nodes'],
];

export async function uploadConfig(api: Api, config: InitConfig): Promise<void> {
  say('[upload-config] Storing the configuration used in ConfigMap "kubeadm-config" in the "kube-system" Namespace');
  const configMap = (name: string, data: Doc): Doc & { metadata: Doc } => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'kube-system' },
    data,
  });
  const kubeadm = { ClusterConfiguration: clusterYaml(config.cluster, config.documents) };
  await api.put(`${SYSTEM}/configmaps`, configMap('kubeadm-config', kubeadm));
  await roleFor(
    api,
    'kube-system',
    'kubeadm:nodes-kubeadm-config',
    { resources: ['configmaps'], resourceNames: ['kubeadm-config'] },
    NODES_AND_TOKENS,
  );
  say(
    '[kubelet] Creating a ConfigMap "kubelet-config" in namespace kube-system with the configuration for the kubelets in the cluster',
  );
  await api.put(`${SYSTEM}/configmaps`, configMap('kubelet-config', { kubelet: kubeletYaml(config.documents) }));
  await roleFor(
    api,
    'kube-system',
    'kubeadm:kubelet-config',
    { resources: ['configmaps'], resourceNames: ['kubelet-config'] },
    NODES_AND_TOKENS,
  );
}

export function kubeletYaml(documents: readonly Doc[]): string {
  const own = documents.find(({ kind }) => kind === 'KubeletConfiguration') ?? {};
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    staticPodPath: '/etc/kubernetes/manifests',
    healthzBindAddress: '127.0.0.1',
    healthzPort: 10_248,
    ...own,
  });
}

/** @param kubeconfig of the administrator, for the address and the authority of the cluster */
export async function bootstrapTokens(
  api: Api,
  config: InitConfig,
  access: { server: string; ca: string },
): Promise<void> {
  say('[bootstrap-token] Configuring bootstrap tokens, cluster-info ConfigMap, RBAC Roles');
  for (const token of config.tokens) await api.put(SECRETS, tokenSecret(token));
  const getNodes = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'kubeadm:get-nodes' },
    rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }],
  };
  await api.put(`${RBAC}/clusterroles`, getNodes);
  const bindings: readonly [string, string, string][] = [
    ['kubeadm:get-nodes', 'kubeadm:get-nodes', DEFAULT_GROUP],
    ['kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', DEFAULT_GROUP],
    [
      'kubeadm:node-autoapprove-bootstrap',
      'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
      DEFAULT_GROUP,
    ],
    [
      'kubeadm:node-autoapprove-certificate-rotation',
      'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
      'system:nodes',
    ],
  ];
  for (const [name, role, group] of bindings) {
    await api.put(CLUSTER_ROLE_BINDINGS, binding('ClusterRoleBinding', name, role, [['Group', group]]));
  }
  say('[bootstrap-token] Creating the "cluster-info" ConfigMap in the "kube-public" namespace');
  const kubeconfig = stringify({
    apiVersion: 'v1',
    clusters: [{ cluster: { 'certificate-authority-data': encode(access.ca), server: access.server }, name: '' }],
    contexts: null,
    'current-context': '',
    kind: 'Config',
    preferences: {},
    users: null,
  });
  await api.put(PUBLIC_CONFIG_MAPS, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cluster-info', namespace: 'kube-public' },
    data: { kubeconfig },
  });
  await roleFor(
    api,
    'kube-public',
    'kubeadm:bootstrap-signer-clusterinfo',
    { resources: ['configmaps'], resourceNames: ['cluster-info'] },
    [['User', 'system:anonymous']],
  );
}

/** Files that control planes share. */
const SHARED = ['ca', 'front-proxy-ca', 'etcd/ca'].flatMap((name) => [`${name}.crt`, `${name}.key`]);
const SHARED_FILES = [...SHARED, 'sa.pub', 'sa.key'];
const secretKey = (file: string): string => file.replaceAll('/', '-');

/** @param key hex of 32 bytes */
export async function uploadCerts(api: Api, key: string): Promise<void> {
  say('[upload-certs] Storing the certificates in Secret "kubeadm-certs" in the "kube-system" Namespace');
  const token = tokenSecret({
    token: randomToken(),
    description: 'Proxy for managing TTL for the kubeadm-certs secret',
    ttlMs: CERT_TOKEN_MS,
    usages: [],
    groups: [],
  });
  const owner = await api.call('POST', SECRETS, token);
  const { name, uid } = owner['metadata'] as Doc;
  const data = SHARED_FILES.filter((file) => existsSync(`${PKI}/${file}`)).map((file) => [
    secretKey(file),
    encode(encrypt(readFileSync(`${PKI}/${file}`), key)),
  ]);
  await api.put(SECRETS, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'kubeadm-certs',
      namespace: 'kube-system',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Secret', name, uid, controller: true, blockOwnerDeletion: true }],
    },
    data: Object.fromEntries(data) as Doc,
  });
  await roleFor(
    api,
    'kube-system',
    'kubeadm:kubeadm-certs',
    { resources: ['secrets'], resourceNames: ['kubeadm-certs'] },
    [['Group', DEFAULT_GROUP]],
  );
}

export async function downloadCerts(api: Api, key: string): Promise<void> {
  say('[download-certs] Downloading the certificates in Secret "kubeadm-certs" in the "kube-system" Namespace');
  const { code, body } = await api.ask('GET', `${SECRETS}/kubeadm-certs`);
  if (code === 404) {
    throw new Failure(
      'error downloading certs: error downloading the secret: Secret "kubeadm-certs" was not found in the "kube-system" Namespace. This Secret might have expired. Please, run `kubeadm init phase upload-certs --upload-certs` on a control plane to generate a new one',
    );
  }
  if (code !== 200)
    throw new Failure(`error downloading certs: error downloading the secret: ${text(body, 'message')}`);
  say(`[download-certs] Saving the certificates to the folder: "${PKI}"`);
  for (const file of SHARED_FILES) {
    const sealed = ((body['data'] ?? {}) as Record<string, string | undefined>)[secretKey(file)];
    if (sealed === undefined || sealed === '') continue;
    writeSecretFile(`${PKI}/${file}`, decrypt(Buffer.from(sealed, 'base64'), key), /key$/.test(file) ? 0o600 : 0o644);
  }
}

/** AES-256-GCM, the nonce in front: util/crypto. */
function encrypt(content: Buffer, key: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key, 'hex'), nonce);
  return Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(sealed: Buffer, key: string): string {
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(key, 'hex'), sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString();
  } catch {
    throw new Failure(
      'error downloading certs: error decoding secret data with provided key: cipher: message authentication failed',
    );
  }
}

const APPS = '/apis/apps/v1/namespaces/kube-system';

/** The add-ons; what their pods do here is nothing, or somebody else's (node/proxy.ts). */
export async function addons(api: Api, config: InitConfig, skipped: (addon: string) => boolean): Promise<void> {
  const { imageRepository, kubernetesVersion } = config.cluster;
  const workload = (kind: string, name: string, image: string, more: Doc): Doc & { metadata: Doc } => ({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: 'kube-system', labels: { 'k8s-app': name } },
    spec: {
      ...more,
      selector: { matchLabels: { 'k8s-app': name } },
      template: {
        metadata: { labels: { 'k8s-app': name } },
        spec: {
          containers: [{ name, image }],
          hostNetwork: true,
          serviceAccountName: name,
          tolerations: [{ operator: 'Exists' }],
        },
      },
    },
  });
  const account = (name: string): Doc & { metadata: Doc } => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace: 'kube-system' },
  });
  if (!skipped('coredns')) {
    await api.put(`${SYSTEM}/serviceaccounts`, account('coredns'));
    const image = `${imageRepository}/coredns/coredns:v1.14.2`;
    await api.put(`${APPS}/deployments`, workload('Deployment', 'coredns', image, { replicas: 2 }));
    say('[addons] Applied essential addon: CoreDNS');
  }
  if (!skipped('kube-proxy')) {
    await api.put(`${SYSTEM}/serviceaccounts`, account('kube-proxy'));
    const image = `${imageRepository}/kube-proxy:${kubernetesVersion}`;
    await api.put(`${APPS}/daemonsets`, workload('DaemonSet', 'kube-proxy', image, {}));
    say('[addons] Applied essential addon: kube-proxy');
  }
}
