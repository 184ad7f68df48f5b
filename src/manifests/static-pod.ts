/** The control plane's agent as a static pod: kubelet starts it before there is an API server. */
import { agentContainer } from './container.ts';
import { controlPlaneEnvironment, type ControlPlaneConfig } from './control-plane-environment.ts';
import { AGENT_FOLDER, AGENT_KUBECONFIG, CONTROL_PLANE_PORT, IMAGE, labels, NAME, NAMESPACE } from './names.ts';
import type { PodManifest } from './objects.ts';

export interface StaticPodConfig extends ControlPlaneConfig {
  /** Inside {@link AGENT_FOLDER}, which is mounted read-only under the same path. Nothing else of the node is seen. */
  readonly kubeconfig?: string;
}

/** Only the control plane's address: Services are served by {@link servicesDaemonSet}, which the API server starts. */
export function staticPod(config: StaticPodConfig): PodManifest {
  const { image = IMAGE, metricsPort = CONTROL_PLANE_PORT } = config;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: NAME, namespace: NAMESPACE, labels: labels('control-plane') },
    spec: {
      containers: [
        agentContainer({
          image,
          env: controlPlaneEnvironment(config, config.kubeconfig ?? AGENT_KUBECONFIG),
          health: { port: metricsPort },
          volumeMounts: [{ name: 'kubevip', mountPath: AGENT_FOLDER, readOnly: true }],
        }),
      ],
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      terminationGracePeriodSeconds: 10,
      volumes: [{ name: 'kubevip', hostPath: { path: AGENT_FOLDER, type: 'Directory' } }],
    },
  };
}
