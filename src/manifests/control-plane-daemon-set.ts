/** The control plane's agent as a DaemonSet, for clusters that are there already: it needs nothing of a node's disk. */
import { agentContainer, NODE_NAME, value } from './container.ts';
import { CONTROL_PLANE_LEASE, CONTROL_PLANE_NAME, CONTROL_PLANE_PORT, IMAGE, labels, NAMESPACE } from './names.ts';
import type { DaemonSetManifest, ServiceAccountManifest } from './objects.ts';

export interface ControlPlaneConfig {
  /** `192.168.1.10`, `192.168.1.10,fd00::10`, or a DNS name. */
  readonly address: string;
  /** Where the API servers listen. Default 6443. */
  readonly port?: number;
  /** Default: the interface whose subnet holds the address. */
  readonly interface?: string;
  readonly image?: string;
  readonly namespace?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** kubeadm's label of control planes, and k3s's. */
const CONTROL_PLANE_LABEL = 'node-role.kubernetes.io/control-plane';

export function controlPlaneAccount(namespace = NAMESPACE): ServiceAccountManifest {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: CONTROL_PLANE_NAME, namespace } };
}

export function controlPlaneDaemonSet(config: ControlPlaneConfig): DaemonSetManifest {
  const { namespace = NAMESPACE } = config;
  const marks = labels('control-plane');
  const term = { matchExpressions: [{ key: CONTROL_PLANE_LABEL, operator: 'Exists' as const }] };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: CONTROL_PLANE_NAME, namespace, labels: marks },
    spec: {
      selector: { matchLabels: { 'app.kubernetes.io/name': CONTROL_PLANE_NAME } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      template: {
        metadata: { labels: marks },
        spec: {
          affinity: {
            nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
          },
          containers: [
            agentContainer({
              image: config.image ?? IMAGE,
              env: [
                value('vip_arp', true),
                value('port', config.port ?? 6443),
                NODE_NAME,
                ...(config.interface === undefined ? [] : [value('vip_interface', config.interface)]),
                value('cp_enable', true),
                value('cp_namespace', namespace),
                value('svc_enable', false),
                value('vip_leaderelection', true),
                value('vip_leasename', CONTROL_PLANE_LEASE),
                value('address', config.address),
                value('prometheus_server', `:${CONTROL_PLANE_PORT}`),
                ...Object.entries(config.env ?? {}).map(([name, text]) => value(name, text)),
              ],
              health: { port: CONTROL_PLANE_PORT },
            }),
          ],
          hostNetwork: true,
          priorityClassName: 'system-node-critical',
          serviceAccountName: CONTROL_PLANE_NAME,
          terminationGracePeriodSeconds: 10,
          tolerations: [{ operator: 'Exists' }],
        },
      },
    },
  };
}
