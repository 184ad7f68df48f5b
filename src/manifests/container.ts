/** The container of an agent of ours, whatever starts it. */
import { AGENT_STATE_FOLDER } from './names.ts';
import type { Container, EmptyDirVolume, EnvVar, HostPathVolume, Probe } from './objects.ts';

export interface AgentContainer {
  /** Default `agent`. */
  readonly name?: string;
  readonly args?: readonly string[];
  readonly image: string;
  readonly env: readonly EnvVar[];
  /** Where the agent serves `/healthz` and `/readyz`; undefined: nowhere, so nobody can ask. */
  readonly health: { readonly host?: string; readonly port: number } | undefined;
  readonly volumeMounts?: Container['volumeMounts'];
  /** UDP port at which the agents hear each other, on the node's own network. */
  readonly heartbeatPort?: number;
}

/**
 * NET_ADMIN for addresses and nftables, NET_RAW for ARP, NDP and DHCP frames, SYS_NICE for heartbeats that go before other
 * programs; nothing else, and nothing to gain.
 */
export const SECURITY_CONTEXT: Container['securityContext'] = {
  allowPrivilegeEscalation: false,
  capabilities: { add: ['NET_ADMIN', 'NET_RAW', 'SYS_NICE'], drop: ['ALL'] },
  readOnlyRootFilesystem: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

/**
 * docs/benchmarks.md has what an agent needs; the limit ends a leak before it harms the node. The processor time that is
 * asked for is also the agent's weight among the pods of a node that is busy, and an agent that gets none is taken for
 * dead (ADR 17).
 */
export const RESOURCES: Container['resources'] = {
  requests: { cpu: '100m', memory: '96Mi' },
  limits: { memory: '256Mi' },
};

export function agentContainer({
  name = 'agent',
  args,
  image,
  env,
  health,
  volumeMounts,
  heartbeatPort,
}: AgentContainer): Container {
  return {
    ...(args === undefined ? {} : { args }),
    env,
    image,
    imagePullPolicy: 'IfNotPresent',
    name,
    ...(heartbeatPort === undefined
      ? {}
      : { ports: [{ containerPort: heartbeatPort, hostPort: heartbeatPort, name: 'heartbeat', protocol: 'UDP' }] }),
    ...(health === undefined
      ? {}
      : { livenessProbe: probe('/healthz', health, 10), readinessProbe: probe('/readyz', health, 5) }),
    resources: RESOURCES,
    securityContext: SECURITY_CONTEXT,
    ...(volumeMounts === undefined ? {} : { volumeMounts }),
  };
}

/** Over loopback: it is there before the node has any other address, and is not one of ours that may move. */
function probe(path: string, { host = '127.0.0.1', port }: { host?: string; port: number }, period: number): Probe {
  return { httpGet: { host, path, port }, periodSeconds: period, timeoutSeconds: 3 };
}

export function value(name: string, text: string | number | boolean): EnvVar {
  return { name, value: String(text) };
}

/** The folder in which an agent remembers what it needs to start without an API server. */
export const STATE_MOUNT = { name: 'state', mountPath: AGENT_STATE_FOLDER } as const;
/** Of a static pod: `kubevip reset` takes it away. */
export const STATE_VOLUME: HostPathVolume = {
  name: STATE_MOUNT.name,
  hostPath: { path: AGENT_STATE_FOLDER, type: 'DirectoryOrCreate' },
};
/**
 * Of a DaemonSet: gone with the pod, so that nothing is left on the node. A new pod comes from the API server, which then
 * can be asked for all that was in it.
 */
export const POD_STATE_VOLUME: EmptyDirVolume = { name: STATE_MOUNT.name, emptyDir: {} };
export const STATE_DIR: EnvVar = value('kubevip_state_dir', AGENT_STATE_FOLDER);

/** The name of the node a pod runs on, which is not always its host name. */
export const NODE_NAME: EnvVar = { name: 'vip_nodename', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } };
