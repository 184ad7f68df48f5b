/**
 * What kubeadm is told, as its own API has it: v1beta4, and v1beta3 for a kubeadm before 1.31, which knows no other.
 * Everything goes through one file of mode 0600, so that no secret is ever among arguments.
 */
import { stringify } from 'yaml';
import { LAN_DOMAIN } from '../names.ts';
import { controlPlaneEndpoint, type BootstrapConfig, type PatchableKind } from '../config.ts';
import type { JoinCode } from '../join-code.ts';
import type { KubernetesVersion } from '../kubernetes-version.ts';
import type { Ip } from '../../model/ip.ts';
import { mergePatch, type Document } from './merge-patch.ts';

/** What is to be known about the machine for it. */
export interface NodeFacts {
  readonly nodeName: string;
  /** One of each family of the cluster; the first is what the API server advertises. */
  readonly nodeIps: readonly [Ip, ...Ip[]];
  readonly kubeadm: KubernetesVersion;
  readonly cgroups: 1 | 2;
}

/** Random, and known to nobody else until they are put into a join code. */
export interface InitSecrets {
  /** `id.secret`, as bootstrap tokens are. */
  readonly token: string;
  /** 64 hexadecimal digits. */
  readonly certificateKey: string;
}

/** Documents for `kubeadm init`. Without secrets (`--dry-run`, phases that need none) kubeadm makes a token itself. */
export function initDocuments(config: BootstrapConfig, node: NodeFacts, secrets?: InitSecrets): Document[] {
  const init = {
    ...(secrets === undefined
      ? {}
      : {
          bootstrapTokens: [
            { token: secrets.token, ttl: INIT_TOKEN_TTL, description: 'kubevip join code (control-plane)' },
          ],
          certificateKey: secrets.certificateKey,
        }),
    localAPIEndpoint: { advertiseAddress: node.nodeIps[0], bindPort: config.controlPlane.port },
    nodeRegistration: nodeRegistration(config, node, true),
  };
  const cluster = {
    clusterName: config.clusterName,
    kubernetesVersion: config.kubernetesVersion ?? node.kubeadm.text,
    controlPlaneEndpoint: controlPlaneEndpoint(config),
    networking: { podSubnet: config.podSubnet, serviceSubnet: config.serviceSubnet },
    apiServer: { certSANs: certificateSans(config) },
  };
  const api = kubeadmApi(node.kubeadm);
  return documents(config, [
    ['InitConfiguration', api, init],
    ['ClusterConfiguration', api, cluster],
    ['KubeletConfiguration', 'kubelet.config.k8s.io/v1beta1', kubelet(node)],
    ['KubeProxyConfiguration', 'kubeproxy.config.k8s.io/v1alpha1', undefined],
  ]);
}

/** As long as the uploaded certificates live: a code that has one without the other would fail half-way. */
const INIT_TOKEN_TTL = '2h0m0s';

export function joinDocuments(
  config: BootstrapConfig,
  node: NodeFacts,
  code: JoinCode,
  role: 'control-plane' | 'worker',
): Document[] {
  const timeout = '1m0s';
  const join = {
    ...(isOldApi(node.kubeadm) ? {} : { timeouts: { discovery: timeout } }),
    discovery: {
      ...(isOldApi(node.kubeadm) ? { timeout } : {}),
      bootstrapToken: {
        token: code.token,
        apiServerEndpoint: code.endpoint,
        caCertHashes: [`sha256:${code.caHash}`],
      },
    },
    nodeRegistration: nodeRegistration(config, node, role === 'control-plane'),
    ...(role === 'worker'
      ? {}
      : {
          controlPlane: {
            certificateKey: code.certificateKey,
            localAPIEndpoint: { advertiseAddress: node.nodeIps[0], bindPort: config.controlPlane.port },
          },
        }),
  };
  return documents(config, [['JoinConfiguration', kubeadmApi(node.kubeadm), join]]);
}

/** YAML with every value quoted that is text: a certificate key may consist of digits alone. */
export function renderDocuments(all: readonly Document[]): string {
  return all
    .map((one) => stringify(one, { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN', lineWidth: 0 }))
    .join('---\n');
}

/** Names and addresses under which people will call the API: all are in its certificate. */
export function certificateSans(config: BootstrapConfig): string[] {
  const names = [...config.controlPlane.vip, `${config.clusterName}.${LAN_DOMAIN}`];
  return [...new Set([...names, ...config.kubeadm.extraSans])];
}

function nodeRegistration(config: BootstrapConfig, node: NodeFacts, controlPlane: boolean): Document {
  const nodeIp = node.nodeIps.join(',');
  return {
    name: node.nodeName,
    ...(config.criSocket === undefined ? {} : { criSocket: config.criSocket }),
    ...(config.kubeadm.ignorePreflightErrors.length === 0
      ? {}
      : { ignorePreflightErrors: config.kubeadm.ignorePreflightErrors }),
    // An empty list is no taint; an absent one is kubeadm's.
    ...(controlPlane && config.controlPlane.workloads ? { taints: [] } : {}),
    kubeletExtraArgs: isOldApi(node.kubeadm) ? { 'node-ip': nodeIp } : [{ name: 'node-ip', value: nodeIp }],
  };
}

/** Since 1.35 the kubelet refuses version 1 of control groups unless it is told not to. */
function kubelet(node: NodeFacts): Document | undefined {
  return node.cgroups === 1 && node.kubeadm.minor >= 35 ? { failCgroupV1: false } : undefined;
}

function isOldApi({ major, minor }: KubernetesVersion): boolean {
  return major === 1 && minor < 31;
}

function kubeadmApi(version: KubernetesVersion): string {
  return `kubeadm.k8s.io/${isOldApi(version) ? 'v1beta3' : 'v1beta4'}`;
}

type Draft = readonly [kind: PatchableKind, apiVersion: string, body: Document | undefined];

/** Those that have something to say, patched as the user wants. */
function documents({ kubeadm }: BootstrapConfig, drafts: readonly Draft[]): Document[] {
  return drafts.flatMap(([kind, apiVersion, body]) => {
    const patch = kubeadm.patches[kind];
    if (body === undefined && patch === undefined) return [];
    return [mergePatch({ apiVersion, kind, ...body }, patch ?? {})];
  });
}
