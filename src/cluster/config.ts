/**
 * What `init` and `join` are told: flags, wizard and the file of `--config` all end in this one shape. The same file
 * may be given to every machine; `join` takes from it what concerns the machine, and the rest from the cluster.
 */
import * as z from 'zod';
import { parseCidr, rangeOf } from '../model/cidr.ts';
import { isDnsLabel } from '../model/dns-label.ts';
import { EXIT, KubevipError } from '../model/errors.ts';
import { type Family, familyOf, hostPort, type Ip, parseIp } from '../model/ip.ts';
import { IMAGE } from '../manifests/names.ts';
import { BGP_KEYS, bgpProblems } from './bgp-config.ts';

/** What `init` bootstraps, or how a machine joins. */
export type NodeRole = 'init' | 'control-plane' | 'worker';

/** Documents of kubeadm and the components, by kind: the only ones that may be patched. */
export const PATCHABLE = [
  'InitConfiguration',
  'ClusterConfiguration',
  'JoinConfiguration',
  'KubeletConfiguration',
  'KubeProxyConfiguration',
] as const;
export type PatchableKind = (typeof PATCHABLE)[number];

const refused = (context: z.RefinementCtx, message: string): never => {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
};

/** RFC 1123 §2.1, as Kubernetes has it for names of nodes: labels with dots between. */
const dnsName = z
  .string()
  .transform((text) => text.toLowerCase())
  .refine((text) => text.length <= 253 && text.split('.').every(isDnsLabel), 'is not a DNS name');

const address = z.string().transform((text, context): Ip => parseIp(text) ?? refused(context, 'is not an IP address'));

const familiesDiffer = (texts: readonly string[]): boolean => {
  const families = texts.flatMap((text) => parseIp(text) ?? []).map(familyOf);
  return families.length === texts.length && new Set(families).size === texts.length;
};

/** `10.0.0.5`, `10.0.0.5,fd00::5`, `api.example.org`, or a list: canonical, at most one of each family. */
const vip = z.union([z.string(), z.array(z.string())]).transform((value, context): readonly string[] => {
  const texts = (typeof value === 'string' ? value.split(',') : value).map((text) => text.trim()).filter(Boolean);
  const parsed = texts.map((text) => parseIp(text) ?? text.toLowerCase().replace(/\.$/, ''));
  if (parsed.length > 1 && !familiesDiffer(parsed)) {
    return refused(context, 'takes one address, one of each family, or one DNS name');
  }
  const [first = ''] = parsed;
  if (first === '' || (parsed.length === 1 && parseIp(first) === undefined && !dnsName.safeParse(first).success)) {
    return refused(context, `${JSON.stringify(first)} is neither an IP address nor a DNS name`);
  }
  // Dotted numbers that are no address are a slip of the finger, not a name.
  if (/^[\d.]+$/.test(first) && parseIp(first) === undefined) {
    return refused(context, `${JSON.stringify(first)} is not an IP address`);
  }
  return parsed;
});

/** One prefix, or one of each family as kubeadm writes them: `10.244.0.0/16,fd00:10::/56`. */
const subnets = z.string().transform((text, context): string => {
  const parts = text.split(',').map((part) => part.trim());
  const parsed = parts.map(parseCidr);
  const families = new Set(parsed.map((cidr) => cidr?.family));
  if (parsed.includes(undefined) || parts.length > 2 || families.size !== parts.length) {
    return refused(context, 'is not a prefix like 10.244.0.0/16, or one of each family with a comma between');
  }
  return parts.join(',');
});

/** Value of a pool in kube-vip's ConfigMap: prefixes or spans; or `dhcp`. */
const pool = z.string().transform((text, context): string => {
  const parts = text.split(',').map((part) => part.trim());
  const bad = parts.find((part) => rangeOf(part, text) === undefined);
  if (bad === undefined || text.trim() === 'dhcp') return parts.join(',');
  return refused(
    context,
    `${JSON.stringify(bad)} is neither a range like 192.168.1.10-192.168.1.20, the lower end first, nor a prefix; or write dhcp`,
  );
});

const port = z.number().int().min(1).max(65535);

/** Interfaces as the kernel names them: no slash, no space, 15 bytes. */
const link = z.string().regex(/^[^\s/:]{1,15}$/, 'is not the name of an interface');

const described = <T extends z.ZodType>(description: string, type: T): T => type.describe(description);

export const BOOTSTRAP_CONFIG = z.strictObject({
  clusterName: described(
    'Name of the cluster: `<name>.local` on the LAN, and the context of the kubeconfig.',
    z.string().refine(isDnsLabel, 'is not a lower-case DNS label').default('kubevip'),
  ),
  controlPlane: described(
    'The address of the API.',
    z
      .strictObject({
        vip: described('Virtual IP, one of each family, or a DNS name. `init` needs it.', vip.default([])),
        interface: described(
          'Interface for it on this machine; by default the one whose subnet holds it.',
          link.optional(),
        ),
        port: described('Port of the API server.', port.default(6443)),
        ...BGP_KEYS,
        workloads: described(
          'Ordinary pods run on control planes too, as small clusters need it.',
          z.boolean().default(true),
        ),
      })
      .prefault({}),
  ),
  kubernetesVersion: described(
    'Version to install; by default that of the kubeadm on this machine.',
    z
      .string()
      .regex(/^v?1\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/, 'is not a version like v1.34.1')
      .transform((text) => (text.startsWith('v') ? text : `v${text}`))
      .optional(),
  ),
  podSubnet: described('Addresses of pods, one prefix of each family.', subnets.default('10.244.0.0/16')),
  serviceSubnet: described('Addresses of Services inside the cluster.', subnets.default('10.96.0.0/12')),
  nodeName: described('Name of this machine in the cluster; by default its host name.', dnsName.optional()),
  nodeIp: described('Address of this machine; by default that of the interface of the VIP.', address.optional()),
  criSocket: described(
    'Socket of the container runtime; by default the one that is there.',
    z
      .string()
      .regex(/^(unix:\/\/)?\/\S+$/, 'is not a path of a socket')
      .transform((text) => (text.startsWith('unix://') ? text : `unix://${text}`))
      .optional(),
  ),
  services: described(
    'The part that gives Services their addresses.',
    z
      .strictObject({
        enabled: described('Install it.', z.boolean().default(true)),
        pools: described(
          'Addresses by namespace, `global` for all others: ranges, prefixes, or `dhcp`.',
          z.record(z.string().refine(isDnsLabel, 'is not a namespace'), pool).default({}),
        ),
        dhcp: described('Services without a pool of their own get addresses by DHCP.', z.boolean().default(false)),
        excludeLabel: described(
          'Whether Kubernetes’ exclude label, which kubeadm sets on control planes, keeps addresses off a node.',
          z.enum(['ignore', 'honor']).default('ignore'),
        ),
      })
      .refine(({ dhcp, pools }) => !(dhcp && 'global' in pools), {
        path: ['dhcp'],
        message: 'the addresses without a pool of their own come either by DHCP or from pools.global',
      })
      .prefault({}),
  ),
  image: described('Image of the agent.', z.string().min(1).regex(/^\S+$/).default(IMAGE)),
  kubeadm: described(
    'What only kubeadm needs to know.',
    z
      .strictObject({
        ignorePreflightErrors: described('Checks of kubeadm to pass over, by name.', z.array(z.string()).default([])),
        patches: described(
          `Merged (RFC 7396) into the documents given to kubeadm, by kind: ${PATCHABLE.join(', ')}.`,
          z.partialRecord(z.enum(PATCHABLE), z.record(z.string(), z.unknown())).default({}),
        ),
        extraSans: described(
          'More names and addresses for the certificate of the API server.',
          z.array(z.union([dnsName, address])).default([]),
        ),
      })
      .prefault({}),
  ),
  user: described(
    'For the person at the keyboard.',
    z
      .strictObject({
        kubeconfig: described(
          'File into which the way to the new cluster is merged; empty: none. By default ~/.kube/config of whoever called sudo.',
          z.string().optional(),
        ),
      })
      .prefault({}),
  ),
});

/** Checked, with all defaults filled in. Without secrets. */
export type BootstrapConfig = Readonly<z.output<typeof BOOTSTRAP_CONFIG>>;
/** As people write it. */
export type BootstrapConfigInput = z.input<typeof BOOTSTRAP_CONFIG>;

/** Where a configuration is from, for messages. */
export interface ConfigSource {
  /** The file, or `the flags`. */
  readonly name: string;
  /** What a key such as `services.pools.shop` is called there. Default: as it is. */
  readonly keyName?: (key: string) => string;
}

/**
 * @throws KubevipError BAD_BOOTSTRAP_CONFIG (exit 2) that names every key that is wrong.
 */
export function parseBootstrapConfig(input: unknown, role: NodeRole, source: ConfigSource): BootstrapConfig {
  const parsed = BOOTSTRAP_CONFIG.safeParse(withoutBlanks(input) ?? {});
  const issues = parsed.success
    ? problemsFor(parsed.data, role)
    : parsed.error.issues.map(({ path, message }): Problem => [path.join('.') || 'the whole', message]);
  if (parsed.success && issues.length === 0) return parsed.data;
  const { name, keyName = (key: string) => key } = source;
  throw new KubevipError(`${name}: ${issues.map(([key, message]) => `${keyName(key)}: ${message}`).join('; ')}`, {
    code: 'BAD_BOOTSTRAP_CONFIG',
    exit: EXIT.usage,
    hints: ['`kubevip init --print-config` shows every key with its default.'],
  });
}

/** In YAML a key with nothing behind it is null, and means that nothing was said. In patches null takes a key away. */
function withoutBlanks(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(
    entries.map(([key, one]) => [key, key === 'patches' ? (one as unknown) : withoutBlanks(one)]),
  );
}

/** A key, and what is wrong with it. */
type Problem = readonly [key: string, message: string];

/** What each key alone cannot say. */
function problemsFor(config: BootstrapConfig, role: NodeRole): Problem[] {
  const { vip: vips, port: apiPort } = config.controlPlane;
  const problems: Problem[] = [];
  if (role === 'init' && vips.length === 0) problems.push(['controlPlane.vip', 'is needed, the address of the API']);
  const families = (text: string): string =>
    text
      .split(',')
      .map((part) => parseCidr(part)?.family)
      .sort()
      .join();
  if (families(config.podSubnet) !== families(config.serviceSubnet)) {
    problems.push(['podSubnet', 'must be of the same IP families as the addresses of Services']);
  }
  problems.push(...bgpProblems(config, role));
  const leases = config.services.dhcp || Object.values(config.services.pools).includes('dhcp');
  if (config.services.enabled && leases && config.controlPlane.bgpPeers.length > 0)
    problems.push([
      config.services.dhcp ? 'services.dhcp' : 'services.pools',
      'addresses by DHCP lie in the LAN, where nobody answers for what is announced by BGP: give ranges that lie in no subnet',
    ]);
  if (role === 'init' && apiPort === 10250) problems.push(['controlPlane.port', '10250 is the port of the kubelet']);
  return problems;
}

/** The addresses of the VIP; empty for a DNS name. */
export function vipAddresses(config: BootstrapConfig): readonly Ip[] {
  return config.controlPlane.vip.flatMap((text) => parseIp(text) ?? []);
}

/** Families of the cluster in the order of its Services: the first is what a Service gets that asks for nothing. */
export function clusterFamilies(config: BootstrapConfig): readonly Family[] {
  return config.serviceSubnet.split(',').flatMap((part) => parseCidr(part)?.family ?? []);
}

/** `host:port` at which the API is reached, with brackets where they belong. */
export function controlPlaneEndpoint(config: BootstrapConfig): string {
  const [first = ''] = config.controlPlane.vip;
  return hostPort(first, config.controlPlane.port);
}
