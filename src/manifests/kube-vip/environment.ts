/** The environment of the agent, in kube-vip's order, and what it drops behind it. */
import { NODE_NAME, value } from '../container.ts';
import type { EnvVar } from '../objects.ts';
import { subnetOf, type Endpoint } from './address.ts';
import { passwordVariable, secretSettings } from './passwords.ts';
import type { Given } from './read.ts';
import type { Setting } from './setting.ts';
import { ROWS, type SettingName } from './table.ts';

export interface Circumstances {
  readonly endpoint: Endpoint | undefined;
  /** Whether variables may come from Secrets. */
  readonly fromSecret: boolean;
  /** Kubeconfig to name, where the agent would look elsewhere. */
  readonly kubeconfig?: string;
}

/** @throws KubevipError PASSWORD_IN_CLEAR */
export function environment(given: Given, { endpoint, fromSecret, kubeconfig }: Circumstances): EnvVar[] {
  const { values } = given;
  const secrets = new Set<SettingName>(secretSettings(given));
  const special: Partial<Record<SettingName, string>> = {
    vip_subnet: subnetOf(given, endpoint),
    dhcp_mode: values.dhcp_mode || (values.dns_mode === 'first' ? 'ipv4' : values.dns_mode),
    // By ARP every node would claim an address that is not elected.
    vip_leaderelection: String(values.vip_leaderelection || values.vip_arp),
    ...(kubeconfig === undefined ? {} : { k8s_config_file: kubeconfig }),
  };
  const write = (name: SettingName): EnvVar => {
    if (name === 'vip_nodename' && values.vip_nodename === '') return NODE_NAME;
    if (secrets.has(name)) return passwordVariable(name as 'bgp_peerpass' | 'bgp_peers', given, fromSecret);
    return value(name, special[name] ?? values[name]);
  };
  const usual = usualNames(given, endpoint);
  const further = ROWS.filter(
    ([name, row]: readonly [SettingName, Setting]) =>
      given.given.has(name) && row.flagOnly !== true && !BY_OTHER_MEANS.has(name) && !usual.includes(name),
  ).map(([name]) => name);
  return [...usual, ...further, ...(kubeconfig === undefined ? [] : (['k8s_config_file'] as const))].map(write);
}

/** Mounts and arguments, not variables. */
const BY_OTHER_MEANS: ReadonlySet<SettingName> = new Set(['k8s_config_file', 'config_file']);

/** What kube-vip writes whether or not it was asked for, or because of something else that was. */
function usualNames({ values }: Given, endpoint: Endpoint | undefined): SettingName[] {
  const elects = values.vip_leaderelection || values.vip_arp;
  const named = (name: SettingName): boolean => values[name] !== '' && values[name] !== false;
  return (
    [
      [true, 'vip_arp', 'port', 'vip_nodename'],
      [named('vip_interface'), 'vip_interface'],
      [named('vip_servicesinterface'), 'vip_servicesinterface'],
      [endpoint !== undefined, 'vip_subnet'],
      [true, 'dns_mode', 'dhcp_mode'],
      [values.cp_enable, 'cp_enable', 'cp_namespace'],
      [values.svc_enable, 'svc_enable', 'svc_leasename'],
      [elects, 'vip_leaderelection', 'vip_leasename', 'vip_leaseduration', 'vip_renewdeadline', 'vip_retryperiod'],
      [values.lb_enable, 'lb_enable', 'lb_port', 'lb_fwdmethod'],
      [values.bgp_enable, 'bgp_enable'],
      [values.bgp_enable && named('bgp_routerid'), 'bgp_routerid'],
      [values.bgp_enable, 'bgp_as'],
      [values.bgp_enable && named('bgp_peeraddress'), 'bgp_peeraddress'],
      [values.bgp_enable && named('bgp_peerpass'), 'bgp_peerpass'],
      [values.bgp_enable, 'bgp_peeras'],
      [named('address'), 'address'],
      [named('vip_address') && !named('address'), 'vip_address'],
      [true, 'prometheus_server'],
    ] as [boolean, ...SettingName[]][]
  ).flatMap(([when, ...names]) => (when ? names : []));
}
