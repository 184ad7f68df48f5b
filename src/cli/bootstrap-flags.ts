/** Flags of `init` and `join`, and how they end in the one configuration that a file could hold as well. */
import { Flags } from '@oclif/core';
import { mergePatch, type Document } from '../cluster/kubeadm/merge-patch.ts';
import type { ConfigSource } from '../cluster/config.ts';
import { EXIT, KubevipError, messageOf } from '../model/errors.ts';
import { BGP_SETTING_FLAGS, bgpClusterFlags, bgpMachineFlags } from './bgp-flags.ts';
import { readPools } from './pool-flags.ts';

export const machineFlags = {
  config: Flags.string({
    char: 'f',
    description: 'File with the configuration; flags go before it. `kubevip init --print-config` prints one',
    helpValue: 'FILE',
    helpGroup: 'CONFIGURATION',
  }),
  interface: Flags.string({
    description: 'Interface for the virtual IP on this machine; by default the one whose subnet holds it',
    helpValue: 'NAME',
    helpGroup: 'THIS MACHINE',
  }),
  'node-name': Flags.string({
    description: 'Name of this machine in the cluster; by default its host name',
    helpValue: 'NAME',
    helpGroup: 'THIS MACHINE',
  }),
  'node-ip': Flags.string({
    description: 'Address of this machine; by default that of the interface',
    helpValue: 'ADDRESS',
    helpGroup: 'THIS MACHINE',
  }),
  ...bgpMachineFlags,
  'cri-socket': Flags.string({
    description: 'Socket of the container runtime; by default the one that is there',
    helpValue: 'PATH',
    helpGroup: 'THIS MACHINE',
  }),
  'user-kubeconfig': Flags.string({
    description: 'Kubeconfig that learns the way to the cluster; by default ~/.kube/config, "" for none',
    helpValue: 'FILE',
    helpGroup: 'THIS MACHINE',
  }),
  'ignore-preflight-errors': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    delimiter: ',',
    description: 'Checks of kubeadm to pass over',
    helpValue: 'CHECK',
    helpGroup: 'THIS MACHINE',
  }),
  ignore: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'Take this finding about the machine for a warning (`doctor` shows its name)',
    helpValue: 'ID',
    helpGroup: 'THIS MACHINE',
  }),
  fix: Flags.boolean({
    description: 'Mend first what is wrong with the machine, where that loses nothing; `reset` takes it back',
    helpGroup: 'THIS MACHINE',
  }),
  'dry-run': Flags.boolean({ description: 'Show the plan in full and change nothing' }),
  yes: Flags.boolean({ char: 'y', description: 'Do not ask' }),
};

export const clusterSettingFlags = {
  vip: Flags.string({
    description: 'Virtual IP of the API, one of each family with a comma between, or a DNS name',
    helpValue: 'ADDRESS',
    helpGroup: 'CLUSTER',
  }),
  port: Flags.integer({ description: 'Port of the API (default 6443)', helpValue: 'PORT', helpGroup: 'CLUSTER' }),
  ...bgpClusterFlags,
  name: Flags.string({
    description: 'Name of the cluster (default kubevip): NAME.local, and the context of the kubeconfig',
    helpValue: 'NAME',
    helpGroup: 'CLUSTER',
  }),
  'kubernetes-version': Flags.string({
    description: 'Version to install; by default that of kubeadm',
    helpValue: 'VERSION',
    helpGroup: 'CLUSTER',
  }),
  'pod-subnet': Flags.string({ description: 'Addresses of pods', helpValue: 'PREFIX', helpGroup: 'CLUSTER' }),
  'service-subnet': Flags.string({
    description: 'Addresses of Services inside the cluster',
    helpValue: 'PREFIX',
    helpGroup: 'CLUSTER',
  }),
  san: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'One more name or address for the certificate of the API',
    helpValue: 'NAME',
    helpGroup: 'CLUSTER',
  }),
  workloads: Flags.boolean({
    allowNo: true,
    description: 'Ordinary pods run on control planes too (default yes)',
    helpGroup: 'CLUSTER',
  }),
  services: Flags.boolean({
    allowNo: true,
    description: 'Install the part that gives Services addresses (default yes)',
    helpGroup: 'SERVICES',
  }),
  pool: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'Addresses for Services, of one namespace or of all: ranges, prefixes, or `dhcp`',
    helpValue: '[NAMESPACE=]RANGE',
    helpGroup: 'SERVICES',
  }),
  dhcp: Flags.boolean({ description: 'Services get addresses by DHCP', helpGroup: 'SERVICES' }),
  'exclude-label': Flags.option({
    options: ['ignore', 'honor'] as const,
    description: 'Kubernetes’ label against load balancers, which kubeadm sets on control planes (default ignore)',
    helpGroup: 'SERVICES',
  })(),
  image: Flags.string({ description: 'Image of the agent', helpValue: 'IMAGE', helpGroup: 'CLUSTER' }),
};

type Given<T> = { readonly [Key in keyof T]?: unknown };
export type MachineFlagValues = Given<typeof machineFlags>;
export type ClusterFlagValues = Given<typeof clusterSettingFlags>;

/** Which key of the configuration each flag sets. */
const SETTING_FLAGS = [
  ['clusterName', 'name'],
  ['controlPlane.vip', 'vip'],
  ['controlPlane.interface', 'interface'],
  ['controlPlane.port', 'port'],
  ['controlPlane.workloads', 'workloads'],
  ...BGP_SETTING_FLAGS,
  ['kubernetesVersion', 'kubernetes-version'],
  ['podSubnet', 'pod-subnet'],
  ['serviceSubnet', 'service-subnet'],
  ['nodeName', 'node-name'],
  ['nodeIp', 'node-ip'],
  ['criSocket', 'cri-socket'],
  ['services.enabled', 'services'],
  ['services.pools', 'pool'],
  ['services.dhcp', 'dhcp'],
  ['services.excludeLabel', 'exclude-label'],
  ['image', 'image'],
  ['kubeadm.ignorePreflightErrors', 'ignore-preflight-errors'],
  ['kubeadm.extraSans', 'san'],
  ['user.kubeconfig', 'user-kubeconfig'],
] as const satisfies readonly (readonly [key: string, flag: keyof MachineFlagValues | keyof ClusterFlagValues])[];

/** The configuration that flags alone make; empty where none was given. */
export function configOfFlags(flags: MachineFlagValues & ClusterFlagValues): Document {
  return SETTING_FLAGS.reduce<Document>((document, [key, flag]) => {
    const given = flags[flag];
    if (given === undefined) return document;
    const value = flag === 'pool' ? readPools(given as readonly string[], 'global') : given;
    const [section, name] = key.split('.');
    return mergePatch(document, { [section ?? '']: name === undefined ? value : { [name]: value } });
  }, {});
}

export interface ConfigInput {
  /** Undefined: neither a file nor a flag said anything. */
  readonly document: Document | undefined;
  readonly source: ConfigSource;
}

/** File and flags together. @throws KubevipError BAD_CONFIG_FILE (exit 2) */
export async function readConfigInput(flags: MachineFlagValues & ClusterFlagValues): Promise<ConfigInput> {
  const fromFlags = configOfFlags(flags);
  if (typeof flags.config !== 'string') {
    const nothing = Object.keys(fromFlags).length === 0;
    return { document: nothing ? undefined : fromFlags, source: { name: 'the flags', keyName: flagOf } };
  }
  return { document: mergePatch(await readConfigFile(flags.config), fromFlags), source: { name: flags.config } };
}

/** The flag that sets a key of the configuration; the key itself where there is none. */
function flagOf(key: string): string {
  const found = SETTING_FLAGS.find(([prefix]) => key === prefix || key.startsWith(`${prefix}.`));
  return found === undefined ? key : `--${found[1]}`;
}

async function readConfigFile(path: string): Promise<Document> {
  const bad = (what: string, cause?: unknown): KubevipError =>
    new KubevipError(`the configuration ${path} cannot be used: ${what}`, {
      code: 'BAD_CONFIG_FILE',
      exit: EXIT.usage,
      hints: ['`kubevip init --print-config > cluster.yaml` makes one to begin with.'],
      cause,
    });
  const [{ readFile }, { parse }] = await Promise.all([import('node:fs/promises'), import('yaml')]);
  let content: unknown;
  try {
    content = parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw bad(messageOf(cause).split('\n', 1)[0] ?? '', cause);
  }
  if (content === null) return {};
  if (typeof content !== 'object' || Array.isArray(content)) throw bad('it is not a map of keys');
  return content as Document;
}
