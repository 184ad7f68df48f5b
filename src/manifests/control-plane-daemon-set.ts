/** The control plane's agent as a DaemonSet, for clusters that are there already: it needs no file of a node. */
import { agentDaemonSet, onNodesWith } from './agent-daemon-set.ts';
import { agentContainer, POD_STATE_VOLUME, STATE_MOUNT } from './container.ts';
import { controlPlaneEnvironment, type ControlPlaneConfig } from './control-plane-environment.ts';
import {
  CONTROL_PLANE_LABEL,
  CONTROL_PLANE_NAME,
  CONTROL_PLANE_PORT,
  HEARTBEAT_PORTS,
  IMAGE,
  NAMESPACE,
} from './names.ts';
import type { DaemonSetManifest, ServiceAccountManifest } from './objects.ts';

export function controlPlaneAccount(namespace = NAMESPACE): ServiceAccountManifest {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: CONTROL_PLANE_NAME, namespace } };
}

export function controlPlaneDaemonSet(config: ControlPlaneConfig): DaemonSetManifest {
  const { image = IMAGE, namespace = NAMESPACE, metricsPort = CONTROL_PLANE_PORT } = config;
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
      affinity: onNodesWith(CONTROL_PLANE_LABEL, 'Exists'),
      volumes: [POD_STATE_VOLUME],
    },
  });
}
