/**
 * The agents that serve Services, one per node, control planes included: a small cluster has nothing else. By BGP not
 * there: the static pod of a control plane serves them, since a router takes one session from a node.
 */
import { agentDaemonSet, onNodesWith } from './agent-daemon-set.ts';
import { bgpEnvironment, type BgpPeering } from './bgp.ts';
import { agentContainer, NODE_NAME, POD_STATE_VOLUME, STATE_DIR, STATE_MOUNT, value } from './container.ts';
import { CONTROL_PLANE_LABEL, HEARTBEAT_PORTS, IMAGE, NAME, NAMESPACE, SERVICES_PORT } from './names.ts';
import type { DaemonSetManifest } from './objects.ts';

export interface ServicesConfig {
  readonly image?: string;
  readonly namespace?: string;
  /** Default: the interface whose subnet holds the address. */
  readonly interface?: string;
  /** Kubernetes' label against load balancers, which kubeadm sets on every control plane. Default `ignore`. */
  readonly excludeLabel?: 'ignore' | 'honor';
  /** Routers that are told of addresses; otherwise they are announced by ARP and NDP. */
  readonly bgp?: BgpPeering;
  /** Addresses are announced through tunnels of WireGuard. */
  readonly wireguard?: boolean;
  /** Take everything back from Services, before uninstalling. */
  readonly withdraw?: boolean;
  readonly metricsPort?: number;
  /** Anything else that the agents should be told, by their own names. */
  readonly env?: Readonly<Record<string, string>>;
}

export function servicesDaemonSet(config: ServicesConfig = {}): DaemonSetManifest {
  const { image = IMAGE, namespace = NAMESPACE, metricsPort = SERVICES_PORT } = config;
  const env = [
    NODE_NAME,
    ...(config.bgp === undefined ? [] : bgpEnvironment(config.bgp)),
    ...(config.wireguard === true ? [value('vip_wireguard', true)] : []),
    value('svc_enable', true),
    value('cp_enable', false),
    value('cp_namespace', namespace),
    ...(config.interface === undefined ? [] : [value('vip_servicesinterface', config.interface)]),
    ...(config.excludeLabel === 'honor' ? [value('honor_exclude_label', true)] : []),
    // Always there, so that an installation after a withdrawal that was given up says `false` again.
    value('svc_withdraw', config.withdraw === true),
    value('prometheus_server', `:${metricsPort}`),
    STATE_DIR,
    ...Object.entries(config.env ?? {}).map(([name, text]) => value(name, text)),
  ];
  return agentDaemonSet({
    name: NAME,
    namespace,
    component: 'agent',
    container: agentContainer({
      image,
      env,
      health: { port: metricsPort },
      heartbeatPort: HEARTBEAT_PORTS.services,
      volumeMounts: [STATE_MOUNT],
    }),
    pod: {
      ...(config.bgp === undefined ? {} : { affinity: onNodesWith(CONTROL_PLANE_LABEL, 'DoesNotExist') }),
      dnsPolicy: 'ClusterFirstWithHostNet',
      volumes: [POD_STATE_VOLUME],
    },
  });
}
