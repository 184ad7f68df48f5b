/** The control plane's agent as a static pod: kubelet starts it before there is an API server. */
import { agentContainer, NODE_NAME, value } from './container.ts';
import {
  AGENT_FOLDER,
  AGENT_KUBECONFIG,
  CONTROL_PLANE_LEASE,
  CONTROL_PLANE_PORT,
  IMAGE,
  labels,
  NAME,
  NAMESPACE,
} from './names.ts';
import type { EnvVar, PodManifest } from './objects.ts';

export interface StaticPodConfig {
  /** The control plane's address: `192.168.1.10`, `192.168.1.10,fd00::10`, or a DNS name. */
  readonly address: string;
  /** Where the API server listens. Default 6443. */
  readonly port?: number;
  /** Default: the interface whose subnet holds the address. */
  readonly interface?: string;
  readonly image?: string;
  /** Folder with the agent's kubeconfig, mounted read-only under the same path. Nothing else of the node is seen. */
  readonly folder?: string;
  /** Inside that folder. */
  readonly kubeconfig?: string;
  /** Where the Lease is. */
  readonly namespace?: string;
  readonly leaseName?: string;
  /** Seconds; the agent's own defaults otherwise. */
  readonly lease?: { readonly duration: number; readonly renewDeadline: number; readonly retryPeriod: number };
  /** Where metrics and health are, on every address of the node. */
  readonly metricsPort?: number;
  /** Anything else that the agent should be told, by its own names. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Only the control plane's address: Services are served by {@link servicesDaemonSet}, which the API server starts. */
export function staticPod(config: StaticPodConfig): PodManifest {
  const { image = IMAGE, folder = AGENT_FOLDER, metricsPort = CONTROL_PLANE_PORT } = config;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: NAME, namespace: NAMESPACE, labels: labels('control-plane') },
    spec: {
      containers: [
        agentContainer({
          image,
          env: environment(config, metricsPort),
          health: { port: metricsPort },
          volumeMounts: [{ name: 'kubevip', mountPath: folder, readOnly: true }],
        }),
      ],
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      terminationGracePeriodSeconds: 10,
      volumes: [{ name: 'kubevip', hostPath: { path: folder, type: 'Directory' } }],
    },
  };
}

function environment(config: StaticPodConfig, metricsPort: number): EnvVar[] {
  const { lease } = config;
  return [
    value('vip_arp', true),
    value('port', config.port ?? 6443),
    NODE_NAME,
    ...(config.interface === undefined ? [] : [value('vip_interface', config.interface)]),
    value('cp_enable', true),
    value('cp_namespace', config.namespace ?? NAMESPACE),
    value('svc_enable', false),
    value('vip_leaderelection', true),
    value('vip_leasename', config.leaseName ?? CONTROL_PLANE_LEASE),
    ...(lease === undefined
      ? []
      : [
          value('vip_leaseduration', lease.duration),
          value('vip_renewdeadline', lease.renewDeadline),
          value('vip_retryperiod', lease.retryPeriod),
        ]),
    value('address', config.address),
    value('prometheus_server', `:${metricsPort}`),
    value('k8s_config_file', config.kubeconfig ?? AGENT_KUBECONFIG),
    ...Object.entries(config.env ?? {}).map(([name, text]) => value(name, text)),
  ];
}
