/** What the agent of a control plane is told, whether kubelet starts it or a DaemonSet does. */
import { bgpEnvironment, type BgpPeering } from './bgp.ts';
import { NODE_NAME, STATE_DIR, value } from './container.ts';
import { CONTROL_PLANE_LEASE, CONTROL_PLANE_PORT, NAMESPACE } from './names.ts';
import type { EnvVar } from './objects.ts';

export interface ControlPlaneConfig {
  /** `192.168.1.10`, `192.168.1.10,fd00::10`, or a DNS name. */
  readonly address: string;
  /** Where the API servers listen. Default 6443. */
  readonly port?: number;
  /** Default: the interface whose subnet holds the address. */
  readonly interface?: string;
  readonly image?: string;
  /** Where the Lease is. */
  readonly namespace?: string;
  readonly leaseName?: string;
  /** Seconds; the agent's own defaults otherwise. */
  readonly lease?: { readonly duration: number; readonly renewDeadline: number; readonly retryPeriod: number };
  /** Where metrics and health are, on every address of the node. */
  readonly metricsPort?: number;
  /** Routers that are told of the address; otherwise it is announced by ARP and NDP. */
  readonly bgp?: BgpPeering;
  /** It is announced through a tunnel of WireGuard. */
  readonly wireguard?: boolean;
  /**
   * Services are served by this agent, too: a router takes one session from a node, so by BGP one agent speaks for all
   * addresses of the node.
   */
  readonly services?: { readonly excludeLabel: 'ignore' | 'honor' };
  /** Anything else that the agent should be told, by its own names. */
  readonly env?: Readonly<Record<string, string>>;
}

/** @param kubeconfig of the agent; absent: it has a service account. */
export function controlPlaneEnvironment(config: ControlPlaneConfig, kubeconfig?: string): EnvVar[] {
  const { lease, bgp, services } = config;
  const local = config.wireguard === true ? 'vip_wireguard' : 'vip_arp';
  return [
    ...(bgp === undefined ? [value(local, true)] : bgpEnvironment(bgp)),
    value('port', config.port ?? 6443),
    NODE_NAME,
    ...(config.interface === undefined ? [] : [value('vip_interface', config.interface)]),
    value('cp_enable', true),
    value('cp_namespace', config.namespace ?? NAMESPACE),
    value('svc_enable', services !== undefined),
    ...(services?.excludeLabel === 'honor' ? [value('honor_exclude_label', true)] : []),
    // Routers spread what is for the address over all that serve it.
    value('vip_leaderelection', bgp === undefined),
    value('vip_leasename', config.leaseName ?? CONTROL_PLANE_LEASE),
    ...(lease === undefined
      ? []
      : [
          value('vip_leaseduration', lease.duration),
          value('vip_renewdeadline', lease.renewDeadline),
          value('vip_retryperiod', lease.retryPeriod),
        ]),
    value('address', config.address),
    value('prometheus_server', `:${config.metricsPort ?? CONTROL_PLANE_PORT}`),
    STATE_DIR,
    ...(kubeconfig === undefined ? [] : [value('k8s_config_file', kubeconfig)]),
    ...Object.entries(config.env ?? {}).map(([name, text]) => value(name, text)),
  ];
}
