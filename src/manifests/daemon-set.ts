/** The agents that serve Services, one per node, control planes included: a small cluster has nothing else. */
import { agentContainer, NODE_NAME, value } from './container.ts';
import { IMAGE, labels, NAME, NAMESPACE, SERVICES_PORT } from './names.ts';
import type { DaemonSetManifest } from './objects.ts';

export interface ServicesConfig {
  readonly image?: string;
  readonly namespace?: string;
  /** Default: the interface whose subnet holds the address. */
  readonly interface?: string;
  /** Kubernetes' label against load balancers, which kubeadm sets on every control plane. Default `ignore`. */
  readonly excludeLabel?: 'ignore' | 'honor';
  /** Take everything back from Services, before uninstalling. */
  readonly withdraw?: boolean;
  readonly metricsPort?: number;
  /** Anything else that the agents should be told, by their own names. */
  readonly env?: Readonly<Record<string, string>>;
}

export function servicesDaemonSet(config: ServicesConfig = {}): DaemonSetManifest {
  const { image = IMAGE, namespace = NAMESPACE, metricsPort = SERVICES_PORT } = config;
  const marks = labels('agent');
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: NAME, namespace, labels: marks },
    spec: {
      selector: { matchLabels: { 'app.kubernetes.io/name': NAME } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      template: {
        metadata: { labels: marks },
        spec: {
          containers: [
            agentContainer({
              image,
              env: [
                NODE_NAME,
                value('svc_enable', true),
                value('cp_enable', false),
                value('cp_namespace', namespace),
                ...(config.interface === undefined ? [] : [value('vip_servicesinterface', config.interface)]),
                ...(config.excludeLabel === 'honor' ? [value('honor_exclude_label', true)] : []),
                // Always there, so that an installation after a withdrawal that was given up says `false` again.
                value('svc_withdraw', config.withdraw === true),
                value('prometheus_server', `:${metricsPort}`),
                ...Object.entries(config.env ?? {}).map(([name, text]) => value(name, text)),
              ],
              health: { port: metricsPort },
            }),
          ],
          dnsPolicy: 'ClusterFirstWithHostNet',
          hostNetwork: true,
          priorityClassName: 'system-node-critical',
          serviceAccountName: NAME,
          terminationGracePeriodSeconds: 10,
          tolerations: [{ operator: 'Exists' }],
        },
      },
    },
  };
}
