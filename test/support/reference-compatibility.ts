/** docs/compatibility.md: kube-vip's settings one by one, and where our manifests differ. */
import { SETTINGS } from '../../src/agent/config.ts';
import { DIFFERENT, supportOf } from '../../src/agent/kubevip-env.ts';
import type { Setting } from '../../src/manifests/kube-vip/setting.ts';
import { KUBE_VIP_VERSION, ROWS, type SettingName } from '../../src/manifests/kube-vip/table.ts';
import { ANNOTATIONS, type AnnotationKey } from '../../src/model/annotations.ts';
import { OTHER_ANNOTATIONS } from '../../src/model/kube-vip-annotations.ts';
import { table } from './markdown.ts';

const GENERATOR: Readonly<Record<Setting['kubeVip'], string>> = {
  written: 'written',
  dropped: 'accepted and dropped',
  environment: 'no flag; the variable is dropped',
  generator: 'heeded, not written',
};

export function compatibilityPage(): string {
  const rows = ROWS.map(([name, row]: readonly [SettingName, Setting]) => [
    row.flag === undefined ? '' : `\`--${row.flag}\``,
    row.flagOnly === true ? '' : `\`${name}\``,
    row.fallback === '' ? '' : `\`${row.fallback}\``,
    row.type,
    row.meaning,
    GENERATOR[row.kubeVip],
    row.ours ?? (row.kubeVip === 'generator' ? 'the same' : row.kubeVip === 'written' ? 'the same' : 'written'),
    agentOf(name, row),
  ]);
  return [
    '# Compatibility with kube-vip',
    '',
    `kubevip is another project than kube-vip, and takes its place: the same flags, environment variables, Leases,`,
    `annotations and ConfigMap. This page is about kube-vip ${KUBE_VIP_VERSION}. Its annotations are in [annotations](reference/annotations.md),`,
    'its pools in [pools](reference/pools.md), our agent’s settings in [agent](reference/agent.md).',
    '',
    '## Changing over',
    '',
    '- A manifest of kube-vip works with our image in it: names, mounts and environment are understood, also the former',
    '  names `vip_cidr` and `enableUPNP`. What is not supported is named in a warning when the agent starts, and by',
    '  `kubevip manifest` when it prints.',
    '- `kubevip manifest pod|daemonset|rbac` and `kubevip kubeadm init|join` take kube-vip’s flags and print manifests of the',
    '  same kinds, names, environment, volumes, affinity and tolerations: for our image, or with',
    '  `--image ghcr.io/kube-vip/kube-vip:TAG` for kube-vip itself. An image whose name begins with `kube-vip` is taken to be',
    '  kube-vip’s.',
    '',
    '## What differs in a manifest, and why',
    '',
    'For either image:',
    '',
    table(['kube-vip', 'kubevip', 'why'], EITHER),
    '',
    'For our image besides:',
    '',
    table(['kube-vip', 'kubevip', 'why'], OURS),
    '',
    '## What differs when something is not right',
    '',
    'Nothing is printed on stdout, the error says which flag it is, and the exit code is 2.',
    '',
    table(['flags', 'kube-vip', 'kubevip'], ERRORS),
    '',
    '## Every setting',
    '',
    'A flag wins over its variable, and that over the file; in kube-vip a variable wins over a flag. `same`: our agent follows it.',
    '`better`: what it is for is so anyway. `refused`: not done, and said in a line when the agent starts. This page is made from',
    '`src/manifests/kube-vip`, `src/agent/kubevip-env.ts` and `src/model` by `npm run docs`.',
    '',
    table(['flag', 'variable', 'default', 'type', 'meaning', 'kube-vip’s manifests', 'ours', 'our agent'], rows),
    '',
    '## Every annotation of a Service',
    '',
    'What is refused is told by an Event `AnnotationNotSupported` on the Service and in the log, and the rest of it is served.',
    '',
    table(['annotation', 'our agent'], annotationRows()),
    '',
    '## How it behaves',
    '',
    table(['', 'kube-vip', 'kubevip', ''], BEHAVIOUR),
    '',
  ].join('\n');
}

function agentOf(name: SettingName, row: Setting): string {
  if (row.flagOnly === true && !(name in SETTINGS.shape)) return '';
  const support = supportOf(name);
  const different = DIFFERENT[name];
  if (support === 'honoured') return different === undefined ? 'same' : `better: ${different}`;
  return `${support[0] === 'always' ? 'better' : 'refused'}: ${support[1]}`;
}

function annotationRows(): string[][] {
  const ours = Object.values(ANNOTATIONS as Readonly<Record<string, AnnotationKey>>)
    .filter(({ key }) => key.startsWith('kube-vip.io/'))
    .map(({ key, meaning }) => [`\`${key}\``, `same: ${meaning}`]);
  const others = Object.entries(OTHER_ANNOTATIONS).map(([key, [support, why]]) => [`\`${key}\``, `${support}: ${why}`]);
  return [...ours, ...others].sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
}

/** Of features, beside their settings: what kube-vip does, what we do, and the verdict. */
const BEHAVIOUR = [
  [
    'address of a dead node',
    'moves when its Lease runs out, 4 to 27 s',
    'heartbeats: a fraction of a second; Leases: 5 s',
    'better',
  ],
  ['killed agent', 'leaves the address on two nodes', 'falls silent at once, and the address goes by itself', 'better'],
  ['API server away for all', 'every address is given up', 'owners keep what they have', 'better'],
  ['several Services on one address', 'may end on several nodes', 'one owner of an address', 'better'],
  ['address by DHCP', 'a macvlan and a client on every node', 'one lease, kept when the address moves', 'better'],
  [
    'IPv6 address by DHCP (`::`, `0.0.0.0,::`)',
    'crashes without IPv4',
    'leased under one identity on all nodes, and kept when the address moves; of two families one serves where the other has no server',
    'better',
  ],
  [
    'DNS name as address of a Service',
    'resolved every 3 s on the node that has it; a former address stays up to a minute; `dns_mode`',
    'resolved every 3 s by one agent and asked for on the LAN first, an address for each family of the Service; the Service moves to the new address, and the former one goes at once; kept while no name server answers',
    'same',
  ],
  ['DNS name as the control plane’s address', 'resolved every 3 s', 'the same', 'same'],
  [
    'address of the control plane by DHCP (`--ddns`)',
    'a lease of its own for each node that leads; given up after a minute without a server',
    'one lease, the same on every control plane; a server is waited for',
    'better',
  ],
  ['router ports', 'never closed; one protocol', 'closed with the Service; PCP, NAT-PMP, UPnP IGD', 'better'],
  [
    'service security',
    'node ports stay open at the addresses',
    'those too are closed, on every node before the address is there',
    'better',
  ],
  [
    'VLAN of a Service',
    'a link that exists crashes the agent',
    'made where missing, marked as ours, left alone where it was there',
    'better',
  ],
  [
    'labels of nodes',
    'per Service they stay; invalid for two addresses',
    'gone with the address, also from dead nodes; valid',
    'better',
  ],
  [
    '`SIGUSR1`',
    'prints configuration and Services',
    'the same, with owners, leases, mappings, nftables and routes; no secrets',
    'better',
  ],
  [
    'configuration file',
    'fills only what has no default; some keys are ignored',
    'fills what no variable sets; wrong keys are named, all at once',
    'better',
  ],
  [
    'egress',
    'one pod of the Service, with externalTrafficPolicy Local and an election per Service',
    'every pod of it on the owner’s node, with either policy; nothing is left after a crash',
    'better',
  ],
  ['traffic mirror', 'by tc; stays when the agent crashes', 'by nftables; ends by itself without the agent', 'better'],
  [
    'WireGuard',
    'a tunnel for each address, by the kernel; the Secret is read at the start, and one tunnel that is wrong ends all; the control plane at port 6443; IPv6 untested; a dead agent’s tunnel stays and is spoken from',
    'from the same Secret, which is followed; the wrong tunnel and its field are named; either family; any port of the API server; also by wireguard-go; nothing but the address can be reached through it; a dead agent’s tunnels are silent in 2 s',
    'better',
  ],
  [
    'etcd election',
    'of the control plane alone; the winner waits for one more length of a lease; a process that is started again fails until its former lease has run out',
    'the same election, beside kube-vip and `etcdctl elect`; the winner begins at once, an owner lets go before its lease can be gone and hands over when it ends; by etcd’s JSON gateway, so not where etcd has users of its own',
    'better',
  ],
  ['Events, conditions', 'none', 'one condition for each stage, and Events', 'better'],
];

const EITHER = [
  [
    'no priority',
    '`priorityClassName: system-node-critical`',
    'a node short of memory must not begin with its addresses',
  ],
  ['`status: {}`', 'none', 'it means nothing in a manifest'],
  [
    'entries without a value (`vip_address`, `bgp_peeraddress`, `bgp_peerpass`, `prometheus_server`)',
    'left out; `prometheus_server` with the value `""`, and for kube-vip as the argument that it heeds',
    'an entry without a value asks for nothing, and nobody sees that it does not',
  ],
  ['`--vip` writes `vip_address` alone', '`vip_subnet` too', 'kube-vip’s own agent needs it'],
  [
    '`--arp` without `--leaderElection` writes no election',
    'writes it, with its Lease and times',
    'otherwise every node claims the address',
  ],
  [
    'flags that are dropped: see below',
    'written, as the variable that the agent reads; `--leaderElectionType etcd` and `--etcd*` as variables of ours and arguments of kube-vip, `--config-file` and `--debounceTime` as arguments of kube-vip, with the files mounted',
    'what is asked for is done',
  ],
  ['`--nodeName` is dropped', 'written instead of the node’s name; refused for a DaemonSet', 'likewise'],
  [
    '`--loseLeadershiptTimeoutSeconds` as `vip_loseleadership`',
    'as `vip_loseleadership_timeout_seconds`; the flag is also known without its misprint',
    'kube-vip’s agent does not start with the number in place of a boolean',
  ],
  [
    'a DNS name as `--address` must resolve where the manifest is made',
    'is taken as it is',
    'the name may be made later, or by the cluster itself',
  ],
  [
    '`--peerPass`, and passwords in `--bgppeers`, in clear',
    'from the Secret `kube-vip-bgp`, named on stderr; a static pod, which cannot have Secrets, only with `--passwordsInClear`',
    'manifests end in repositories and in the API',
  ],
  [
    '`manifest rbac --role` grants nodes and ServiceCIDRs in a Role',
    'does not',
    'they belong to no namespace: such a rule grants nothing',
  ],
  [
    '`manifest rbac --wireguard` cannot read the Secret with the tunnels',
    'may read that one',
    'the agent cannot work without',
  ],
];

const OURS = [
  ['no probes', '`/healthz` and `/readyz` are asked over loopback', 'an agent that hangs is started again'],
  [
    'no resources',
    'requests, and a limit of memory',
    'an agent gets what it needs, and a leak ends before it harms the node',
  ],
  [
    '`securityContext` with capabilities',
    'the same capabilities, and SYS_NICE; besides read-only root, no privilege escalation, seccomp `RuntimeDefault`',
    'least privilege; heartbeats go before other programs',
  ],
  ['`--enableLoadBalancer` with `masquerade`: privileged', 'never privileged', 'our agent needs it for nothing'],
  [
    'kubeconfig mounted writable as `/etc/kubernetes/admin.conf`, whatever `--k8sConfigPath`',
    'mounted read-only as a file under its own path, which `k8s_config_file` names; the pod waits until it is there',
    'what is mounted is what it is called; the container runtime makes no folder in its place',
  ],
  [
    '`hostAliases` for the name `kubernetes`',
    'none',
    'our agent asks the API server of its node without a name; kubelet 1.29 did not heed them in static pods',
  ],
  ['default image `ghcr.io/kube-vip/kube-vip`', '`ghcr.io/kubevip/kubevip`', 'it is ours'],
  ['label `app.kubernetes.io/version: v1.2.3`', 'the version in the image', 'it says what runs'],
  ['`updateStrategy: {}`', 'one node after the other', 'addresses always have somewhere to go'],
  [
    '`terminationGracePeriodSeconds` of 30',
    '10',
    'handing over takes less, and a node that shuts down need not wait longer',
  ],
  ['`--config-file` is dropped', 'the file is mounted, and `config_file` says where', 'what is asked for is done'],
  [
    'RBAC: nodes, pods, Endpoints, ServiceCIDRs; Leases in every namespace; Services may be replaced',
    'Services may be patched; EndpointSlices read; Events written; Leases and the ConfigMap in their own namespace, by a Role',
    'least privilege. Each of ours is needed, and none of the others',
  ],
];

const ERRORS = [
  ['no address', 'help on stdout, exit 0: it ends in the manifests folder', 'error, exit 2'],
  ['neither `--controlplane` nor `--services`', 'a pod that does nothing', 'error, exit 2'],
  ['`kubeadm init` or `join` without `--controlplane`', 'a pod that does nothing', 'error, exit 2'],
  ['none of `--arp`, `--bgp`, `--table`, `--wireguard`, or several', 'an agent that does not start', 'error, exit 2'],
  [
    '`kubeadm join` without a readable admin.conf',
    'nothing on stdout, exit 0',
    'prints: the file is for the node, not for us',
  ],
  ['`--ddns` without a DNS name', 'accepted', 'error, exit 2'],
  ['lease times that do not fit each other', 'an agent that does not start', 'error, exit 2'],
  ['`--sourceIF` and `--sourceIP`', 'accepted, though they exclude each other', 'error, exit 2'],
  ['an unknown flag, a number that is none', 'exit 1', 'error, exit 2, as everywhere in kubevip'],
];
