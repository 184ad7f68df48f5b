/** The plans of `init` and `join`: their steps, in order. */
import { bgpOf, deathNotice } from './bgp-config.ts';
import type { BootstrapConfig } from './config.ts';
import type { Plan } from './engine/run.ts';
import type { Step } from './engine/step.ts';
import type { JoinCode } from './join-code.ts';
import type { InitSecrets, NodeFacts } from './kubeadm/documents.ts';
import { agentConfigStep } from './steps/agent-config.ts';
import { certificatesStep } from './steps/certificates.ts';
import { clusterObjectsStep } from './steps/cluster-objects.ts';
import { clusterSettingsStep, keptSettings } from './steps/cluster-settings.ts';
import { endpointStep } from './steps/endpoint.ts';
import { kubeadmInitStep } from './steps/kubeadm-init.ts';
import { kubeadmJoinStep } from './steps/kubeadm-join.ts';
import { machineStep } from './steps/machine.ts';
import { nodeConfigStep } from './steps/node-config.ts';
import type { StepParts } from './steps/parts.ts';
import { routerPasswordStep } from './steps/router-password.ts';
import { routersStep } from './steps/routers.ts';
import { staticPodStep } from './steps/static-pod.ts';
import { userKubeconfigStep, type KubeconfigOwner } from './steps/user-kubeconfig.ts';

export interface InitRequest {
  readonly config: BootstrapConfig;
  readonly node: NodeFacts;
  /** Whose kubeconfig; undefined: nobody's. */
  readonly user: KubeconfigOwner | undefined;
  readonly secrets: () => InitSecrets;
  /** What mends the machine first. */
  readonly mends?: readonly Step[];
}

export function initPlan(parts: StepParts, { config, node, user, secrets, mends = [] }: InitRequest): Plan {
  const settings = (): Promise<BootstrapConfig> => Promise.resolve(config);
  return {
    name: 'init',
    steps: [
      machineStep(parts),
      ...mends,
      nodeConfigStep(parts, settings),
      certificatesStep(parts, config, node),
      agentConfigStep(parts, settings, node),
      staticPodStep(parts, settings),
      kubeadmInitStep(parts, config, node, secrets),
      ...(config.controlPlane.bgpPasswordFile === undefined ? [] : [routerPasswordStep(parts, config)]),
      clusterObjectsStep(parts, config),
      endpointStep(parts, config, node),
      ...(bgpOf(config) === undefined ? [] : [routersStep(parts, settings, node, deathNotice(config))]),
      ...(user === undefined ? [] : [userKubeconfigStep(parts, settings, user)]),
    ],
  };
}

export interface JoinRequest {
  readonly config: BootstrapConfig;
  readonly node: NodeFacts;
  readonly user: KubeconfigOwner | undefined;
  readonly code: () => Promise<JoinCode>;
  /** What mends the machine first. */
  readonly mends?: readonly Step[];
}

export function joinPlan(
  parts: StepParts,
  role: 'control-plane' | 'worker',
  { config, node, user, code, mends = [] }: JoinRequest,
): Plan {
  const join = [machineStep(parts), ...mends, kubeadmJoinStep(parts, config, node, role, code)];
  if (role === 'worker') return { name: 'join-worker', steps: join };
  const settings = keptSettings(parts);
  return {
    name: 'join-control-plane',
    steps: [
      ...join,
      clusterSettingsStep(parts, config),
      agentConfigStep(parts, settings, node),
      staticPodStep(parts, settings),
      // Whether it is by BGP is known only from the cluster.
      routersStep(parts, settings, node),
      ...(user === undefined ? [] : [userKubeconfigStep(parts, settings, user)]),
    ],
  };
}
