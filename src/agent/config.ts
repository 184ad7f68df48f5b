/** The agent's settings: kube-vip's environment variables under their own names, and ours with `kubevip_`. */
import * as z from 'zod';
import { DEFAULT_CLASS, EXCLUDE_LABEL } from '../model/annotations.ts';
import { LOOPBACK } from '../exposure/announcement/routed/routed.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import type { Cidr } from '../model/cidr.ts';
import { DHCP_MODES } from '../model/dhcp-mode.ts';
import { DNS_MODES } from '../model/dns-mode.ts';
import { readMode, type AnnouncementMode } from './announcement-mode.ts';
import { readRoutingTable, type RoutingTableConfig } from './routing-table.ts';
import { readBgp, type BgpConfig } from './bgp/config.ts';
import { BGP_SETTINGS } from './bgp/settings.ts';
import {
  ELECTION_TYPES,
  FORWARDING_METHODS,
  readControlPlane,
  type ControlPlaneConfig,
} from './control-plane/config.ts';
import { text, flag, bool, port, seconds, whenUnset, ours, choice, networks } from './setting.ts';
import {
  DEFAULT_ELECTION,
  ELECTIONS,
  PROFILES,
  readElection,
  TRANSPORTS,
  type ElectionConfig,
} from './election-config.ts';
import { readListen, type Listen } from './listen.ts';

/** One line per variable; docs/reference/agent.md is generated from here. */
export const SETTINGS = z.object({
  config_file: text(
    '',
    'file',
    'Settings in YAML or JSON, by kube-vip’s keys or these names; `--config-file` says the same. Variables win.',
  ),
  vip_nodename: text('', 'node', 'Name of this node in the cluster. By default the host name.'),
  svc_enable: whenUnset(
    'true, unless `cp_enable` is',
    flag(undefined, 'Serve Services. Without both parts only what an earlier run left on the node is removed.'),
  ),
  svc_namespace: text('', 'namespace', 'Only Services of this namespace; all by default.'),
  svc_leasename: text('plndr-svcs-lock', 'name', 'Lease of the agent that gives out addresses.'),
  cp_namespace: text('kube-system', 'namespace', 'Where the Leases are.'),
  vip_interface: text('', 'interface', 'Interface for addresses; by default the one whose subnet holds them.'),
  vip_servicesinterface: text('', 'interface', 'The same for Services, before `vip_interface`.'),
  cp_enable: bool(false, 'Hold the VIP of the control plane, on the nodes with an API server.'),
  address: text('', 'address | IPV4,IPV6 | name', 'That VIP. A DNS name is resolved again and again.'),
  vip_address: text('', 'address', 'The same, by its old name.'),
  port: port(6443, 'Port of the API server.'),
  dns_mode: z
    .enum(DNS_MODES)
    .default('first')
    .meta({
      form: DNS_MODES.join(' | '),
      description: 'Which addresses of a DNS name are the VIP: the first, that of a family, or one of each.',
    }),
  vip_ddns: bool(
    false,
    'Get the address of the VIP by DHCP, with the first label of that DNS name as host name: the DHCP server enters it into its DNS.',
  ),
  dhcp_mode: whenUnset(
    'as `dns_mode`, `ipv4` for `first`',
    z
      .enum(['', ...DHCP_MODES])
      .default('')
      .meta({
        form: DHCP_MODES.join(' | '),
        description: 'Families asked for by `vip_ddns`, and by `kube-vip.io/ddns` of a Service as far as it has them.',
      }),
  ),
  vip_subnet: text('', 'length | length,length', 'Checked only: the VIP always stands alone (/32, /128).'),
  vip_arp: whenUnset('true, unless another way is chosen', flag(undefined, 'Announce by ARP and NDP.')),
  bgp_enable: bool(false, 'Announce to routers by BGP.'),
  ...BGP_SETTINGS,
  vip_routingtable: bool(false, 'Write routes, for a routing daemon of this node to announce.'),
  vip_routingtableid: z.coerce.number().int().min(1).max(0xffffffff).default(198).meta({
    form: 'number',
    description: 'The table that they are written into.',
  }),
  vip_routingtabletype: z.coerce.number().int().default(1).meta({
    form: '1 | 2 | 6 | 7 | 8',
    description: 'Their type: unicast, local, blackhole, unreachable or prohibit.',
  }),
  vip_routingprotocol: z.coerce.number().int().min(1).max(255).default(248).meta({
    form: '1 to 255',
    description: 'The protocol that they are marked with.',
  }),
  vip_cleanroutingtable: bool(
    false,
    'Also remove routes of that protocol in that table which no agent of kubevip wrote. Their own they always remove.',
  ),
  vip_wireguard: bool(
    false,
    'Announce through WireGuard tunnels, one for each address, which Secret `wireguard` in the namespace of the Leases has.',
  ),
  vip_leaderelection: whenUnset(
    'true with `vip_arp`, else false',
    flag(
      undefined,
      'With BGP and routing tables: one node at a time announces an address, instead of all that can serve it. By ARP it is always one.',
    ),
  ),
  svc_election: bool(false, 'The same for addresses of Services alone.'),
  vip_leasename: text('plndr-cp-lock', 'name | namespace/name', 'Lease of the node that has the VIP.'),
  vip_leaseannotations: text('', 'JSON', 'Annotations for that Lease.'),
  leaderElectionType: choice(
    ELECTION_TYPES,
    'kubernetes',
    '`etcd`: who has the VIP is elected in an etcd. These five are flags of kube-vip’s, and arguments here as well.',
  ),
  etcdEndpoints: ours(
    text('', 'HOST:PORT[,HOST:PORT]', 'Members of that etcd, with `https://` or `http://` before them.'),
  ),
  etcdCACert: ours(text('', 'file', 'Whoever signed their certificates.')),
  etcdCert: ours(text('', 'file', 'Our certificate for them.')),
  etcdKey: ours(text('', 'file', 'Its key.')),
  kubernetes_addr: text('', 'URL', 'API server for that Lease. By default this node’s own.'),
  control_plane_health_check_address: text(
    '',
    'URL',
    'What must answer 200 for this node to have the VIP. By default `/readyz` of this node’s own API server.',
  ),
  control_plane_health_check_period_seconds: seconds(1, 'How often that is asked.'),
  control_plane_health_check_timeout_seconds: seconds(3, 'How long an answer may take.'),
  control_plane_health_check_failure_threshold: z.coerce.number().int().min(1).max(100).default(3).meta({
    form: 'number',
    description: 'Failures in a row after which the VIP is given away.',
  }),
  control_plane_health_check_ca_path: text('', 'file', 'CA of that URL. By default the kubeconfig’s.'),
  lb_enable: bool(false, 'Spread connections to the VIP over all API servers that are ready, by nftables.'),
  lb_port: whenUnset(
    '`port`',
    z.coerce
      .number()
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .meta({ form: 'port', description: 'Port of the VIP whose connections are spread.' }),
  ),
  lb_fwdmethod: z
    .enum(['', ...FORWARDING_METHODS])
    .default('')
    .meta({
      form: FORWARDING_METHODS.join(' | '),
      description: 'Accepted only: a way of IPVS. Addresses are translated by nftables, as with `masquerade`.',
    }),
  backend_health_check_interval: seconds(1, 'How often the API servers are asked whether they are ready, to be in it.'),
  kubevip_cluster_name: ours(
    text(
      '',
      'label',
      'Name of the cluster on the LAN: the VIP is `NAME.local`, and `kubevip join` finds it. Empty: none.',
    ),
  ),
  lb_class_name: text(DEFAULT_CLASS, 'class', 'loadBalancerClass to serve, besides `kubevip.dev/kubevip`.'),
  lb_class_only: bool(false, 'Leave Services without a class alone.'),
  // kube-vip's defaults are 15/10/2; at 5/3/1 its measured outage is less than half (ADR 0006).
  vip_leaseduration: seconds(5, 'How long an address stays with a node that no longer renews its Lease.'),
  vip_renewdeadline: seconds(3, 'When a node that cannot renew lets go by itself. Less than the duration.'),
  vip_retryperiod: seconds(1, 'How often Leases are renewed. 1.2 times of it is less than the deadline.'),
  kubevip_election: choice(
    ELECTIONS,
    DEFAULT_ELECTION,
    'How owners of addresses are chosen: by heartbeats between the agents, or through Leases as kube-vip does.',
  ),
  kubevip_heartbeat: choice(
    PROFILES,
    'lan',
    'How often agents are heard and how soon one counts as dead: 50 ms × 3, 20 ms × 3, 200 ms × 4, 500 ms × 4.',
  ),
  kubevip_heartbeat_port: ours(
    z.coerce.number().int().min(1024).max(65_534).default(10_471).meta({
      form: 'port',
      description: 'UDP port of heartbeats about Services; those about the control plane use the next one.',
    }),
  ),
  kubevip_heartbeat_transport: choice(
    TRANSPORTS,
    'auto',
    'How heartbeats travel. `auto`: by multicast, and by unicast to agents that are not heard that way.',
  ),
  kubevip_state_dir: ours(
    text(
      '',
      'folder',
      'Where the agent keeps the heartbeats’ key and what it served, to serve it again when it starts without an API server. Empty: nowhere.',
    ),
  ),
  enable_service_security: bool(
    false,
    'Drop what comes to an address at other ports than its Services’, node ports included. ICMP passes.',
  ),
  egress_podcidr: networks(
    'Networks of pods, which `kube-vip.io/egress` leaves alone, besides those that Nodes name and the pods of Services.',
  ),
  egress_servicecidr: networks('Further networks that it leaves alone.'),
  enable_node_labeling: bool(
    false,
    'Label nodes with the control-plane VIP and the Services they have. Needs the right to patch nodes.',
  ),
  mirror_dest_interface: z
    .string()
    .regex(/^[^\s/"]{0,15}$/, 'is not the name of an interface')
    .default('')
    .meta({
      form: 'interface',
      description:
        'Copy all traffic of the interface of Services (by default the one with the default route) to this one.',
    }),
  enable_upnp: bool(true, 'Open router ports for Services that ask for them.'),
  dhcp_spare: ours(
    z.coerce.number().int().min(0).max(16).default(0).meta({
      form: '0 to 16',
      description: 'DHCP leases kept ready in each LAN, so that a Service does not wait for the server.',
    }),
  ),
  dhcp6_spare: ours(
    z.coerce.number().int().min(0).max(16).default(0).meta({
      form: '0 to 16',
      description: 'The same for leases of IPv6 addresses.',
    }),
  ),
  honor_exclude_label: ours(
    bool(false, `Nodes with the label ${EXCLUDE_LABEL} own no address. kubeadm sets it on every control plane.`),
  ),
  svc_withdraw: ours(bool(false, 'Take everything back from Services, to uninstall.')),
  conflict_policy: ours(
    z.enum(['defend', 'yield']).default('defend').meta({
      form: 'defend | yield',
      description: 'What to do when another machine claims an address, for Services without `kubevip.dev/conflict`.',
    }),
  ),
  prometheus_server: text(
    ':2112',
    '[HOST]:PORT',
    'Where `/metrics`, `/healthz`, `/readyz` and `/failovers` are; empty: nowhere.',
  ),
  k8s_config_file: text('', 'file', 'Kubeconfig; by default KUBECONFIG, then the pod’s service account.'),
  vip_loglevel: z.coerce.number().int().default(0).meta({
    form: 'number',
    description: 'As in slog: -4 debug, 0 info, 4 warnings, 8 errors.',
  }),
  kubevip_netns: ours(text('', 'name', 'Network namespace to work in, to try several nodes on one machine.')),
  kubevip_configmap: ours(text('kubevip', 'name', 'ConfigMap with the pools.')),
  kubevip_configmap_namespace: ours(text('kube-system', 'namespace', 'Where that ConfigMap is.')),
  kubevip_cluster_record: ours(
    text(
      '',
      'name',
      'ConfigMap beside it, as `kubevip init` writes it: when that says `services.enabled: false`, as after `kubevip uninstall`, everything is taken back from Services, as with `svc_withdraw`. Empty: none.',
    ),
  ),
});

/** Milliseconds. */
interface LeaseTimes {
  readonly duration: number;
  readonly renewDeadline: number;
  readonly retryPeriod: number;
}

export interface AgentConfig {
  readonly node: string;
  /** Namespace watched; undefined: all. */
  readonly watchNamespace?: string;
  /** Namespace of our Leases. */
  readonly namespace: string;
  /** kube-vip's global Lease: whoever holds it gives out addresses, and a kube-vip stays aside. */
  readonly allocatorLease: string;
  /** `svc_enable`; without both parts the node is only rid of what an earlier run may have left. */
  readonly servicesEnabled: boolean;
  /** `cp_enable` */
  readonly controlPlane?: ControlPlaneConfig;
  readonly rules: { readonly className: string; readonly classOnly: boolean; readonly withdraw: boolean };
  /** How addresses are announced, and by which nodes. */
  readonly mode: AnnouncementMode;
  /** Where routes for a routing daemon are, in the mode that writes them. */
  readonly routingTable: RoutingTableConfig;
  /** With `bgp_enable`. */
  readonly bgp?: BgpConfig;
  /** Interface that addresses stand on which routers are told of, by part; undefined: loopback. */
  readonly standOn: { readonly services?: string; readonly controlPlane?: string };
  /** Nodes with Kubernetes' exclude label own nothing. */
  readonly honorExcludeLabel: boolean;
  /** What happens to an address that another machine claims, where its Service does not say. */
  readonly conflictPolicy: 'defend' | 'yield';
  /** Undefined: the interface with the default route. */
  readonly link?: string;
  /** Of elections through Leases. Milliseconds. */
  readonly lease: LeaseTimes;
  /** How owners of addresses are chosen. */
  readonly election: ElectionConfig;
  /** Of the Lease of the agent that gives out addresses. */
  readonly allocatorTimes: LeaseTimes;
  readonly routerEnabled: boolean;
  /** `egress_podcidr`, `egress_servicecidr`: what egress leaves alone besides what is known of the cluster. */
  readonly egressInside: { readonly pods: readonly Cidr[]; readonly services: readonly Cidr[] };
  /** `mirror_dest_interface` */
  readonly mirrorTo?: string;
  /** `enable_node_labeling` */
  readonly nodeLabels: boolean;
  /** `enable_service_security`: other ports of addresses than those of their Services are closed. */
  readonly serviceSecurity: boolean;
  /** DHCP leases kept ready in each LAN for Services to come. */
  readonly dhcpSpare: number;
  readonly dhcp6Spare: number;
  /** Host and port of `/metrics`, `/healthz`, `/readyz`; undefined: none. */
  readonly listen?: Listen;
  readonly kubeconfig?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Network namespace to work in, by name; for trying several nodes on one machine. */
  readonly netns?: string;
  readonly configMap: { readonly name: string; readonly namespace: string };
  /** ConfigMap beside it that says whether Services are served in this cluster. */
  readonly clusterRecord?: string;
}

const TIMES = ['vip_leaseduration', 'vip_renewdeadline', 'vip_retryperiod'] as const;
/**
 * With heartbeats nothing is served sooner for a Lease that moves sooner: one write in six seconds is all that is left.
 */
const PATIENT: LeaseTimes = { duration: 15_000, renewDeadline: 12_000, retryPeriod: 6_000 };

/** @throws KubevipError BAD_CONFIG naming each variable that is wrong. */
export function readConfig(env: Readonly<Record<string, string | undefined>>, hostname: string): AgentConfig {
  const parsed = SETTINGS.safeParse(env);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new KubevipError(`the agent's environment is not right: ${lines.join('; ')}`, {
      code: 'BAD_CONFIG',
      exit: EXIT.usage,
    });
  }
  const v = parsed.data;
  const lease = {
    duration: v.vip_leaseduration * 1000,
    renewDeadline: v.vip_renewdeadline * 1000,
    retryPeriod: v.vip_retryperiod * 1000,
  };
  if (lease.duration <= lease.renewDeadline || lease.renewDeadline <= lease.retryPeriod * 1.2) {
    throw new KubevipError(
      `lease times do not fit: vip_leaseduration (${v.vip_leaseduration}s) > vip_renewdeadline (${v.vip_renewdeadline}s) > 1.2 × vip_retryperiod (${v.vip_retryperiod}s) must hold`,
      { code: 'BAD_CONFIG', exit: EXIT.usage },
    );
  }
  const election = readElection(v);
  const mode = readMode(v);
  const bgp = mode.kind === 'bgp' ? readBgp(v) : undefined;
  const timed = TIMES.some((name) => env[name]);
  const named = v.vip_servicesinterface || v.vip_interface;
  // Nothing is announced on loopback: there it only stands.
  const link = named === LOOPBACK.name ? '' : named;
  const listen = readListen(v.prometheus_server);
  const controlPlane = readControlPlane(v);
  const kubeconfig = v.k8s_config_file || env['KUBECONFIG'];
  return {
    node: (v.vip_nodename || hostname).toLowerCase(),
    namespace: v.cp_namespace,
    allocatorLease: v.svc_leasename,
    servicesEnabled: v.svc_enable ?? !v.cp_enable,
    ...(controlPlane === undefined ? {} : { controlPlane }),
    rules: {
      className: v.lb_class_name,
      classOnly: v.lb_class_only,
      withdraw: v.svc_withdraw,
      ...(v.dhcp_mode === '' ? {} : { dhcpMode: v.dhcp_mode }),
    },
    mode,
    routingTable: readRoutingTable(v),
    ...(bgp === undefined ? {} : { bgp }),
    standOn: {
      ...((bgp?.attach ?? mode.kind === 'routing-table') && link !== '' && link !== 'auto' ? { services: link } : {}),
      ...(controlPlane?.link === undefined ? {} : { controlPlane: controlPlane.link }),
    },
    honorExcludeLabel: v.honor_exclude_label,
    conflictPolicy: v.conflict_policy,
    lease,
    election,
    allocatorTimes: election.kind === 'heartbeat' && !timed ? PATIENT : lease,
    // A router that routes to an address opens no port for it, and an answer may come to any node.
    routerEnabled: v.enable_upnp && mode.kind === 'arp',
    egressInside: { pods: v.egress_podcidr, services: v.egress_servicecidr },
    ...(v.mirror_dest_interface === '' ? {} : { mirrorTo: v.mirror_dest_interface }),
    nodeLabels: v.enable_node_labeling,
    serviceSecurity: v.enable_service_security,
    dhcpSpare: v.dhcp_spare,
    dhcp6Spare: v.dhcp6_spare,
    logLevel: v.vip_loglevel <= -4 ? 'debug' : v.vip_loglevel < 4 ? 'info' : v.vip_loglevel < 8 ? 'warn' : 'error',
    configMap: { name: v.kubevip_configmap, namespace: v.kubevip_configmap_namespace },
    ...(v.kubevip_cluster_record === '' ? {} : { clusterRecord: v.kubevip_cluster_record }),
    ...(v.svc_namespace === '' ? {} : { watchNamespace: v.svc_namespace }),
    ...(link === '' || link === 'auto' ? {} : { link }),
    ...(listen === undefined ? {} : { listen }),
    ...(v.kubevip_netns === '' ? {} : { netns: v.kubevip_netns }),
    ...(kubeconfig ? { kubeconfig } : {}),
  };
}
