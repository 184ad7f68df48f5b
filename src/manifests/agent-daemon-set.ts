/** A DaemonSet of agents, whatever they do: on the network of its node, important, and on every node that it may be on. */
import { labels } from './names.ts';
import type { Container, DaemonSetManifest } from './objects.ts';

type PodSpec = DaemonSetManifest['spec']['template']['spec'];

export interface AgentDaemonSet {
  /** Of the DaemonSet, of its service account, and by which it knows its pods. */
  readonly name: string;
  readonly namespace: string;
  readonly component: Parameters<typeof labels>[0];
  readonly container: Container;
  /** What is different from other agents. */
  readonly pod?: Pick<PodSpec, 'affinity' | 'dnsPolicy' | 'volumes'>;
}

export function agentDaemonSet({ name, namespace, component, container, pod }: AgentDaemonSet): DaemonSetManifest {
  const marks = labels(component);
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace, labels: marks },
    spec: {
      selector: { matchLabels: { 'app.kubernetes.io/name': name } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      template: {
        metadata: { labels: marks },
        spec: {
          ...(pod?.affinity === undefined ? {} : { affinity: pod.affinity }),
          containers: [container],
          ...(pod?.dnsPolicy === undefined ? {} : { dnsPolicy: pod.dnsPolicy }),
          hostNetwork: true,
          priorityClassName: 'system-node-critical',
          serviceAccountName: name,
          terminationGracePeriodSeconds: 10,
          tolerations: [{ operator: 'Exists' }],
          ...(pod?.volumes === undefined ? {} : { volumes: pod.volumes }),
        },
      },
    },
  };
}

/** Only on nodes that have the label, or that have it not. */
export function onNodesWith(key: string, operator: 'Exists' | 'DoesNotExist'): NonNullable<PodSpec['affinity']> {
  const term = { matchExpressions: [{ key, operator }] };
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } } };
}
