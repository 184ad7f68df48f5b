/**
 * What the agent says at its start of kube-vip's environment variables that are not among its own settings
 * (config.ts): an old manifest with our image in it must not lose anything without a word.
 */
import { ROWS, SETTINGS as KUBE_VIP, type SettingName } from '../manifests/kube-vip/table.ts';
import { SETTINGS } from './config.ts';

/** `always`: the agent does so anyway, or what it is about does not arise. `no`: not supported. */
export type Support = readonly ['always' | 'no', why: string];

export const OTHERWISE: Readonly<Partial<Record<SettingName, Support>>> = {
  /* election and ownership */
  per_service_election_on_demand: ['always', 'every address has an owner of its own'],
  vip_preserve_on_leadership_loss: ['always', 'an owner keeps its address while the API server is away for all'],
  vip_loseleadership: ['always', 'an address leaves a node whose interface is down'],
  vip_loseleadership_timeout_seconds: ['always', 'an address leaves a node whose interface is down at once'],
  vip_allow_interface_not_up: ['always', 'the agent waits for an interface that is down'],
  vip_skipdad: ['always', 'the agent looks for duplicates itself'],
  vip_arpRate: ['always', 'announcements follow RFC 5227 and RFC 9131, and are repeated by themselves'],
  dhcp_backoff_attempts: ['always', 'DHCP is never given up'],
  enable_endpoints: ['always', 'EndpointSlices say the same, and more'],
  debounce_time: ['always', 'events of one Service are put together anyway'],
  cp_detect: ['always', 'each node asks its own API server'],
  vip_singlenode: ['always', 'it does nothing in kube-vip either'],
  vip_startleader: ['always', 'it does nothing in kube-vip either'],
  lb_class_legacy_handling: ['no', 'Services without a class are served unless lb_class_only=true'],
  health_check_port: ['no', '/healthz and /readyz are where prometheus_server says'],
  instance_name: ['no', 'the agents of a node are told apart by what they serve'],
  vip_interfaceloglobal: ['always', 'addresses on lo have global scope'],
  disable_service_updates: ['no', 'the status of a Service says what it has'],
  /* other ways to announce and to balance */
  ...all('no', 'the agent speaks BGP itself, and hands routes to no other program', [
    'zebra_enable',
    'zebra_url',
    'zebra_version',
    'zebra_software_name',
  ]),
  egress_withnftables: ['always', 'egress and service security are by nftables'],
  egress_enableinternalsnat: ['always', 'the cluster’s own networks are left alone'],
  egress_clean: ['always', 'rules of an earlier run are replaced at the start, and run out in 6 s'],
  iptables_backend: ['always', 'iptables is not used'],
};

/** Of settings that the agent has: what is otherwise than in kube-vip. */
export const DIFFERENT: Readonly<Partial<Record<SettingName, string>>> = {
  leaderElectionType:
    'a variable, too; an owner lets go before its lease can be gone, so that the next one need not wait',
  etcdEndpoints: 'a variable, too; each that does not serve is told with its reason',
  etcdCACert: 'a variable, too; read again for each connection',
  etcdCert: 'a variable, too; read again for each connection',
  etcdKey: 'a variable, too; read again for each connection',
  vip_routingtableid: 'each agent marks its routes by a metric of its own (75, 76), so that two may share a table',
  vip_wireguard:
    'the Secret is followed as it changes; IPv6 as IPv4; kube-proxy leads on to pods, and the API server is reached at its own port; a dead agent’s tunnels are silent in 2 s',
  vip_cleanroutingtable: 'stale routes of ours always go; this is about those of an earlier kube-vip',
  egress_podcidr:
    'without it the networks that Nodes name, and the pods of Services one by one; kube-vip may take 10.0.0.0/16',
  egress_servicecidr: 'not needed: what goes to a Service of the cluster is known by its translation',
  vip_ddns:
    'one client on all control planes, so the address stays where the VIP moves; answers are waited for without end',
  dhcp_mode: 'without a lease of both families the VIP, or the Service, goes by the one it has',
  lb_enable: 'by nftables instead of IPVS, so kube-proxy’s mode does not matter and nothing is left after a crash',
  lb_port: '`port` by default',
  lb_fwdmethod: 'accepted, and said to be a way of IPVS: nftables translates addresses, as with `masquerade`',
  backend_health_check_interval: '1 by default; an API server that is gone is noticed at once',
};

function all(support: Support[0], why: string, names: readonly SettingName[]): Partial<Record<SettingName, Support>> {
  return Object.fromEntries(names.map((name) => [name, [support, why]]));
}

/** Names that kube-vip knew once, and charts and guides still have. */
const FORMER: Readonly<Record<string, keyof typeof SETTINGS.shape>> = {
  vip_cidr: 'vip_subnet',
  enableUPNP: 'enable_upnp',
};
/** Second spellings that kube-vip reads. */
const SPELLINGS: Readonly<Record<string, SettingName>> = {
  INSTANCE_NAME: 'instance_name',
  EGRESS_CLEAN: 'egress_clean',
};

type Env = Readonly<Record<string, string | undefined>>;

/** Whether the agent has the variable among its settings, does so anyway, or does not support it. */
export function supportOf(name: SettingName): 'honoured' | Support {
  return name in SETTINGS.shape ? 'honoured' : (OTHERWISE[name] ?? ['no', 'unknown here']);
}

/** Where a static pod of kube-vip's has its kubeconfig, without a word about it in the environment. */
const ADMIN_CONF = '/etc/kubernetes/admin.conf';

/**
 * The environment as the settings want it: former names under their present ones, unless those are set too, and the
 * kubeconfig of kube-vip's static pod where no other is named.
 */
export function asKubeVipWould(env: Env, exists: (path: string) => boolean): Env {
  const renamed = Object.entries(FORMER).filter(([old, name]) => env[old] && !env[name]);
  const usual = !env['k8s_config_file'] && !env['KUBECONFIG'] && exists(ADMIN_CONF);
  return {
    ...env,
    ...Object.fromEntries(renamed.map(([old, name]) => [name, env[old]])),
    ...(usual ? { k8s_config_file: ADMIN_CONF } : {}),
  };
}

/** One line for each variable that is set to something and not followed. A default asks for nothing. */
export function environmentWarnings(env: Env): string[] {
  const former = Object.entries(FORMER)
    .filter(([old]) => env[old])
    .map(([old, name]) =>
      env[name]
        ? `${old} is the former name of ${name}, which is set too: ${old} is ignored`
        : `${old} is the former name of ${name}: write ${name}`,
    );
  const named = (name: SettingName): string | undefined =>
    env[name] ||
    Object.entries(SPELLINGS)
      .map(([spelling, of]) => (of === name ? env[spelling] : undefined))
      .find(Boolean);
  const unsupported = ROWS.flatMap(([name, row]) => {
    const text = named(name);
    if (row.flagOnly === true || !text || isDefault(name, text)) return [];
    const support = supportOf(name);
    if (support === 'honoured' || support[0] === 'always') return [];
    return [`${name} is not supported: ${support[1]}`];
  });
  return [...former, ...unsupported];
}

function isDefault(name: SettingName, text: string): boolean {
  const { fallback, type } = KUBE_VIP[name];
  if (type === 'boolean') return /^(1|t|true)$/i.test(text) === (fallback === 'true');
  return text === fallback;
}
