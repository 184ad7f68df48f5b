/** The configuration files of kubeadm: documents of kubeadm.k8s.io/v1beta3 and v1beta4, with their defaults. */
import { existsSync, readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { isIP } from 'node:net';
import { parseAllDocuments, stringify } from 'yaml';
import { Failure } from './failure.ts';
import type { KubeadmRules } from './rules.ts';
import { firstAddress, parseServiceRanges } from '../../../../src/lab/apiserver/registry/service/ranges.ts';

export type Doc = Record<string, unknown>;

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

export interface NodeRegistration {
  readonly name: string;
  readonly criSocket: string;
  readonly taints: readonly Taint[] | undefined;
  readonly kubeletArgs: readonly { readonly name: string; readonly value: string }[];
  readonly ignorePreflightErrors: readonly string[];
}

export interface ClusterConfig {
  readonly clusterName: string;
  readonly kubernetesVersion: string;
  /** `host:port`, or empty. */
  readonly controlPlaneEndpoint: string;
  readonly podSubnet: string;
  readonly serviceSubnet: string;
  readonly dnsDomain: string;
  readonly certSans: readonly string[];
  readonly imageRepository: string;
}

export interface Endpoint {
  readonly advertiseAddress: string;
  readonly bindPort: number;
}

export interface BootstrapToken {
  readonly token: string;
  readonly description: string;
  readonly ttlMs: number;
  readonly usages: readonly string[];
  readonly groups: readonly string[];
}

export interface InitConfig {
  readonly cluster: ClusterConfig;
  readonly node: NodeRegistration;
  readonly endpoint: Endpoint;
  readonly tokens: readonly BootstrapToken[];
  readonly certificateKey: string;
  readonly skipPhases: readonly string[];
  readonly timeouts: Timeouts;
  readonly documents: readonly Doc[];
}

export interface JoinConfig {
  readonly node: NodeRegistration;
  readonly discovery: {
    readonly endpoint: string;
    readonly token: string;
    readonly caCertHashes: readonly string[];
    readonly unsafeSkip: boolean;
    readonly tlsBootstrapToken: string;
  };
  /** Undefined for a worker. */
  readonly controlPlane: { readonly endpoint: Endpoint; readonly certificateKey: string } | undefined;
  readonly skipPhases: readonly string[];
  readonly timeouts: Timeouts;
}

/** Milliseconds; constants/constants.go */
export interface Timeouts {
  readonly controlPlaneComponentHealthCheck: number;
  readonly kubeletHealthCheck: number;
  readonly kubernetesAPICall: number;
  readonly etcdAPICall: number;
  readonly tlsBootstrap: number;
  readonly discovery: number;
}

const MINUTE = 60_000;
const TIMEOUTS: Timeouts = {
  controlPlaneComponentHealthCheck: 4 * MINUTE,
  kubeletHealthCheck: 4 * MINUTE,
  kubernetesAPICall: MINUTE,
  etcdAPICall: 2 * MINUTE,
  tlsBootstrap: 5 * MINUTE,
  discovery: 5 * MINUTE,
};
const GROUP = 'kubeadm.k8s.io/';
const CRI_SOCKET = 'unix:///var/run/containerd/containerd.sock';
export const DEFAULT_GROUP = 'system:bootstrappers:kubeadm:default-node-token';
const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

export function at(doc: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Doc | undefined)?.[key], doc ?? undefined);
}

export function text(doc: unknown, path: string, otherwise = ''): string {
  const value = at(doc, path);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : otherwise;
}

export function list(doc: unknown, path: string): readonly Doc[] {
  const value = at(doc, path);
  return Array.isArray(value) ? (value as readonly Doc[]) : [];
}

export function strings(doc: unknown, path: string): readonly string[] {
  return list(doc, path).map(String);
}

export function taintsIn(doc: unknown, path: string): readonly Taint[] {
  return list(doc, path).map((taint) => {
    const value = text(taint, 'value');
    return { key: text(taint, 'key'), effect: text(taint, 'effect'), ...(value === '' ? {} : { value }) };
  });
}

/** @throws Failure when a document is not of kubeadm, or of a version it does not read */
export function readDocuments(path: string, rules: KubeadmRules): Doc[] {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch {
    throw new Failure(`unable to read config from "${path}" : open ${path}: no such file or directory`);
  }
  const documents = parseAllDocuments(source).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Failure(`error converting YAML to JSON: yaml: ${error.message}`);
    return (document.toJS() ?? {}) as Doc;
  });
  for (const { apiVersion, kind } of documents.filter((doc) => Object.keys(doc).length > 0)) {
    if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
      throw new Failure('invalid configuration: kind and apiVersion is mandatory information that must be specified');
    }
    if (!apiVersion.startsWith(GROUP) || rules.configVersions.includes(apiVersion.slice(GROUP.length))) continue;
    throw new Failure(`no kind "${kind}" is registered for version "${apiVersion}" in scheme`);
  }
  return documents.length > 0 ? documents : [{}];
}

function documentOf(documents: readonly Doc[], kind: string): Doc | undefined {
  return documents.find(({ kind: own }) => own === kind);
}

export function initConfig(documents: readonly Doc[], rules: KubeadmRules, patience: number): InitConfig {
  const init = documentOf(documents, 'InitConfiguration') ?? {};
  const cluster = documentOf(documents, 'ClusterConfiguration') ?? {};
  if (documents.length > 0 && Object.keys(init).length + Object.keys(cluster).length === 0) {
    throw new Failure('no InitConfiguration or ClusterConfiguration kind was found in the configuration file');
  }
  const tokens = list(init, 'bootstrapTokens').map(bootstrapToken);
  return {
    cluster: clusterConfig(cluster, rules),
    node: nodeRegistration(at(init, 'nodeRegistration')),
    endpoint: endpointOf(at(init, 'localAPIEndpoint')),
    tokens: tokens.length > 0 ? tokens : [bootstrapToken({})],
    certificateKey: certificateKey(at(init, 'certificateKey')),
    skipPhases: strings(init, 'skipPhases'),
    timeouts: timeoutsOf(at(init, 'timeouts'), patience),
    documents,
  };
}

export function joinConfig(documents: readonly Doc[], patience: number): JoinConfig {
  const join = documentOf(documents, 'JoinConfiguration');
  if (join === undefined) throw new Failure('no JoinConfiguration found in config file');
  const token = text(join, 'discovery.bootstrapToken.token');
  const endpoint = text(join, 'discovery.bootstrapToken.apiServerEndpoint');
  const hashes = strings(join, 'discovery.bootstrapToken.caCertHashes');
  const unsafeSkip = at(join, 'discovery.bootstrapToken.unsafeSkipCAVerification') === true;
  requireToken(token, 'discovery.bootstrapToken.token');
  if (hashes.length === 0 && !unsafeSkip) {
    throw new Failure(
      'discovery.bootstrapToken.caCertHashes: Invalid value: "": using token-based discovery without caCertHashes can be unsafe. Set unsafeSkipCAVerification as true in your kubeadm config file or pass --discovery-token-unsafe-skip-ca-verification flag to continue',
    );
  }
  for (const hash of hashes) {
    if (!/^sha256:[0-9a-f]{64}$/i.test(hash)) throw new Failure(`invalid hash "${hash}", expected "sha256:<hex>"`);
  }
  if (!/^\S+:\d+$/.test(endpoint)) {
    throw new Failure(
      `discovery.bootstrapToken.apiServerEndpoint: Invalid value: "${endpoint}": address ${endpoint}: missing port in address`,
    );
  }
  const plane = at(join, 'controlPlane');
  return {
    node: nodeRegistration(at(join, 'nodeRegistration')),
    discovery: {
      endpoint,
      token,
      caCertHashes: hashes,
      unsafeSkip,
      tlsBootstrapToken: text(join, 'discovery.tlsBootstrapToken', token),
    },
    controlPlane:
      plane === undefined || plane === null
        ? undefined
        : {
            endpoint: endpointOf(at(plane, 'localAPIEndpoint')),
            certificateKey: certificateKey(at(plane, 'certificateKey')),
          },
    skipPhases: strings(join, 'skipPhases'),
    timeouts: timeoutsOf(at(join, 'timeouts'), patience),
  };
}

export function clusterConfig(doc: Doc, rules: KubeadmRules): ClusterConfig {
  const endpoint = text(doc, 'controlPlaneEndpoint');
  return {
    clusterName: text(doc, 'clusterName', 'kubernetes'),
    kubernetesVersion: text(doc, 'kubernetesVersion', rules.version),
    // Without a port it is that of the API server: util/endpoint.go
    controlPlaneEndpoint: endpoint === '' || /:\d+$/.test(endpoint) ? endpoint : `${endpoint}:6443`,
    podSubnet: text(doc, 'networking.podSubnet'),
    serviceSubnet: text(doc, 'networking.serviceSubnet', '10.96.0.0/12'),
    dnsDomain: text(doc, 'networking.dnsDomain', 'cluster.local'),
    certSans: strings(doc, 'apiServer.certSANs'),
    imageRepository: text(doc, 'imageRepository', 'registry.k8s.io'),
  };
}

function nodeRegistration(doc: unknown): NodeRegistration {
  const extra = at(doc, 'kubeletExtraArgs');
  const pairs = Array.isArray(extra)
    ? (extra as { name: string; value: string }[])
    : Object.entries((extra ?? {}) as Record<string, string>).map(([name, value]) => ({ name, value }));
  return {
    name: text(doc, 'name', hostname()).toLowerCase(),
    criSocket: text(doc, 'criSocket', CRI_SOCKET),
    taints: Array.isArray(at(doc, 'taints')) ? taintsIn(doc, 'taints') : undefined,
    kubeletArgs: pairs,
    ignorePreflightErrors: strings(doc, 'ignorePreflightErrors'),
  };
}

function endpointOf(doc: unknown): Endpoint {
  const advertiseAddress = text(doc, 'advertiseAddress') || ownAddress();
  if (isIP(advertiseAddress) === 0) {
    throw new Failure(
      `couldn't use "${advertiseAddress}" as "apiserver-advertise-address", must be ipv4 or ipv6 address`,
    );
  }
  const own = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  if (!own.some(({ address }) => address === advertiseAddress)) {
    // The real one takes it, and etcd then cannot listen there: said early, because it is a mistake of the caller.
    throw new Failure(`advertise address ${advertiseAddress} is not an address of this node`);
  }
  return { advertiseAddress, bindPort: Number(text(doc, 'bindPort', '6443')) };
}

/** The first global address; the nodes of a world have one interface. */
function ownAddress(): string {
  const own = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const found = own.find(({ internal, address }) => !internal && !address.startsWith('fe80'));
  return found?.address ?? '';
}

function certificateKey(value: unknown): string {
  if (value === undefined || value === null || value === '') return '';
  if (typeof value !== 'string') {
    // A key of digits only that nobody has quoted is a number in YAML.
    throw new Failure(
      'json: cannot unmarshal number into Go struct field InitConfiguration.certificateKey of type string',
    );
  }
  if (!/^([0-9a-f]{2})*$/i.test(value))
    throw new Failure('certificateKey: Invalid value: must be a hex encoded string');
  if (value.length !== 64) {
    throw new Failure(
      `certificateKey: Invalid value: "${value}": invalid certificate key size ${value.length / 2}, the key must be an AES key of size 32`,
    );
  }
  return value;
}

export function bootstrapToken(doc: Doc): BootstrapToken {
  const token = text(doc, 'token') || randomToken();
  requireToken(token, 'bootstrapTokens[0].token');
  const usages = strings(doc, 'usages');
  const groups = strings(doc, 'groups');
  const expires = text(doc, 'expires');
  return {
    token,
    description: text(doc, 'description'),
    ttlMs: expires === '' ? duration(text(doc, 'ttl', '24h')) : Date.parse(expires) - Date.now(),
    usages: usages.length > 0 ? usages : ['signing', 'authentication'],
    groups: groups.length > 0 ? groups : [DEFAULT_GROUP],
  };
}

export function randomToken(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  const some = (count: number): string =>
    [...crypto.getRandomValues(new Uint8Array(count))].map((byte) => letters[byte % letters.length]).join('');
  return `${some(6)}.${some(16)}`;
}

export function requireToken(token: string, field: string): void {
  if (TOKEN.test(token)) return;
  throw new Failure(
    `${field}: Invalid value: "": the bootstrap token "${token}" was not of the form "\\A([a-z0-9]{6})\\.([a-z0-9]{16})\\z"`,
  );
}

/** `24h0m0s`, `15m`, `0`. @throws Failure */
export function duration(value: string): number {
  if (value === '0') return 0;
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: MINUTE, h: 60 * MINUTE };
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== value) {
    throw new Failure(`time: invalid duration "${value}"`);
  }
  return parts.reduce((sum, [, amount, unit = 's']) => sum + Number(amount) * (units[unit] ?? 0), 0);
}

function timeoutsOf(doc: unknown, patience: number): Timeouts {
  const entries = Object.entries(TIMEOUTS as unknown as Record<string, number>).map(([key, standard]) => {
    const given = text(doc, key);
    return [key, given === '' ? standard * patience : duration(given)] as const;
  });
  return Object.fromEntries(entries) as unknown as Timeouts;
}

/** ClusterConfiguration as it is kept in the cluster. */
export function clusterYaml(config: ClusterConfig, documents: readonly Doc[]): string {
  const doc = documentOf(documents, 'ClusterConfiguration') ?? {};
  return stringify({
    ...doc,
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'ClusterConfiguration',
    clusterName: config.clusterName,
    kubernetesVersion: config.kubernetesVersion,
    controlPlaneEndpoint: config.controlPlaneEndpoint,
    networking: {
      podSubnet: config.podSubnet,
      serviceSubnet: config.serviceSubnet,
      dnsDomain: config.dnsDomain,
    },
    imageRepository: config.imageRepository,
    certificatesDir: '/etc/kubernetes/pki',
    etcd: { local: { dataDir: '/var/lib/etcd' } },
  });
}

/** Names and addresses in the certificate of an API server: util/pkiutil, GetAPIServerAltNames. */
export function apiServerSans(config: ClusterConfig, node: NodeRegistration, endpoint: Endpoint): string[] {
  const host = config.controlPlaneEndpoint.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const [range = ''] = config.serviceSubnet.split(',');
  return [
    ...new Set([
      node.name,
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      `kubernetes.default.svc.${config.dnsDomain}`,
      ...parseServiceRanges(range).map(firstAddress),
      endpoint.advertiseAddress,
      ...(host === '' ? [] : [host]),
      ...config.certSans,
    ]),
  ];
}

export function exists(path: string): boolean {
  return existsSync(path);
}
