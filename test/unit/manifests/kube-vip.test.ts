/** Flags of kube-vip against the environment that its agent, and ours, is to find. */
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/agent/config.ts';
import { KubevipError } from '../../../src/model/errors.ts';
import { kubeVipDaemonSet, kubeVipPod } from '../../../src/manifests/kube-vip/pod.ts';
import { kubeVipRbac } from '../../../src/manifests/kube-vip/rbac.ts';
import type { Setting } from '../../../src/manifests/kube-vip/setting.ts';
import { ROWS } from '../../../src/manifests/kube-vip/table.ts';
import { containerOf, environmentOf, settingsOf } from '../../support/kube-vip-args.ts';

type Env = Readonly<Record<string, string>>;

const ALWAYS: Env = {
  port: '6443',
  vip_nodename: '<spec.nodeName>',
  dns_mode: 'first',
  dhcp_mode: 'ipv4',
  prometheus_server: ':2112',
};
const ELECTION: Env = {
  vip_leaderelection: 'true',
  vip_leasename: 'plndr-cp-lock',
  vip_leaseduration: '15',
  vip_renewdeadline: '10',
  vip_retryperiod: '2',
};
const ARP: Env = { ...ALWAYS, ...ELECTION, vip_arp: 'true' };
const CONTROL_PLANE: Env = { cp_enable: 'true', cp_namespace: 'kube-system' };
const SERVICES: Env = { svc_enable: 'true', svc_leasename: 'plndr-svcs-lock' };
const VIP: Env = { ...CONTROL_PLANE, address: '10.0.0.9', vip_subnet: '32' };
const BGP: Env = { ...ALWAYS, ...VIP, vip_arp: 'false', bgp_enable: 'true', bgp_as: '65000', bgp_peeras: '65000' };

const CP = '--address 10.0.0.9 --controlplane --arp --leaderElection';

/** Flags, what is expected to be different from the control plane by ARP, and what is missing of it. */
const PODS: readonly (readonly [string, Env])[] = [
  [CP, { ...ARP, ...VIP }],
  [`${CP} --interface eth0`, { ...ARP, ...VIP, vip_interface: 'eth0' }],
  [`${CP} --arp=true --leaderElection=1`, { ...ARP, ...VIP }],
  ['--address 10.0.0.9 --controlplane --arp', { ...ARP, ...VIP }],
  ['--vip 10.0.0.9 --controlplane --arp', { ...ARP, ...CONTROL_PLANE, vip_address: '10.0.0.9', vip_subnet: '32' }],
  [
    '--address fd00::9 --controlplane --arp --leaderElection',
    { ...ARP, ...VIP, address: 'fd00::9', vip_subnet: '128' },
  ],
  [
    '--address 10.0.0.9,fd00::9 --controlplane --arp --leaderElection',
    { ...ARP, ...VIP, address: '10.0.0.9,fd00::9', vip_subnet: '32,128' },
  ],
  [`${CP} --vipSubnet 24`, { ...ARP, ...VIP, vip_subnet: '24' }],
  [
    '--address api.home.example --controlplane --arp --dnsMode ipv6',
    { ...ARP, ...VIP, address: 'api.home.example', vip_subnet: '128', dns_mode: 'ipv6', dhcp_mode: 'ipv6' },
  ],
  [
    '--address api.home.example --controlplane --arp --ddns',
    { ...ARP, ...VIP, address: 'api.home.example', vip_subnet: '32,128', vip_ddns: 'true' },
  ],
  [`${CP} --services`, { ...ARP, ...VIP, ...SERVICES }],
  [`${CP} --services --servicesElection`, { ...ARP, ...VIP, ...SERVICES, svc_election: 'true' }],
  [
    `${CP} --leaseDuration 5 --leaseRenewDuration 3 --leaseRetry 1`,
    { ...ARP, ...VIP, vip_leaseduration: '5', vip_renewdeadline: '3', vip_retryperiod: '1' },
  ],
  [`${CP} --leaseName other`, { ...ARP, ...VIP, vip_leasename: 'other' }],
  [`${CP} --namespace lan`, { ...ARP, ...VIP, cp_namespace: 'lan' }],
  [`${CP} --nodeName n1`, { ...ARP, ...VIP, vip_nodename: 'n1' }],
  [`${CP} --log -4`, { ...ARP, ...VIP, vip_loglevel: '-4' }],
  [`${CP} --healthCheckPort 10256`, { ...ARP, ...VIP, health_check_port: '10256' }],
  [`${CP} --prometheusHTTPServer ''`, { ...ARP, ...VIP, prometheus_server: '' }],
  [`${CP} --preserveVipOnLeadershipLoss`, { ...ARP, ...VIP, vip_preserve_on_leadership_loss: 'true' }],
  [
    `${CP} --loseLeadership --loseLeadershiptTimeoutSeconds 20`,
    { ...ARP, ...VIP, vip_loseleadership: 'true', vip_loseleadership_timeout_seconds: '20' },
  ],
  [
    `${CP} --enableLoadBalancer --lbPort 6444 --lbForwardingMethod masquerade`,
    { ...ARP, ...VIP, lb_enable: 'true', lb_port: '6444', lb_fwdmethod: 'masquerade' },
  ],
  [`${CP} --k8sConfigPath /etc/kubernetes/admin.conf`, { ...ARP, ...VIP }],
  [
    `${CP} --k8sConfigPath /etc/kubernetes/super-admin.conf`,
    { ...ARP, ...VIP, k8s_config_file: '/etc/kubernetes/super-admin.conf' },
  ],
  [
    '--address 10.0.0.9 --controlplane --bgp --bgpRouterID 10.0.0.1 --peerAddress 10.0.0.2 --peerAS 65001 --multihop',
    { ...BGP, bgp_routerid: '10.0.0.1', bgp_peeraddress: '10.0.0.2', bgp_peeras: '65001', bgp_multihop: 'true' },
  ],
  [
    '--address 10.0.0.9 --controlplane --bgp --bgppeers 10.0.0.2:65001::false --bgpHoldTimer 9 --bgpKeepAliveInterval 3',
    { ...BGP, bgp_peers: '10.0.0.2:65001::false', bgp_hold_time: '9', bgp_keepalive_interval: '3' },
  ],
  [
    '--address 10.0.0.9 --controlplane --bgp --peerAddress 10.0.0.2 --peerPass hush --inCluster',
    { ...BGP, bgp_peeraddress: '10.0.0.2', bgp_peerpass: '<secret kube-vip-bgp/bgp_peerpass>' },
  ],
  [
    '--address 10.0.0.9 --controlplane --bgp --peerAddress 10.0.0.2 --peerPass hush --passwordsInClear',
    { ...BGP, bgp_peeraddress: '10.0.0.2', bgp_peerpass: 'hush' },
  ],
  [
    '--address 10.0.0.9 --controlplane --table --tableID 100 --tableType 1 --routingProtocol 200 --cleanRoutingTable',
    {
      ...ALWAYS,
      ...VIP,
      vip_arp: 'false',
      vip_routingtable: 'true',
      vip_routingtableid: '100',
      vip_routingtabletype: '1',
      vip_routingprotocol: '200',
      vip_cleanroutingtable: 'true',
    },
  ],
];

const DAEMON_SETS: typeof PODS = [
  ['--services --arp --leaderElection --inCluster', { ...ARP, ...SERVICES }],
  [
    '--services --arp --leaderElection --inCluster --serviceInterface eth1 --lbClassOnly --lbClassName example.org/lan',
    {
      ...ARP,
      ...SERVICES,
      vip_servicesinterface: 'eth1',
      lb_class_only: 'true',
      lb_class_name: 'example.org/lan',
    },
  ],
  [
    '--services --arp --inCluster --onlyAllowTrafficServicePorts --enableNodeLabeling --egressWithNftables=false',
    {
      ...ARP,
      ...SERVICES,
      enable_service_security: 'true',
      enable_node_labeling: 'true',
      egress_withnftables: 'false',
    },
  ],
];

describe('the environment', () => {
  it.each(PODS)('of a pod: %s', (line, env) => {
    expect(environmentOf(containerOf(kubeVipPod(settingsOf(line))))).toEqual(env);
  });

  it.each(DAEMON_SETS)('of a DaemonSet: %s', (line, env) => {
    expect(environmentOf(containerOf(kubeVipDaemonSet(settingsOf(line))))).toEqual(env);
  });

  it.each([...PODS, ...DAEMON_SETS])('is one that our agent starts with: %s', (line) => {
    const env = environmentOf(containerOf(kubeVipPod(settingsOf(line))));
    expect(() => readConfig(env, 'n1')).not.toThrow();
  });

  it.each(PODS.filter(([line]) => !/k8sConfigPath|prometheus/.test(line)))(
    'is the same for kube-vip: %s',
    (line, env) => {
      const pod = kubeVipPod(settingsOf(`${line} --image ghcr.io/kube-vip/kube-vip:v1.2.3`));
      expect(environmentOf(containerOf(pod))).toEqual(env);
    },
  );

  it('comes from the environment where no flag says otherwise', () => {
    const given = settingsOf(`${CP} --port 7443`, { port: '8443', vip_interface: 'eth7', vip_arpRate: '1000' });
    expect(environmentOf(containerOf(kubeVipPod(given)))).toEqual({
      ...ARP,
      ...VIP,
      port: '7443',
      vip_interface: 'eth7',
      vip_arpRate: '1000',
    });
  });

  it('has every setting that is given, whatever kube-vip does with it', () => {
    for (const [name, row] of ROWS as readonly (readonly [string, Setting])[]) {
      if (row.flagOnly === true || ELSEWHERE.includes(name)) continue;
      const text =
        SAMPLES[name] ?? (row.type === 'boolean' ? String(row.fallback !== 'true') : (row.options?.at(-1) ?? '9'));
      const given = settingsOf(`${CP} --services --inCluster --passwordsInClear`, { [name]: text });
      expect(environmentOf(containerOf(kubeVipPod(given))), name).toHaveProperty(name, text);
    }
  });
});

/** Chosen in these tests by flags, or told to the agent in other ways. */
const ELSEWHERE: readonly string[] = [
  ...['vip_arp', 'bgp_enable', 'vip_routingtable', 'vip_wireguard', 'vip_ddns', 'address', 'vip_address', 'cp_enable'],
  ...['svc_enable', 'vip_leaderelection', 'k8s_config_file', 'config_file'],
];
/** Where not just any text or number will do. */
const SAMPLES: Readonly<Record<string, string>> = {
  vip_leaseduration: '20',
  vip_retryperiod: '3',
  vip_arpRate: '1000',
  health_check_port: '2000',
  prometheus_server: ':99',
  debounce_time: '300ms',
  zebra_version: '5',
};

describe('the shape', () => {
  it('is kube-vip’s by name', () => {
    const pod = kubeVipPod(settingsOf(CP));
    expect([pod.metadata, containerOf(pod).name, containerOf(pod).args]).toEqual([
      { name: 'kube-vip', namespace: 'kube-system' },
      'kube-vip',
      ['manager'],
    ]);
    const set = kubeVipDaemonSet(settingsOf('--services --arp --inCluster'));
    expect([set.metadata.name, set.spec.template.spec.serviceAccountName]).toEqual(['kube-vip-ds', 'kube-vip']);
    expect(set.spec.template.metadata.labels).toMatchObject(set.spec.selector.matchLabels);
  });

  it('is the same for kubeadm, whose kubeconfig it takes without looking for it', () => {
    expect(kubeVipPod(settingsOf(CP), 'kubeadm')).toEqual(kubeVipPod(settingsOf(CP)));
    const pod = kubeVipPod(settingsOf(`${CP} --config /nowhere/admin.conf`), 'kubeadm');
    expect(pod.spec.volumes?.[0]?.hostPath?.path).toBe('/nowhere/admin.conf');
  });

  it('lets a DaemonSet with --taint run on control planes alone, whatever their taints', () => {
    const { affinity, tolerations } = kubeVipDaemonSet(settingsOf(`${CP} --services --inCluster --taint`)).spec.template
      .spec;
    expect(tolerations).toEqual([
      { effect: 'NoSchedule', operator: 'Exists' },
      { effect: 'NoExecute', operator: 'Exists' },
    ]);
    const terms = affinity?.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms;
    expect(terms?.map(({ matchExpressions }) => matchExpressions[0]?.key)).toEqual([
      'node-role.kubernetes.io/master',
      'node-role.kubernetes.io/control-plane',
    ]);
  });

  it.each([
    ['', 'ghcr.io/kubevip/kubevip:0.1.0'],
    ['--image example.org/vip', 'example.org/vip:0.1.0'],
    ['--image example.org:5000/vip', 'example.org:5000/vip:0.1.0'],
    ['--image example.org/vip:dev', 'example.org/vip:dev'],
    ['--image example.org/vip@sha256:00', 'example.org/vip@sha256:00'],
    ['--image ghcr.io/kube-vip/kube-vip', 'ghcr.io/kube-vip/kube-vip:v1.2.3'],
    ['--image registry.lan/kube-vip-iptables:v1.0.0', 'registry.lan/kube-vip-iptables:v1.0.0'],
  ])('%s is the image %s', (flags, image) => {
    expect(containerOf(kubeVipPod(settingsOf(`${CP} ${flags}`))).image).toBe(image);
  });

  it('of our image may what our agent needs, never more', () => {
    const { securityContext } = containerOf(
      kubeVipPod(settingsOf(`${CP} --enableLoadBalancer --lbForwardingMethod masquerade`)),
    );
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW', 'SYS_NICE'] },
      seccompProfile: { type: 'RuntimeDefault' },
    });
  });

  it('asks for health where the agent listens, and nowhere when it does not', () => {
    const port = (flags: string): unknown =>
      containerOf(kubeVipPod(settingsOf(`${CP} ${flags}`))).livenessProbe?.httpGet;
    expect(port('')).toEqual({ host: '127.0.0.1', path: '/healthz', port: 2112 });
    expect(port('--prometheusHTTPServer 10.0.0.1:99')).toEqual({ host: '10.0.0.1', path: '/healthz', port: 99 });
    expect(port('--prometheusHTTPServer [::]:99')).toEqual({ host: '127.0.0.1', path: '/healthz', port: 99 });
    expect(port("--prometheusHTTPServer ''")).toBeUndefined();
  });

  it('mounts another kubeconfig for us under its own path, for kube-vip where it looks', () => {
    const paths = (flags: string): unknown => {
      const pod = kubeVipPod(settingsOf(`${CP} --k8sConfigPath /etc/kubernetes/super-admin.conf ${flags}`));
      return [pod.spec.volumes?.[0]?.hostPath?.path, containerOf(pod).volumeMounts?.[0]?.mountPath];
    };
    expect(paths('')).toEqual(['/etc/kubernetes/super-admin.conf', '/etc/kubernetes/super-admin.conf']);
    expect(paths('--image ghcr.io/kube-vip/kube-vip')).toEqual([
      '/etc/kubernetes/super-admin.conf',
      '/etc/kubernetes/admin.conf',
    ]);
  });

  it('elects in an etcd by variables of our agent, which has the files', () => {
    const etcd = '--leaderElectionType etcd --etcdEndpoints https://10.0.0.1:2379,10.0.0.2:2379';
    const pod = kubeVipPod(settingsOf(`${CP} ${etcd} --etcdCACert /e/ca --etcdCert /e/c --etcdKey /e/k`));
    expect(environmentOf(containerOf(pod))).toMatchObject({
      leaderElectionType: 'etcd',
      etcdEndpoints: 'https://10.0.0.1:2379,10.0.0.2:2379',
      etcdCACert: '/e/ca',
      etcdCert: '/e/c',
      etcdKey: '/e/k',
    });
    expect(containerOf(pod).args).toEqual(['manager']);
    const paths = ['/etc/kubernetes/admin.conf', '/e/ca', '/e/c', '/e/k'];
    expect(pod.spec.volumes?.map(({ hostPath }) => hostPath?.path)).toEqual(paths);
    expect(containerOf(pod).volumeMounts?.map(({ mountPath }) => mountPath)).toEqual(paths);
    const open = containerOf(kubeVipPod(settingsOf(`${CP} --leaderElectionType etcd --etcdEndpoints 127.0.0.1:2379`)));
    expect(open.env.map(({ name }) => name)).not.toContain('etcdCACert');
  });

  it('gives kube-vip as arguments what it takes only so', () => {
    const pod = kubeVipPod(
      settingsOf(
        `${CP} --image ghcr.io/kube-vip/kube-vip --leaderElectionType etcd --etcdEndpoints 10.0.0.1:2379 --etcdCACert /e/ca --etcdCert /e/c --etcdKey /e/k --debounceTime 1s --prometheusHTTPServer ''`,
      ),
    );
    expect(containerOf(pod).args).toEqual([
      'manager',
      '--leaderElectionType=etcd',
      '--etcdEndpoints=10.0.0.1:2379',
      '--etcdCACert=/e/ca',
      '--etcdCert=/e/c',
      '--etcdKey=/e/k',
      '--debounceTime=1s',
      '--prometheusHTTPServer=',
    ]);
    expect(pod.spec.volumes?.map(({ hostPath }) => hostPath?.path)).toEqual([
      '/etc/kubernetes/admin.conf',
      '/e/ca',
      '/e/c',
      '/e/k',
    ]);
  });
});

describe('what is refused', () => {
  it.each([
    ['--controlplane --arp', /--controlplane has no address/],
    ['--arp', /neither --controlplane nor --services/],
    ['--address 10.0.0.9 --controlplane', /no way to announce/],
    [`${CP} --bgp`, /--arp, --bgp exclude each other/],
    ['--address 10.0.0.300 --controlplane --arp', /--address "10.0.0.300" is not an IPv4 address/],
    ['--address 10.0.0.1,10.0.0.2 --controlplane --arp', /--address/],
    ['--vip nothing@all --controlplane --arp', /--vip/],
    [`${CP} --vip 10.0.0.8`, /name different addresses/],
    [`${CP} --vipSubnet 64`, /--vipSubnet "64"/],
    [`${CP} --vipSubnet auto`, /--vipSubnet "auto"/],
    [`${CP} --port http`, /--port "http" is not a number from 1 to 65535/],
    [`${CP} --port 0`, /--port/],
    [`${CP} --arp=perhaps`, /--arp "perhaps" is not true or false/],
    [`${CP} --dnsMode all`, /--dnsMode "all" is not one of first, ipv4/],
    [`${CP} --leaseDuration 10`, /lease times do not fit/],
    [`${CP} --ddns`, /--ddns .* DNS name/],
    [`${CP} --leaderElectionType etcd`, /--etcdEndpoints is missing/],
    [`${CP} --leaderElectionType etcd --etcdEndpoints 10.0.0.1:x`, /--etcdEndpoints "10.0.0.1:x" is neither HOST:PORT/],
    [`${CP} --leaderElectionType etcd --etcdEndpoints e:1 --etcdCert /c`, /--etcdCert without --etcdKey/],
    [`${CP} --leaderElectionType etcd --etcdEndpoints e:1 --etcdKey /k`, /--etcdKey without --etcdCert/],
    [`${CP} --leaderElectionType etcd --etcdEndpoints e:1 --etcdCACert ca`, /--etcdCACert "ca" is not an absolute/],
    [
      `${CP} --leaderElectionType etcd --etcdEndpoints http://e:1 --etcdCACert /ca`,
      /--etcdCACert means nothing to http/,
    ],
    ['--services --arp --inCluster --leaderElectionType etcd --etcdEndpoints e:1', /about the control plane alone/],
    [`${CP} --image kube-vip --leaderElectionType etcd --etcdEndpoints e:1`, /needs --etcdCACert/],
    [`${CP} --etcdEndpoints 10.0.0.1:2379`, /means nothing without/],
    [`${CP} --image kube-vip --leaderElectionType etcd`, /--etcdEndpoints is missing/],
    [`${CP} --config-file x.yaml`, /--config-file "x.yaml" is not an absolute path/],
    [`${CP} --wireguard`, /--arp, --wireguard exclude each other/],
    [`${CP} --debounceTime 10ms`, /--debounceTime/],
    [`${CP} --prometheusHTTPServer nonsense`, /--prometheusHTTPServer/],
    [`${CP} --healthCheckPort 80`, /--healthCheckPort/],
    [`${CP} --interface not/one`, /--interface/],
    [`${CP} --namespace Not_One`, /--namespace/],
    [`${CP} --k8sConfigPath admin.conf`, /--k8sConfigPath/],
    ['--address 10.0.0.9 --controlplane --bgp --peerPass hush', /--peerPass holds a password/],
    ['--address 10.0.0.9 --controlplane --bgp --bgppeers [fd00::2]:65001:hush:false', /--bgppeers holds a password/],
    ['--address 10.0.0.9 --controlplane --bgp --sourceIF eth0 --sourceIP 10.0.0.1', /exclude each other/],
  ])('%s', (line, message) => {
    expect(() => kubeVipPod(settingsOf(line))).toThrow(message);
    expect(() => kubeVipPod(settingsOf(line))).toThrow(KubevipError);
  });

  it('a pod for kubeadm that would do nothing', () => {
    expect(() => kubeVipPod(settingsOf('--services --arp'), 'kubeadm')).toThrow(/--controlplane/);
  });

  it('one node’s name for all of them', () => {
    expect(() => kubeVipDaemonSet(settingsOf('--services --arp --nodeName n1'))).toThrow(/--nodeName/);
  });

  it('names no password', () => {
    const line = '--address 10.0.0.9 --controlplane --bgp --bgppeers 10.0.0.2:65001:hush:false';
    expect(() => kubeVipPod(settingsOf(line))).toThrow(expect.not.objectContaining({ message: /hush/ }) as Error);
  });
});

describe('rights', () => {
  const rules = (line: string): string[] =>
    kubeVipRbac(settingsOf(line)).flatMap((object) =>
      'rules' in object ? object.rules.flatMap((rule) => rule.resources) : [],
    );

  it('of ours have kube-vip’s names', () => {
    expect(kubeVipRbac(settingsOf('')).map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'ServiceAccount kube-vip',
      'ClusterRole system:kube-vip-role',
      'ClusterRoleBinding system:kube-vip-binding',
      'Role kube-vip',
      'RoleBinding kube-vip',
    ]);
    expect(rules('')).toContain('nodes'); // which of them addresses are to leave
    expect(rules('').filter((resource) => resource === 'secrets')).toHaveLength(2);
  });

  it('reach the Secret with the tunnels only where there are to be tunnels, and no other Secret', () => {
    const names = (line: string): string[] =>
      kubeVipRbac(settingsOf(line)).flatMap((object) =>
        'rules' in object ? object.rules.flatMap(({ resourceNames = [] }) => resourceNames) : [],
      );
    expect(names('--wireguard')).toEqual(['kubevip-heartbeat', 'wireguard']);
    expect(names('')).toEqual(['kubevip-heartbeat']);
  });

  it('of kube-vip are those that it asks for', () => {
    const image = '--image ghcr.io/kube-vip/kube-vip';
    expect(rules(image)).toEqual([
      'services/status',
      'services',
      'endpoints',
      'nodes',
      'leases',
      'endpointslices',
      'pods',
      'servicecidrs',
    ]);
    expect(rules(`${image} --role`)).not.toContain('nodes');
    expect(rules(`${image} --wireguard`)).toContain('secrets');
  });

  it('can be kept to one namespace', () => {
    const kinds = kubeVipRbac(settingsOf('--role', { svc_namespace: 'shop' })).map(
      ({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}`,
    );
    expect(kinds).toEqual(['ServiceAccount shop', 'Role shop', 'RoleBinding shop', 'Role shop', 'RoleBinding shop']);
  });
});
