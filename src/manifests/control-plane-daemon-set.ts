/** The control plane's agent as a DaemonSet, for clusters that are there already: it needs no file of a node. */
import { agentDaemonSet } from './agent-daemon-set.ts';
import { agentContainer, POD_STATE_VOLUME, STATE_MOUNT } from './container.ts';
import { controlPlaneEnvironment, type ControlPlaneConfig } from './control-plane-environment.ts';
import { CONTROL_PLANE_NAME, CONTROL_PLANE_PORT, HEARTBEAT_PORTS, IMAGE, NAMESPACE } from './names.ts';
import type { DaemonSetManifest, ServiceAccountManifest } from './objects.ts';

/** kubeadm's label of control planes, and k3s's. */
const CONTROL_PLANE_LABEL = 'node-role.kubernetes.io/control-plane';

export function controlPlaneAccount(namespace = NAMESPACE): ServiceAccountManifest {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: CONTROL_PLANE_NAME, namespace } };
}

export function controlPlaneDaemonSet(config: ControlPlaneConfig): DaemonSetManifest {
  const { image = IMAGE, namespace = NAMESPACE, metricsPort = CONTROL_PLANE_PORT } = config;
  const term = { matchExpressions: [{ key: CONTROL_PLANE_LABEL, operator: 'Exists' as const }] };
  return agentDaemonSet({
    name: CONTROL_PLANE_NAME,
    namespace,
    component: 'control-plane',
    container: agentContainer({
      image,
      env: controlPlaneEnvironment(config),
      health: { port: metricsPort },
      heartbeatPort: HEARTBEAT_PORTS.controlPlane,
      volumeMounts: [STATE_MOUNT],
    }),
    pod: {
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } } },
      volumes: [POD_STATE_VOLUME],
    },
  });
}
