/** The static pods of a control plane (phases/controlplane/manifests.go, phases/etcd/local.go). */
import { mkdirSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import type { ClusterConfig, Endpoint } from './config.ts';
import { say } from './failure.ts';
import { CONF, ETCD_DATA, manifestOf, MANIFESTS, PKI } from './paths.ts';
import { urlOf } from './kubeconfig.ts';

interface Component {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly mounts: readonly { readonly name: string; readonly path: string; readonly readOnly: boolean }[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface EtcdMember {
  readonly name: string;
  readonly peerUrl: string;
}

const ETCD_TAG = '3.6.8-0';

export function imagesOf({ imageRepository, kubernetesVersion }: ClusterConfig): string[] {
  return [
    ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'].map(
      (name) => `${imageRepository}/${name}:${kubernetesVersion}`,
    ),
    `${imageRepository}/coredns/coredns:v1.14.2`,
    `${imageRepository}/pause:3.10.2`,
    `${imageRepository}/etcd:${ETCD_TAG}`,
  ];
}

export function writeControlPlane(config: ClusterConfig, endpoint: Endpoint): void {
  say(`[control-plane] Using manifest folder "${MANIFESTS}"`);
  for (const component of controlPlane(config, endpoint)) {
    say(`[control-plane] Creating static Pod manifest for "${component.name}"`);
    write(component);
  }
}

/** `members` empty: a new cluster of its own. */
export function writeEtcd(
  config: ClusterConfig,
  endpoint: Endpoint,
  nodeName: string,
  members: readonly EtcdMember[],
): void {
  const peer = urlOf(endpoint.advertiseAddress, 2380);
  const client = urlOf(endpoint.advertiseAddress, 2379);
  const cluster = members.length === 0 ? [{ name: nodeName, peerUrl: peer }] : members;
  mkdirSync(ETCD_DATA, { recursive: true, mode: 0o700 });
  write({
    name: 'etcd',
    image: `${config.imageRepository}/etcd:${ETCD_TAG}`,
    command: [
      'etcd',
      `--advertise-client-urls=${client}`,
      `--cert-file=${PKI}/etcd/server.crt`,
      '--client-cert-auth=true',
      `--data-dir=${ETCD_DATA}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${cluster.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')}`,
      ...(members.length === 0 ? [] : ['--initial-cluster-state=existing']),
      `--key-file=${PKI}/etcd/server.key`,
      `--listen-client-urls=${loopbackOf(endpoint, 2379)},${client}`,
      `--listen-peer-urls=${peer}`,
      `--name=${nodeName}`,
      `--peer-cert-file=${PKI}/etcd/peer.crt`,
      '--peer-client-cert-auth=true',
      `--peer-key-file=${PKI}/etcd/peer.key`,
      `--peer-trusted-ca-file=${PKI}/etcd/ca.crt`,
      `--trusted-ca-file=${PKI}/etcd/ca.crt`,
    ],
    mounts: [
      { name: 'etcd-data', path: ETCD_DATA, readOnly: false },
      { name: 'etcd-certs', path: `${PKI}/etcd`, readOnly: true },
    ],
    annotations: { 'kubeadm.kubernetes.io/etcd.advertise-client-urls': client },
  });
}

function loopbackOf({ advertiseAddress }: Endpoint, port: number): string {
  return urlOf(advertiseAddress.includes(':') ? '::1' : '127.0.0.1', port);
}

function controlPlane(config: ClusterConfig, endpoint: Endpoint): Component[] {
  const certificates = { name: 'k8s-certs', path: PKI, readOnly: true };
  const image = (name: string): string => `${config.imageRepository}/${name}:${config.kubernetesVersion}`;
  return [
    {
      name: 'kube-apiserver',
      image: image('kube-apiserver'),
      command: [
        'kube-apiserver',
        `--advertise-address=${endpoint.advertiseAddress}`,
        '--allow-privileged=true',
        '--authorization-mode=Node,RBAC',
        `--client-ca-file=${PKI}/ca.crt`,
        '--enable-bootstrap-token-auth=true',
        `--etcd-servers=${loopbackOf(endpoint, 2379)}`,
        `--secure-port=${endpoint.bindPort}`,
        `--service-account-signing-key-file=${PKI}/sa.key`,
        `--service-cluster-ip-range=${config.serviceSubnet}`,
        `--tls-cert-file=${PKI}/apiserver.crt`,
        `--tls-private-key-file=${PKI}/apiserver.key`,
      ],
      mounts: [certificates],
      annotations: {
        'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint': `${endpoint.advertiseAddress}:${endpoint.bindPort}`,
      },
    },
    {
      name: 'kube-controller-manager',
      image: image('kube-controller-manager'),
      command: [
        'kube-controller-manager',
        '--bind-address=127.0.0.1',
        ...(config.podSubnet === '' ? [] : ['--allocate-node-cidrs=true', `--cluster-cidr=${config.podSubnet}`]),
        `--cluster-signing-cert-file=${PKI}/ca.crt`,
        `--cluster-signing-key-file=${PKI}/ca.key`,
        '--controllers=*,bootstrapsigner,tokencleaner',
        `--kubeconfig=${CONF.controllerManager}`,
      ],
      mounts: [certificates, { name: 'kubeconfig', path: CONF.controllerManager, readOnly: true }],
    },
    {
      name: 'kube-scheduler',
      image: image('kube-scheduler'),
      command: ['kube-scheduler', '--bind-address=127.0.0.1', `--kubeconfig=${CONF.scheduler}`],
      mounts: [{ name: 'kubeconfig', path: CONF.scheduler, readOnly: true }],
    },
  ];
}

function write({ name, image, command, mounts, annotations }: Component): void {
  mkdirSync(MANIFESTS, { recursive: true, mode: 0o700 });
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(annotations === undefined ? {} : { annotations }),
      labels: { component: name, tier: 'control-plane' },
      name,
      namespace: 'kube-system',
    },
    spec: {
      containers: [
        {
          command,
          image,
          imagePullPolicy: 'IfNotPresent',
          name,
          volumeMounts: mounts.map((mount) => ({ mountPath: mount.path, name: mount.name, readOnly: mount.readOnly })),
        },
      ],
      hostNetwork: true,
      priority: 2_000_001_000,
      priorityClassName: 'system-node-critical',
      volumes: mounts.map((mount) => ({
        hostPath: { path: mount.path, type: mount.path.endsWith('.conf') ? 'FileOrCreate' : 'DirectoryOrCreate' },
        name: mount.name,
      })),
    },
  };
  writeFileSync(manifestOf(name), stringify(pod), { mode: 0o600 });
}
