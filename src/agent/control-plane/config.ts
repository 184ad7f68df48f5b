/** The settings of the control-plane VIP, checked together. */
import type { VipRequest } from '../../exposure/control-plane/vip-addresses.ts';
import { DHCP_MODE_FAMILIES, type DhcpMode } from '../../model/dhcp-mode.ts';
import type { DnsMode } from '../../model/dns-mode.ts';
import { firstLabel, isDnsName } from '../../model/dns-label.ts';
import { EXIT, KubevipError } from '../../model/errors.ts';
import { readEtcd, type EtcdAccess, type EtcdSettings } from '../../model/etcd.ts';
import { familyOf, parseIp } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';

/** Of IPVS. */
export const FORWARDING_METHODS = ['local', 'masquerade', 'tunnel', 'directroute', 'bypass'] as const;
export type ForwardingMethod = (typeof FORWARDING_METHODS)[number];

/** kube-vip's: by a Lease, or in an etcd. */
export const ELECTION_TYPES = ['kubernetes', 'etcd'] as const;

/** The variables that it is made of, as `SETTINGS` reads them. */
export interface ControlPlaneSettings extends EtcdSettings {
  readonly cp_enable: boolean;
  readonly address: string;
  readonly vip_address: string;
  readonly port: number;
  readonly dns_mode: DnsMode;
  readonly vip_ddns: boolean;
  readonly dhcp_mode: '' | DhcpMode;
  readonly vip_subnet: string;
  readonly vip_interface: string;
  readonly vip_leasename: string;
  readonly vip_leaseannotations: string;
  readonly cp_namespace: string;
  readonly kubernetes_addr: string;
  readonly control_plane_health_check_address: string;
  readonly control_plane_health_check_period_seconds: number;
  readonly control_plane_health_check_timeout_seconds: number;
  readonly control_plane_health_check_failure_threshold: number;
  readonly control_plane_health_check_ca_path: string;
  readonly leaderElectionType: (typeof ELECTION_TYPES)[number];
  readonly kubevip_cluster_name: string;
  readonly lb_enable: boolean;
  readonly lb_port?: number | undefined;
  readonly lb_fwdmethod: ForwardingMethod | '';
  readonly backend_health_check_interval: number;
}

export interface ControlPlaneConfig {
  readonly vip: VipRequest;
  /** Of the API server, on the VIP and on this node. */
  readonly port: number;
  readonly lease: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations: Readonly<Record<string, string>>;
  };
  /** Its owner is elected in an etcd, and the Lease is a record. */
  readonly etcd?: EtcdAccess & {
    /** As kube-vip calls it. */
    readonly election: string;
  };
  /** Undefined: the interface whose subnet holds the VIP. */
  readonly link?: string;
  /** Where Leases are read and written, when not at this node's own API server. */
  readonly server?: URL;
  readonly health: {
    /** Undefined: `/readyz` of this node's API server. */
    readonly url?: URL;
    /** Of whoever signed the certificate of `url`, when the kubeconfig's does not. */
    readonly caFile?: string;
    readonly period: Milliseconds;
    readonly timeout: Milliseconds;
    /** Failures in a row that make it unhealthy. */
    readonly threshold: number;
  };
  /** `lb_enable`: connections to the VIP are spread over the API servers. */
  readonly balance?: {
    /** Of the VIP. */
    readonly port: number;
    /** Between two looks at an API server. */
    readonly interval: Milliseconds;
    /** What is said once of a setting that means nothing here. */
    readonly remark?: string;
  };
  /** Published by mDNS under this name; undefined: not published. */
  readonly cluster?: string;
}

/** RFC 1123, and no longer than a DNS label: it becomes `NAME.local`. */
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Undefined without `cp_enable`. @throws KubevipError BAD_CONFIG naming the variable that is wrong. */
export function readControlPlane(v: ControlPlaneSettings): ControlPlaneConfig | undefined {
  if (!v.cp_enable) {
    if (v.leaderElectionType === 'etcd')
      throw bad('leaderElectionType=etcd is about the control-plane VIP alone, and cp_enable=true is missing');
    return undefined;
  }
  const vip = readVip(v);
  checkSubnet(v.vip_subnet);
  const [namespace, name] = readLeaseName(v.vip_leasename, v.cp_namespace);
  const url = v.control_plane_health_check_address;
  if (v.kubevip_cluster_name !== '' && !LABEL.test(v.kubevip_cluster_name)) {
    throw bad(`kubevip_cluster_name: ${JSON.stringify(v.kubevip_cluster_name)} is not one DNS label such as \`home\``);
  }
  return {
    vip,
    port: v.port,
    lease: { name, namespace, annotations: readAnnotations(v.vip_leaseannotations) },
    health: {
      period: v.control_plane_health_check_period_seconds * 1000,
      timeout: v.control_plane_health_check_timeout_seconds * 1000,
      threshold: v.control_plane_health_check_failure_threshold,
      ...(url === '' ? {} : { url: readUrl('control_plane_health_check_address', url) }),
      ...(v.control_plane_health_check_ca_path === '' ? {} : { caFile: v.control_plane_health_check_ca_path }),
    },
    ...readElectionInEtcd(v, `${namespace}-${name}`),
    ...(['', 'auto', 'lo'].includes(v.vip_interface) ? {} : { link: v.vip_interface }),
    ...(v.kubernetes_addr === '' ? {} : { server: readUrl('kubernetes_addr', v.kubernetes_addr) }),
    ...(v.kubevip_cluster_name === '' ? {} : { cluster: v.kubevip_cluster_name }),
    ...(v.lb_enable ? { balance: readBalance(v) } : {}),
  };
}

function readElectionInEtcd(v: ControlPlaneSettings, election: string): Pick<ControlPlaneConfig, 'etcd'> {
  if (v.leaderElectionType !== 'etcd') {
    const stray = (['etcdEndpoints', 'etcdCACert', 'etcdCert', 'etcdKey'] as const).find((name) => v[name] !== '');
    if (stray !== undefined) throw bad(`${stray} means nothing without leaderElectionType=etcd`);
    return {};
  }
  const access = readEtcd(v, (name) => name);
  if ('fault' in access) throw bad(access.fault);
  return { etcd: { ...access, election } };
}

function readBalance(v: ControlPlaneSettings): NonNullable<ControlPlaneConfig['balance']> {
  const method = v.lb_fwdmethod;
  const meansNothing = method !== '' && method !== 'masquerade';
  return {
    port: v.lb_port ?? v.port,
    interval: v.backend_health_check_interval * 1000,
    ...(meansNothing
      ? { remark: `lb_fwdmethod=${method} is a way of IPVS: here nftables translates addresses, as with masquerade` }
      : {}),
  };
}

function readVip({
  address,
  vip_address,
  dns_mode,
  vip_ddns,
  dhcp_mode,
}: ControlPlaneSettings): ControlPlaneConfig['vip'] {
  const variable = address === '' ? 'vip_address' : 'address';
  const text = (address || vip_address).trim();
  if (text === '') throw bad('address: the control-plane VIP is missing, and cp_enable=true needs it');
  const parts = text.split(',').map((part) => part.trim());
  const addresses = parts.map((part) => parseIp(part));
  if (addresses.every((ip) => ip !== undefined)) {
    if (new Set(addresses.map(familyOf)).size < addresses.length) {
      throw bad(
        `${variable}: ${JSON.stringify(text)} has two addresses of one family; give one IPv4 and one IPv6 address`,
      );
    }
    if (vip_ddns)
      throw bad(`vip_ddns asks a DHCP server by a name: ${variable} must be a DNS name then, and is ${text}`);
    return { addresses };
  }
  const [name = ''] = parts;
  if (parts.length > 1 || !isDnsName(name)) {
    throw bad(`${variable}: ${JSON.stringify(text)} is neither an address, IPV4,IPV6, nor a DNS name`);
  }
  const plain = name.replace(/\.$/, '').toLowerCase();
  if (!vip_ddns) return { name: plain, mode: dns_mode };
  const families = DHCP_MODE_FAMILIES[dhcpModeOf({ dhcp_mode, dns_mode })];
  return { name: plain, hostname: firstLabel(plain), families };
}

/** As in kube-vip, where `first` is IPv4. */
export function dhcpModeOf({ dhcp_mode, dns_mode }: Pick<ControlPlaneSettings, 'dhcp_mode' | 'dns_mode'>): DhcpMode {
  return dhcp_mode || (dns_mode === 'first' ? 'ipv4' : dns_mode);
}

/** kube-vip's prefix lengths of the VIP. Here it always stands alone on its interface (/32, /128). */
function checkSubnet(text: string): void {
  const parts = text === '' ? [] : text.split(',').map((part) => part.trim().replace(/^\//, ''));
  if (parts.length > 2 || parts.some((part) => part !== 'auto' && !(/^\d{1,3}$/.test(part) && Number(part) <= 128))) {
    throw bad(`vip_subnet: ${JSON.stringify(text)} is not a prefix length, nor two of them for IPv4 and IPv6 (32,128)`);
  }
}

/** `name` or `namespace/name`. */
function readLeaseName(text: string, fallback: string): readonly [string, string] {
  const [first = '', second, ...more] = text.split('/');
  const [namespace, name] = second === undefined ? [fallback, first] : [first, second];
  if (more.length > 0 || namespace === '' || name === '') {
    throw bad(`vip_leasename: ${JSON.stringify(text)} is neither NAME nor NAMESPACE/NAME`);
  }
  return [namespace, name];
}

function readAnnotations(text: string): Readonly<Record<string, string>> {
  if (text === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap || !Object.values(value as object).every((one) => typeof one === 'string')) {
    throw bad('vip_leaseannotations: not a JSON object of texts such as {"team":"infra"}');
  }
  return value as Record<string, string>;
}

function readUrl(variable: string, text: string): URL {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw bad(`${variable}: ${JSON.stringify(text)} is not a URL such as https://127.0.0.1:6443`);
  }
  return new URL(text);
}

function bad(message: string): KubevipError {
  return new KubevipError(message, { code: 'BAD_CONFIG', exit: EXIT.usage });
}
