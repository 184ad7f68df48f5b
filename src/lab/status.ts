/** What there is of a lab right now. Read from the kernel, the router and the lease file, not from what was intended. */
import { agentName } from './cluster-daemons.ts';
import { logFile, runningDaemons } from './daemons.ts';
import { hostNames } from './hosts.ts';
import { LAN, LAN6, labPaths, MANAGEMENT, netnsOf, nodeAddresses, WAN } from './layout.ts';
import { netnsExists } from './netns.ts';
import { nodeNames } from './network.ts';
import type { LabOptions } from './options.ts';
import { readLeases, type DhcpLeaseRecord } from './router/dnsmasq.ts';
import { readMappings, readPinholes, type Pinhole, type PortMapping } from './router/nat.ts';
import { readState } from './state.ts';

export interface LabStatus {
  readonly id: string;
  readonly up: boolean;
  readonly dir: string;
  /** For kubectl and kubevip on this machine. Absent without a cluster. */
  readonly kubeconfig?: string;
  readonly hosts: readonly HostStatus[];
  /** Daemons that ought to run and do not, with their log files. */
  readonly missing: readonly { readonly daemon: string; readonly log: string }[];
  readonly leases: readonly DhcpLeaseRecord[];
  readonly mappings: readonly PortMapping[];
  readonly pinholes: readonly Pinhole[];
}

export interface HostStatus {
  readonly name: string;
  readonly netns: string;
  readonly power: 'on' | 'off';
  readonly addresses: readonly string[];
  readonly daemons: readonly { readonly name: string; readonly pid: number }[];
}

export async function labStatus(id: string): Promise<LabStatus> {
  const paths = labPaths(id);
  const state = readState(paths);
  if (state === undefined) {
    return { id, up: false, dir: paths.dir, hosts: [], missing: [], leases: [], mappings: [], pinholes: [] };
  }
  const { options } = state;
  const running = runningDaemons(paths);
  const isOn = (host: string): boolean => netnsExists(netnsOf(paths, host));
  const hosts = hostNames(options)
    .filter((name) => name !== 'lan')
    .map((name): HostStatus => ({
      name,
      netns: netnsOf(paths, name),
      power: isOn(name) ? 'on' : 'off',
      addresses: addressesOf(name, options),
      daemons: [...running]
        .filter(([daemon]) => hostOf(daemon) === name)
        .map(([daemon, { pid }]) => ({ name: daemon, pid })),
    }));
  const [mappings, pinholes] = isOn('router')
    ? await Promise.all([readMappings(paths), readPinholes(paths)])
    : [[], []];
  const missing = expectedDaemons(options)
    .filter((daemon) => !running.has(daemon) && isOn(hostOf(daemon)))
    .map((daemon) => ({ daemon, log: logFile(paths, daemon) }));
  return {
    id,
    up: missing.length === 0 && hosts.every(({ power }) => power === 'on'),
    dir: paths.dir,
    ...(options.cluster ? { kubeconfig: paths.adminKubeconfig } : {}),
    hosts,
    missing,
    leases: readLeases(paths),
    mappings,
    pinholes,
  };
}

function expectedDaemons(options: LabOptions): string[] {
  const { cluster, agents, upnp } = options;
  const nodes = nodeNames(options);
  return [
    'router-dnsmasq',
    ...(upnp.igd || upnp.natPmp || upnp.pcp ? ['router-miniupnpd'] : []),
    'laptop-dbus',
    'laptop-avahi',
    ...(cluster ? ['api', 'workloads'] : []),
    ...(cluster && agents ? nodes.map(agentName) : []),
  ];
}

/** `n1-agent` runs on n1; what has no host of its own is shown with the management network. */
function hostOf(daemon: string): string {
  return daemon.includes('-') ? daemon.slice(0, daemon.indexOf('-')) : 'mgmt';
}

function addressesOf(host: string, options: LabOptions): string[] {
  const v6 = (...addresses: string[]): string[] => (options.ipv6 ? addresses : []);
  switch (host) {
    case 'router':
      return [LAN.router, WAN[options.wan].router, ...v6(LAN6.router, LAN6.wanRouter)];
    case 'internet':
      return [WAN[options.wan].internet, ...v6(LAN6.wanInternet)];
    case 'laptop':
      return [LAN.laptop, ...v6(LAN6.laptop)];
    case 'mgmt':
      return [MANAGEMENT.api];
    default:
      return [nodeAddresses(host).lan, nodeAddresses(host).management, ...v6(nodeAddresses(host).lan6)];
  }
}
