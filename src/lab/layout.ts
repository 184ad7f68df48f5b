/** Who is who in the lab: the names of its namespaces, and the addresses on its LAN. The same in every lab. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, KubevipError } from '../model/errors.ts';

/** Addresses of the LAN 10.77.0.0/24. Nodes are .11 and up; addresses above .200 are free for pools. */
export const LAN = {
  prefixLength: 24,
  cidr: '10.77.0.0/24',
  router: '10.77.0.1',
  laptop: '10.77.0.50',
  dhcp: { first: '10.77.0.100', last: '10.77.0.199' },
  pool: { first: '10.77.0.200', last: '10.77.0.249' },
} as const;

/**
 * The same LAN in IPv6, unless the option `ipv6` is off: the prefix the provider delegates, and a local one (RFC 4193),
 * since homes have both. Hosts have the number of their IPv4 address in each; ::200 to ::fff are free for pools.
 */
export const LAN6 = {
  prefix: '2001:db8:77::/64',
  localPrefix: 'fd77::/64',
  router: '2001:db8:77::1',
  laptop: '2001:db8:77::50',
  /** Link-local address of the router: what it says of itself in its advertisements, so what hosts route to. */
  gateway: 'fe80::77:ff:fe00:1',
  dhcp: { first: '2001:db8:77::1000', last: '2001:db8:77::1fff' },
  localDhcp: { first: 'fd77::1000', last: 'fd77::1fff' },
  pool: { first: '2001:db8:77::200', last: '2001:db8:77::2ff' },
  wanRouter: '2001:db8:ff::2',
  wanInternet: '2001:db8:ff::1',
} as const;

/** Where the API server takes cluster addresses of Services from. */
export const SERVICE_CIDRS = { ipv4: '10.96.0.0/16', ipv6: 'fd96::/112' } as const;

/** The network by which nodes reach the API server, apart from the LAN: a broken LAN shall not hide what happens. */
export const MANAGEMENT = { cidr: '172.31.0.0/24', api: '172.31.0.1', apiPort: 6443 } as const;

/**
 * What the provider gives the router. `public` lies in a block that no list of reserved addresses names, since
 * miniupnpd refuses those; the others are what a second NAT in front of the router looks like.
 */
export const WAN = {
  public: { router: '192.0.1.2', internet: '192.0.1.1', prefixLength: 24 },
  private: { router: '192.168.178.2', internet: '192.168.178.1', prefixLength: 24 },
  cgnat: { router: '100.64.0.2', internet: '100.64.0.1', prefixLength: 10 },
} as const;
export type WanKind = keyof typeof WAN;

/** Name of node number `index` (0-based): n1, n2, … */
export function nodeName(index: number): string {
  return `n${index + 1}`;
}

export interface NodeAddresses {
  readonly lan: string;
  readonly lan6: string;
  /** On the management network. */
  readonly management: string;
  readonly mac: string;
  /** The prefixes its pods live in. */
  readonly pods: string;
  readonly pods6: string;
}

export function nodeAddresses(node: string): NodeAddresses {
  const number = 10 + Number(node.slice(1));
  return {
    lan: `10.77.0.${number}`,
    lan6: `2001:db8:77::${number}`,
    management: `172.31.0.${number}`,
    mac: macOf(number),
    pods: `10.88.${number}.0/24`,
    pods6: `fd88:0:0:${number}::/64`,
  };
}

/** The IPv6 address of a pod, with the numbers of its IPv4 address: 10.88.11.2 → fd88:0:0:11::2. */
export function podAddress6(podIp: string): string {
  const [, , node, host] = podIp.split('.');
  return `fd88:0:0:${node}::${host}`;
}

/** Locally administered, with the last byte of the host's LAN address. */
export function macOf(hostNumber: number): string {
  return `02:77:00:00:00:${hostNumber.toString(16).padStart(2, '0')}`;
}

/** Where things of a lab are. All of it is derived from its id. */
export interface LabPaths {
  readonly id: string;
  /** Everything the lab writes, mode 0700. */
  readonly dir: string;
  readonly state: string;
  readonly logs: string;
  readonly config: string;
  readonly leases: string;
  readonly upnpLeases: string;
  readonly apiData: string;
  /** Written with the option `audit`. */
  readonly auditLog: string;
  readonly kubeconfigs: string;
  /** Kubeconfig for the root namespace (CLI, kubectl). */
  readonly adminKubeconfig: string;
  /** Kubeconfig for node namespaces. */
  readonly agentKubeconfig: string;
  /** A folder for each node, for what its programs keep on disk. */
  readonly disks: string;
  /** A file `NODE` in here: the node is powered off. */
  readonly power: string;
  /** Prefix of all its namespaces. */
  readonly netnsPrefix: string;
}

/** @throws KubevipError BAD_LAB_ID */
export function labPaths(id: string): LabPaths {
  // No dash: the namespaces of lab `a` must not begin like those of another lab.
  if (!/^[a-z0-9]{1,24}$/.test(id)) {
    throw new KubevipError(`a lab id has 1 to 24 lower-case letters and digits, not ${JSON.stringify(id)}`, {
      code: 'BAD_LAB_ID',
      exit: EXIT.usage,
    });
  }
  const dir = join(tmpdir(), `kubevip-lab-${id}`);
  const kubeconfigs = join(dir, 'kube');
  return {
    id,
    dir,
    state: join(dir, 'state.json'),
    logs: join(dir, 'log'),
    config: join(dir, 'etc'),
    leases: join(dir, 'dnsmasq.leases'),
    upnpLeases: join(dir, 'upnp.leases'),
    apiData: join(dir, 'api'),
    auditLog: join(dir, 'audit.log'),
    kubeconfigs,
    adminKubeconfig: join(kubeconfigs, 'admin.kubeconfig'),
    agentKubeconfig: join(kubeconfigs, 'agent.kubeconfig'),
    disks: join(dir, 'disks'),
    power: join(dir, 'power'),
    netnsPrefix: `kubevip-${id}-`,
  };
}

/** Hosts that are not nodes; `lan` and `mgmt` are the two switches. */
export const FIXED_HOSTS = ['lan', 'mgmt', 'router', 'internet', 'laptop'] as const;

export function netnsOf(paths: Pick<LabPaths, 'netnsPrefix'>, host: string): string {
  return `${paths.netnsPrefix}${host}`;
}
