/** What kube-vip's generators accept although nothing good comes of it. */
import { EXIT, KubevipError } from '../../model/errors.ts';
import { readEtcd } from '../../model/etcd.ts';
import { parseGoDuration } from '../../model/time.ts';
import { readEndpoint, subnetOf, type Endpoint } from './address.ts';
import type { Image } from './image.ts';
import { badSetting, wordFor, type Given } from './read.ts';
import type { SettingName } from './table.ts';

export type Target = 'pod' | 'daemonset' | 'kubeadm';

const MODES = ['vip_arp', 'bgp_enable', 'vip_routingtable', 'vip_wireguard'] as const;

/** @throws KubevipError, exit 2, naming the flag. @returns the control plane's address, if there is to be one. */
export function validate(given: Given, target: Target, image: Image): Endpoint | undefined {
  checkFeatures(given, target);
  const endpoint = controlPlaneAddress(given);
  subnetOf(given, endpoint);
  checkModes(given);
  checkLeaseTimes(given);
  checkNames(given, target);
  checkListeners(given);
  checkEtcd(given, image);
  const { values } = given;
  if (values.vip_ddns && endpoint?.hostname === undefined)
    throw refused('--ddns asks a DHCP server by a name: --address must be a DNS name then');
  if (values.bgp_sourceif !== '' && values.bgp_sourceip !== '')
    throw refused('--sourceIF and --sourceIP exclude each other');
  if (values.config_file !== '' && !values.config_file.startsWith('/'))
    throw badSetting('--config-file', values.config_file, 'an absolute path on the node');
  const pause = parseGoDuration(values.debounce_time);
  if (pause === undefined || (pause !== 0 && pause < 200))
    throw badSetting('--debounceTime', values.debounce_time, 'a duration of at least 200ms');
  return endpoint;
}

function checkFeatures({ values }: Given, target: Target): void {
  if (target === 'kubeadm' && !values.cp_enable)
    throw refused('a pod for kubeadm without --controlplane would do nothing', 'Add --controlplane.');
  if (!values.cp_enable && !values.svc_enable)
    throw refused('neither --controlplane nor --services: the agent would do nothing', 'Add one of them, or both.');
}

function controlPlaneAddress({ values }: Given): Endpoint | undefined {
  const { address, vip_address: old } = values;
  if (address !== '' && old !== '' && address !== old)
    throw refused('--address and --vip name different addresses', '--vip is the old name of --address: give one.');
  const text = address || old;
  if (text !== '') return readEndpoint(text, address === '' ? '--vip' : '--address');
  if (values.cp_enable)
    throw refused('--controlplane has no address', 'Add --address with an address of your LAN that nobody uses.');
  return undefined;
}

function checkModes({ values }: Given): void {
  const on = MODES.filter((name) => values[name]);
  if (on.length === 1) return;
  const words = (names: readonly SettingName[]): string => names.map(wordFor).join(', ');
  if (on.length === 0) throw refused('no way to announce addresses is chosen', `Add one of ${words(MODES)}.`);
  throw refused(`${words(on)} exclude each other: an agent announces in one way`);
}

function checkLeaseTimes({ values }: Given): void {
  const { vip_leaseduration: duration, vip_renewdeadline: deadline, vip_retryperiod: retry } = values;
  if (duration > deadline && deadline > retry * 1.2) return;
  throw refused(
    `lease times do not fit: --leaseDuration (${duration}) > --leaseRenewDuration (${deadline}) > 1.2 × --leaseRetry (${retry}) must hold`,
  );
}

function checkNames({ values }: Given, target: Target): void {
  for (const name of ['vip_interface', 'vip_servicesinterface', 'bgp_sourceif', 'mirror_dest_interface'] as const) {
    if (values[name] !== '' && !/^[^\s/]{1,15}$/.test(values[name]))
      throw badSetting(wordFor(name), values[name], 'the name of an interface');
  }
  for (const name of ['cp_namespace', 'svc_namespace'] as const) {
    if (values[name] !== '' && !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(values[name]))
      throw badSetting(wordFor(name), values[name], 'the name of a namespace');
  }
  if (!/^[\w.-]{0,243}$/.test(values.instance_name))
    throw badSetting('--instanceName', values.instance_name, 'of letters, digits, dots, dashes and underscores');
  if (!/^\S+$/.test(values.image || 'ours')) throw badSetting('--image', values.image, 'the name of an image');
  if (!values.k8s_config_file.startsWith('/'))
    throw badSetting('--k8sConfigPath', values.k8s_config_file, 'an absolute path');
  if (values.vip_nodename !== '' && target === 'daemonset')
    throw refused('--nodeName would give the pods of all nodes one name', 'Leave it away: each has that of its node.');
}

function checkListeners({ values }: Given): void {
  if (values.prometheus_server !== '') listenAddress(values.prometheus_server);
  if (values.health_check_port !== 0 && values.health_check_port < 1024)
    throw badSetting('--healthCheckPort', String(values.health_check_port), '0 or a port from 1024');
}

/** @throws KubevipError BAD_SETTING unless it is `[HOST]:PORT`. */
export function listenAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(|[\w.-]+|\[[0-9a-f:.]+\]):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535)
    throw badSetting('--prometheusHTTPServer', text, 'of the form :PORT or HOST:PORT');
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port };
}

export const ETCD = ['etcdEndpoints', 'etcdCACert', 'etcdCert', 'etcdKey'] as const;

function checkEtcd({ values }: Given, image: Image): void {
  if (values.leaderElectionType !== 'etcd') {
    const stray = ETCD.find((name) => values[name] !== '');
    if (stray !== undefined) throw refused(`${wordFor(stray)} means nothing without --leaderElectionType etcd`);
    return;
  }
  if (!values.cp_enable)
    throw refused(
      '--leaderElectionType etcd is about the control plane alone',
      'Add --controlplane, or leave it away.',
    );
  const access = readEtcd(values, wordFor);
  if ('fault' in access) throw refused(access.fault);
  // Our agent takes an etcd without certificates; kube-vip reads files by these names whether or not they are given.
  const missing = image.agent === 'kube-vip' ? ETCD.find((name) => values[name] === '') : undefined;
  if (missing !== undefined) throw refused(`--leaderElectionType etcd needs ${wordFor(missing)}`);
}

function refused(message: string, ...hints: string[]): KubevipError {
  return new KubevipError(message, { code: 'SETTINGS_REFUSED', exit: EXIT.usage, hints });
}
