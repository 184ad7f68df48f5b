/** The control plane's agent as a static pod: kubelet starts it before there is an API server. */
import { agentContainer, STATE_MOUNT, STATE_VOLUME } from './container.ts';
import { controlPlaneEnvironment, type ControlPlaneConfig } from './control-plane-environment.ts';
import {
  AGENT_FOLDER,
  AGENT_KUBECONFIG,
  CONTROL_PLANE_PORT,
  HEARTBEAT_PORTS,
  IMAGE,
  labels,
  NAME,
  NAMESPACE,
} from './names.ts';
import type { PodManifest } from './objects.ts';

export interface StaticPodConfig extends ControlPlaneConfig {
  /** Inside {@link AGENT_FOLDER}, which is mounted read-only under the same path. */
  readonly kubeconfig?: string;
}

/**
 * The control plane's address, and Services only where {@link StaticPodConfig.services} says so: otherwise these are
 * served by {@link servicesDaemonSet}, which the API server starts.
 */
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
          // That of Services is left out: a machine that joins has a pod of the DaemonSet until it is labelled as a control
          // plane, and kubelet refuses a static pod for good that declares a port of a pod which is there.
          heartbeatPort: HEARTBEAT_PORTS.controlPlane,
          volumeMounts: [{ name: 'kubevip', mountPath: AGENT_FOLDER, readOnly: true }, STATE_MOUNT],
        }),
      ],
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      terminationGracePeriodSeconds: 10,
      volumes: [{ name: 'kubevip', hostPath: { path: AGENT_FOLDER, type: 'Directory' } }, STATE_VOLUME],
    },
  };
}
