/** Faults of a machine, one at a time: each is named, with the command that mends it. */
import { describe, expect, it } from 'vitest';
import { problems, runPreflight } from '../../../src/cluster/preflight/run.ts';
import type { Finding } from '../../../src/cluster/preflight/finding.ts';
import type { MachineProbe } from '../../../src/cluster/ports/preflight.ts';
import type { PreflightRequest } from '../../../src/cluster/preflight/request.ts';
import { parseBgpPeer, type BgpPeerEntry } from '../../../src/cluster/bgp-peer.ts';
import { parseSpan, rangeOf } from '../../../src/model/cidr.ts';
import { ip } from '../../../src/model/ip.ts';
import { encodeMessage } from '../../../src/protocols/bgp/message.ts';
import {
  changeLink,
  cidrOf,
  createFakeMachine,
  INIT,
  LAPTOP_MAC,
  VIP,
  type FakeMachine,
} from '../../support/fake-machine.ts';

interface Fault {
  readonly name: string;
  readonly id: string;
  readonly level?: 'warn';
  readonly inject?: (fake: FakeMachine) => void;
  readonly request?: Partial<PreflightRequest>;
  readonly what: RegExp;
  /** Part of the command that is shown. */
  readonly remedy: string;
  readonly fixable?: boolean;
}

const JOIN: Partial<PreflightRequest> = { role: 'control-plane', cluster: { host: '192.168.1.40', port: 6443 } };
const set = (path: string, text: string) => (fake: FakeMachine) => void fake.files.set(path, text);
const command =
  (line: string, stdout: string, code = 0) =>
  (fake: FakeMachine) =>
    void fake.commands.set(line, { stdout, code });
const uninstall = (program: string) => (fake: FakeMachine) => {
  for (const line of fake.commands.keys()) if (line.split(' ')[0] === program) fake.commands.delete(line);
};
const SOCKET = '/run/containerd/containerd.sock';

const FAULTS: readonly Fault[] = [
  {
    name: 'another operating system',
    id: 'platform',
    inject: (fake) => (fake.facts = { ...fake.facts, platform: 'darwin' }),
    what: /darwin, not Linux/,
    remedy: 'uname -s',
  },
  {
    name: 'a 32-bit processor',
    id: 'platform',
    inject: (fake) => (fake.facts = { ...fake.facts, arch: 'arm' }),
    what: /processor is arm/,
    remedy: 'uname -m',
  },
  {
    name: 'an old kernel',
    id: 'kernel',
    inject: (fake) => (fake.facts = { ...fake.facts, kernel: '4.9.0-19-amd64' }),
    what: /4\.9\.0-19-amd64 is older than 4\.19/,
    remedy: 'uname -r',
  },
  {
    name: 'an ordinary user',
    id: 'root',
    inject: (fake) => (fake.facts = { ...fake.facts, uid: 1000 }),
    what: /user 1000/,
    remedy: 'sudo kubevip',
  },
  {
    name: 'one processor for a control plane',
    id: 'cpus',
    inject: (fake) => (fake.facts = { ...fake.facts, cpus: 1 }),
    what: /has 1 CPU/,
    remedy: 'kubevip join --worker',
  },
  {
    name: 'little memory for a control plane',
    id: 'memory',
    inject: (fake) => (fake.facts = { ...fake.facts, memoryBytes: 2 ** 30 }),
    what: /1024 MiB/,
    remedy: 'kubevip join --worker',
  },
  {
    name: 'no losetup',
    id: 'tool-losetup',
    inject: uninstall('losetup'),
    what: /losetup is not installed/,
    remedy: 'apt-get install -y mount',
  },
  {
    name: 'no conntrack where kube-proxy calls it',
    id: 'tool-conntrack',
    inject: command('kubeadm version -o short', 'v1.31.4'),
    request: { kubernetesVersion: 'v1.31.4' },
    what: /conntrack is not installed/,
    remedy: 'apt-get install -y conntrack',
  },
  {
    name: 'overlay is not loaded',
    id: 'module-overlay',
    inject: set('/proc/filesystems', 'nodev\tsysfs\n'),
    what: /overlay is not loaded/,
    remedy: 'modprobe overlay && echo overlay >> /etc/modules-load.d/kubevip.conf',
    fixable: true,
  },
  {
    name: 'br_netfilter is not loaded',
    id: 'module-br_netfilter',
    inject: (fake) => {
      fake.files.delete('/proc/sys/net/bridge/bridge-nf-call-iptables');
      fake.files.delete('/proc/sys/net/bridge/bridge-nf-call-ip6tables');
    },
    what: /br_netfilter is not loaded/,
    remedy: 'modprobe br_netfilter',
    fixable: true,
  },
  {
    name: 'a kernel without overlay',
    id: 'module-overlay',
    inject: (fake) => {
      fake.files.set('/proc/filesystems', '');
      fake.commands.set('modprobe --dry-run overlay', { code: 1 });
    },
    what: /kernel has no overlay/,
    remedy: 'modprobe overlay',
  },
  {
    name: 'no modprobe to load overlay with',
    id: 'module-overlay',
    inject: (fake) => {
      fake.files.set('/proc/filesystems', '');
      uninstall('modprobe')(fake);
    },
    what: /no modprobe to load it/,
    remedy: 'apt-get install -y kmod && modprobe overlay',
  },
  {
    name: 'IPv4 is not forwarded',
    id: 'ip-forward',
    inject: set('/proc/sys/net/ipv4/ip_forward', '0\n'),
    what: /net\.ipv4\.ip_forward is 0/,
    remedy: 'sysctl -w net.ipv4.ip_forward=1',
    fixable: true,
  },
  {
    name: 'bridged packets pass by the rules',
    id: 'bridge-nf',
    inject: set('/proc/sys/net/bridge/bridge-nf-call-iptables', '0\n'),
    what: /bridge-nf-call-iptables is 0/,
    remedy: 'sysctl -w net.bridge.bridge-nf-call-iptables=1',
    fixable: true,
  },
  {
    name: 'IPv6 is not forwarded, on a node that learns its router',
    id: 'ipv6-forward',
    inject: set('/proc/sys/net/ipv6/conf/all/forwarding', '0\n'),
    request: { podSubnets: [cidrOf('fd00:10:244::/56')], serviceSubnets: [cidrOf('fd00:10:96::/112')] },
    what: /net\.ipv6\.conf\.all\.forwarding is 0/,
    remedy: 'sysctl -w net.ipv6.conf.eth0.accept_ra=2 net.ipv6.conf.all.forwarding=1',
    fixable: true,
  },
  {
    name: 'IPv6 is switched off',
    id: 'ipv6-disabled',
    inject: set('/proc/sys/net/ipv6/conf/all/disable_ipv6', '1\n'),
    request: { podSubnets: [cidrOf('10.244.0.0/16'), cidrOf('fd00:10:244::/56')] },
    what: /IPv6 is switched off/,
    remedy: 'sysctl -w net.ipv6.conf.all.disable_ipv6=0',
    fixable: true,
  },
  {
    name: 'swap on a partition',
    id: 'swap',
    inject: set('/proc/swaps', 'Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 2097148 0 -2\n'),
    what: /swap is on: \/dev\/sda2/,
    remedy: 'swapoff -a && sed -i.bak',
    fixable: true,
  },
  {
    name: 'swap in use that does not fit into memory',
    id: 'swap',
    inject: set('/proc/swaps', 'Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 9000000 5000000 -2\n'),
    what: /swap is on/,
    remedy: 'swapoff -a',
    fixable: false,
  },
  {
    name: 'swap in compressed memory',
    id: 'swap',
    inject: set('/proc/swaps', 'Filename\tType\tSize\tUsed\tPriority\n/dev/zram0 partition 2097148 0 100\n'),
    what: /zram0/,
    remedy: 'zram-generator.conf',
  },
  {
    name: 'cgroups of version 1 with a kubelet that refuses them unless told to bear them',
    id: 'cgroup-v1',
    inject: (fake) => {
      fake.files.set('/proc/mounts', 'tmpfs /sys/fs/cgroup tmpfs rw 0 0\n');
      fake.files.set('/proc/cgroups', cgroupsV1('cpu', 'cpuacct', 'cpuset', 'memory', 'pids'));
    },
    what: /version 1, and kubelet is v1\.35\.2/,
    remedy: '--ignore-preflight-errors SystemVerification',
  },
  {
    name: 'cgroups of version 1 with an older kubelet',
    id: 'cgroup-v1',
    level: 'warn',
    inject: (fake) => {
      fake.files.set('/proc/mounts', 'tmpfs /sys/fs/cgroup tmpfs rw 0 0\n');
      fake.files.set('/proc/cgroups', cgroupsV1('cpu', 'cpuacct', 'cpuset', 'memory', 'pids'));
      fake.commands.set('kubelet --version', { stdout: 'Kubernetes v1.34.1' });
    },
    what: /control groups are of version 1/,
    remedy: 'systemd.unified_cgroup_hierarchy=1',
  },
  {
    name: 'cgroups of version 1 with a kubelet that is told to refuse them',
    id: 'cgroup-v1',
    request: { kubelet: { failCgroupV1: true } },
    inject: (fake) => {
      fake.files.set('/proc/mounts', 'tmpfs /sys/fs/cgroup tmpfs rw 0 0\n');
      fake.files.set('/proc/cgroups', cgroupsV1('cpu', 'cpuacct', 'cpuset', 'memory', 'pids'));
    },
    what: /control groups are of version 1/,
    remedy: 'systemd.unified_cgroup_hierarchy=1',
  },
  {
    name: 'a Raspberry Pi without the memory controller',
    id: 'cgroup-controllers',
    inject: (fake) => {
      fake.files.set('/sys/fs/cgroup/cgroup.controllers', 'cpuset cpu io pids\n');
      fake.files.set('/boot/firmware/cmdline.txt', 'console=tty1\n');
    },
    what: /lack memory/,
    remedy: 'cgroup_enable=memory cgroup_memory=1',
  },
  {
    name: 'no container runtime',
    id: 'container-runtime',
    inject: (fake) => {
      fake.runtimes.clear();
      uninstall('containerd')(fake);
    },
    what: /no container runtime is running/,
    remedy: 'apt-get install -y containerd',
  },
  {
    name: 'a container runtime that was stopped',
    id: 'container-runtime',
    inject: (fake) => fake.runtimes.clear(),
    what: /no container runtime is running/,
    remedy: 'systemctl enable --now containerd',
    fixable: true,
  },
  {
    name: 'a container runtime that does not answer',
    id: 'container-runtime',
    inject: (fake) => fake.runtimes.set(SOCKET, { state: 'refused', message: 'ECONNREFUSED' }),
    what: /does not answer on .*ECONNREFUSED/,
    remedy: 'systemctl restart containerd && journalctl -u containerd',
  },
  {
    name: 'containerd with its CRI plugin off',
    id: 'container-runtime-cri',
    inject: (fake) =>
      fake.runtimes.set(SOCKET, { state: 'no-cri', message: 'unknown service runtime.v1.RuntimeService' }),
    what: /no runtime for Kubernetes/,
    remedy: 'containerd config default',
  },
  {
    name: 'two container runtimes',
    id: 'container-runtime-choice',
    inject: (fake) => fake.runtimes.set('/run/crio/crio.sock', { state: 'answers', name: 'cri-o', version: '1.34' }),
    what: /several container runtimes/,
    remedy: '--cri-socket unix:///run/containerd/containerd.sock',
  },
  {
    name: 'containerd with another cgroup driver than kubelet',
    id: 'cgroup-driver',
    inject: (fake) => {
      fake.runtimes.set(SOCKET, { state: 'answers', name: 'containerd', version: '1.6.20' });
      fake.files.set('/etc/containerd/config.toml', 'version = 2\n  SystemdCgroup = false\n');
    },
    what: /SystemdCgroup is not true/,
    remedy: "sed -i 's/SystemdCgroup = false/SystemdCgroup = true/'",
  },
  {
    name: 'no kubeadm',
    id: 'kubeadm-missing',
    inject: uninstall('kubeadm'),
    what: /kubeadm is not installed/,
    remedy: 'apt-get install -y kubeadm kubelet kubectl',
  },
  {
    name: 'a kubelet for another processor',
    id: 'kubelet-broken',
    inject: (fake) => fake.commands.set('kubelet --version', { code: 126, stderr: 'Exec format error' }),
    what: /Exec format error/,
    remedy: 'kubelet --version',
  },
  {
    name: 'a kubeadm that is not supported',
    id: 'kubeadm-version',
    inject: command('kubeadm version -o short', 'v1.22.17'),
    what: /v1\.22\.17 is not supported/,
    remedy: 'install kubeadm v1.36',
  },
  {
    name: 'a kubeadm of another release than the cluster',
    id: 'kubeadm-skew',
    request: { ...JOIN, kubernetesVersion: 'v1.32.0' },
    what: /kubeadm is v1\.35\.2, the cluster is v1\.32\.0/,
    remedy: 'install kubeadm v1.32',
  },
  {
    name: 'a kubelet newer than the API server',
    id: 'kubelet-skew',
    inject: command('kubelet --version', 'Kubernetes v1.36.0'),
    what: /kubelet is v1\.36\.0, the API server will be v1\.35\.2/,
    remedy: 'install kubelet v1.35',
  },
  {
    name: 'a masked kubelet',
    id: 'kubelet-service',
    inject: command('systemctl is-enabled kubelet', 'masked\n', 1),
    what: /masked/,
    remedy: 'systemctl unmask kubelet',
  },
  {
    name: 'a kubelet that does not start at boot',
    id: 'kubelet-service',
    level: 'warn',
    inject: command('systemctl is-enabled kubelet', 'disabled\n', 1),
    what: /not enabled/,
    remedy: 'systemctl enable kubelet',
    fixable: true,
  },
  {
    name: 'no room for images',
    id: 'disk-var-lib-containerd',
    inject: (fake) => fake.free.set('/', 512 * 2 ** 20),
    what: /512 MiB are free where \/var\/lib\/containerd lies/,
    remedy: 'df -h',
  },
  {
    name: 'a read-only path',
    id: 'writable-etc-kubernetes',
    inject: (fake) => {
      fake.unwritable.set('/etc', 'read-only');
      fake.files.set('/proc/mounts', `${fake.files.get('/proc/mounts') ?? ''}/dev/sda3 /etc ext4 ro 0 0\n`);
    },
    what: /\/etc\/kubernetes is on a read-only file system \(\/etc\)/,
    remedy: 'mount -o remount,rw /etc',
  },
  {
    name: 'a node of another cluster',
    id: 'leftover-node',
    inject: set('/etc/kubernetes/kubelet.conf', ''),
    what: /is, or was, a node of a cluster/,
    remedy: 'kubevip reset',
  },
  {
    name: 'manifests of an earlier cluster',
    id: 'leftover-files',
    inject: set('/etc/kubernetes/manifests/kube-apiserver.yaml', ''),
    what: /manifests\/kube-apiserver\.yaml/,
    remedy: 'kubevip reset',
  },
  {
    name: 'data of an earlier etcd',
    id: 'leftover-etcd',
    inject: set('/var/lib/etcd/member/snap/db', ''),
    what: /\/var\/lib\/etcd holds the data/,
    remedy: 'mv /var/lib/etcd /var/lib/etcd.old',
  },
  {
    name: 'a network for pods of an earlier cluster',
    id: 'leftover-cni',
    level: 'warn',
    inject: set('/etc/cni/net.d/10-flannel.conflist', '{}'),
    what: /10-flannel\.conflist/,
    remedy: 'rm /etc/cni/net.d/10-flannel.conflist',
  },
  {
    name: 'an address of an earlier agent',
    id: 'leftover-kubevip',
    level: 'warn',
    inject: (fake) => (fake.traces = ['address 192.168.1.50 on eth0']),
    what: /192\.168\.1\.50 on eth0/,
    remedy: 'kubevip reset',
  },
  {
    name: 'the port of the API server taken',
    id: 'port-6443',
    inject: (fake) => fake.listeners.push({ port: 6443, program: 'nginx', pid: 812 }),
    what: /port 6443 is taken by nginx \(pid 812\)/,
    remedy: 'kill 812',
  },
  {
    name: 'a port of etcd taken by an earlier etcd',
    id: 'port-2379',
    inject: (fake) => fake.listeners.push({ port: 2379, program: 'etcd', pid: 90 }),
    what: /port 2379 is taken by etcd/,
    remedy: 'kubevip reset',
  },
  {
    name: 'firewalld',
    id: 'firewall',
    level: 'warn',
    inject: command('firewall-cmd --state', 'running\n'),
    what: /firewalld is on/,
    remedy: '--add-port=6443/tcp',
  },
  {
    name: 'ufw, before the heartbeats of both agents of a control plane',
    id: 'firewall',
    level: 'warn',
    inject: command('ufw status', 'Status: active\n'),
    what: /ufw is on/,
    remedy: 'ufw allow 10471/udp && ufw allow 10472/udp',
  },
  {
    name: 'a host name that is no name for a node',
    id: 'node-name',
    inject: (fake) => (fake.facts = { ...fake.facts, hostname: 'my_node' }),
    what: /"my_node" is no name for a node/,
    remedy: 'hostnamectl set-hostname',
  },
  {
    name: 'a machine called localhost',
    id: 'node-name',
    inject: (fake) => (fake.facts = { ...fake.facts, hostname: 'localhost' }),
    what: /called localhost/,
    remedy: 'hostnamectl set-hostname',
  },
  {
    name: 'a name that another node has',
    id: 'node-name-taken',
    request: { ...JOIN, takenNames: ['node-1'] },
    what: /a node node-1 in the cluster already/,
    remedy: 'kubectl delete node node-1',
  },
  {
    name: 'a name that leads nowhere',
    id: 'node-name-resolves',
    level: 'warn',
    inject: (fake) => fake.names.clear(),
    what: /address of node-1/,
    remedy: "echo '192.168.1.11 node-1' >> /etc/hosts",
    fixable: true,
  },
  {
    name: 'an interface that does not exist',
    id: 'nic',
    request: { link: 'ens160' },
    what: /no interface ens160: there are eth0/,
    remedy: '--interface eth0',
  },
  {
    name: 'an interface that is down',
    id: 'nic-down',
    inject: (fake) => {
      changeLink(fake, { up: false });
      fake.commands.set('ip link show dev eth0', { stdout: '2: eth0: <BROADCAST,MULTICAST> mtu 1500' });
    },
    what: /eth0 is down/,
    remedy: 'ip link set eth0 up',
    fixable: true,
  },
  {
    name: 'a cable that is out',
    id: 'nic-carrier',
    inject: (fake) => {
      changeLink(fake, { up: false });
      fake.commands.set('ip link show dev eth0', { stdout: '2: eth0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500' });
    },
    what: /eth0 has no carrier/,
    remedy: 'ip link show eth0',
  },
  {
    name: 'an interface without an address',
    id: 'nic-address',
    inject: (fake) => changeLink(fake, { addresses: [{ ip: ip('169.254.7.7'), prefixLength: 16 }] }),
    what: /eth0 has no address/,
    remedy: 'ip address show eth0',
  },
  {
    name: 'no default route',
    id: 'default-route',
    level: 'warn',
    inject: (fake) => changeLink(fake, { gateway: {} }),
    what: /no default route/,
    remedy: 'ip route add default via',
  },
  {
    name: 'a VIP outside the subnet',
    id: 'vip-subnet',
    request: { vips: [ip('192.168.7.40')] },
    what: /192\.168\.7\.40 is in no subnet of interface eth0 \(192\.168\.1\.0\/24\)/,
    remedy: '--vip one of 192.168.1.0/24',
  },
  {
    name: 'an IPv6 VIP on a LAN without IPv6',
    id: 'vip-subnet',
    request: { vips: [VIP, ip('fd00::40')] },
    what: /fd00::40 is in no subnet of interface eth0 \(no IPv6 address\)/,
    remedy: '--vip',
  },
  {
    name: 'the broadcast address as VIP',
    id: 'vip-reserved',
    request: { vips: [ip('192.168.1.255')] },
    what: /broadcast/,
    remedy: '--vip',
  },
  {
    name: 'the router as VIP',
    id: 'vip-gateway',
    request: { vips: [ip('192.168.1.1')] },
    what: /192\.168\.1\.1 is the router/,
    remedy: '--vip',
  },
  {
    name: 'the own address as VIP',
    id: 'vip-own',
    request: { vips: [ip('192.168.1.11')] },
    what: /address of this machine itself \(eth0\)/,
    remedy: '--vip',
  },
  {
    name: 'a VIP in use',
    id: 'vip-in-use',
    inject: (fake) => fake.users.set(VIP, LAPTOP_MAC),
    what: /192\.168\.1\.40 is in use by 02:00:00:00:00:50/,
    remedy: 'ip neigh show 192.168.1.40',
  },
  {
    name: 'a VIP that the DHCP server hands out',
    id: 'vip-dhcp',
    inject: (fake) => (fake.offers = (wish) => [{ server: ip('192.168.1.1'), ip: wish ?? ip('192.168.1.100') }]),
    what: /the DHCP server 192\.168\.1\.1 hands out 192\.168\.1\.40/,
    remedy: 'take 192.168.1.40 out of it',
  },
  {
    name: 'a pool that the DHCP server hands out',
    id: 'pool-dhcp',
    level: 'warn',
    request: { pools: [parseSpan('192.168.1.130-192.168.1.140')!] },
    what: /hands out 192\.168\.1\.137, which is in the pool/,
    remedy: 'choose a pool outside',
  },
  {
    name: 'a pool that contains the VIP',
    id: 'pool-vip',
    request: { pools: [parseSpan('192.168.1.35-192.168.1.60')!] },
    what: /contains the virtual IP 192\.168\.1\.40/,
    remedy: '--pool without 192.168.1.40',
  },
  {
    name: 'pods on the addresses of the LAN',
    id: 'subnet-pods',
    inject: (fake) => changeLink(fake, { addresses: [{ ip: ip('10.244.3.11'), prefixLength: 24 }] }),
    request: { vips: [] },
    what: /10\.244\.0\.0\/16, overlap the LAN 10\.244\.3\.0\/24/,
    remedy: '--pod-subnet 10.32.0.0/16',
  },
  {
    name: 'Services on the addresses of pods',
    id: 'subnet-overlap',
    request: { serviceSubnets: [cidrOf('10.244.128.0/20')] },
    what: /pods, 10\.244\.0\.0\/16, overlap those of Services/,
    remedy: '--service-subnet 10.96.0.0/12',
  },
  {
    name: 'a cluster that does not answer',
    id: 'cluster-reachable',
    inject: (fake) => (fake.remote = { state: 'unreachable', message: 'EHOSTUNREACH' }),
    request: JOIN,
    what: /does not answer on 192\.168\.1\.40:6443: EHOSTUNREACH/,
    remedy: 'curl -k https://192.168.1.40:6443/version',
  },
  {
    name: 'a clock that is off',
    id: 'clock',
    inject: (fake) => (fake.now = new Date('2026-06-01T11:50:00Z')),
    request: JOIN,
    what: /600 s behind that of the cluster/,
    remedy: 'timedatectl set-ntp true',
  },
  {
    name: 'a board without a clock',
    id: 'clock',
    inject: (fake) => (fake.now = new Date('1970-01-01T00:05:00Z')),
    what: /1970-01-01/,
    remedy: 'timedatectl set-ntp true',
  },
  {
    name: 'nobody who keeps the clock right',
    id: 'clock-sync',
    level: 'warn',
    inject: command('timedatectl show -p NTP -p NTPSynchronized', 'NTP=no\nNTPSynchronized=no\n'),
    what: /nobody keeps the clock right/,
    remedy: 'timedatectl set-ntp true',
    fixable: true,
  },
];

function cgroupsV1(...names: string[]): string {
  return `#subsys_name\thierarchy\tnum_cgroups\tenabled\n${names.map((name) => `${name}\t1\t50\t1`).join('\n')}\n`;
}

function routers(...texts: readonly string[]): BgpPeerEntry[] {
  return texts.map(parseBgpPeer).flatMap((read) => ('peer' in read ? [read.peer] : []));
}

describe('preflight names the fault and the command for it:', () => {
  it.each(FAULTS)('$name', async ({ id, level = 'error', inject, request, what, remedy, fixable }) => {
    const fake = createFakeMachine();
    inject?.(fake);
    const report = await runPreflight(fake.parts, { ...INIT, ...request });
    const found = problems(report).find((problem) => problem.id === id);
    expect(found, JSON.stringify(problems(report), null, 1)).toBeDefined();
    expect(found?.level).toBe(level);
    expect(found?.what).toMatch(what);
    expect(found?.why).toMatch(/\w \w/);
    expect(found?.remedy).toContain(remedy);
    if (fixable !== undefined) expect(found?.fix !== undefined).toBe(fixable);
    // Nothing else is called wrong because of it: one fault, one finding, unless one thing really causes others.
    const others = problems(report).filter((problem) => problem !== found && problem.level === 'error');
    expect(others.map((problem) => problem.id).filter((other) => !CONSEQUENCES[id]?.includes(other))).toEqual([]);
    expect(report.ok).toBe(level !== 'error');
  });
});

/** Errors that come with another. */
const CONSEQUENCES: Readonly<Record<string, readonly string[]>> = {
  'disk-var-lib-containerd': ['disk-var-lib-kubelet', 'disk-var-lib-etcd'],
  'writable-etc-kubernetes': ['writable-etc-cni-net.d'],
  'kubeadm-version': ['kubelet-skew', 'tool-conntrack'],
  'kubeadm-skew': ['kubelet-skew'],
  'tool-conntrack': ['kubelet-skew'],
  'nic-address': ['vip-subnet'],
};

describe('by BGP', () => {
  const bgp = { as: 65_000, peers: routers('192.168.1.1:65001') };
  const pool = rangeOf('192.168.7.64-192.168.7.79')!;

  it('asks no subnet for what routers are told of', async () => {
    const fake = createFakeMachine();
    const report = await runPreflight(fake.parts, { ...INIT, vips: [ip('192.168.7.40')], pools: [pool], bgp });
    expect(problems(report)).toEqual([]);
    expect(report.findings.map(({ what }) => what)).toContain('the router 192.168.1.1 takes calls of BGP');
  });

  it('wants addresses that lie in no subnet, and a router that takes calls', async () => {
    const fake = createFakeMachine();
    const inLan = rangeOf('192.168.1.64-192.168.1.79')!;
    const called: string[] = [];
    const bgpGreeting: MachineProbe['bgpGreeting'] = (router, { port }) => {
      called.push(`${router} ${port}`);
      return Promise.resolve({ state: 'unreachable', message: 'ECONNREFUSED' });
    };
    const peers = [
      '192.168.1.1:65001',
      '[fe80::1%eth0]:65001',
      'unnumbered:eth0:65001',
      '192.168.1.2:65001::true:1790',
    ];
    const request = {
      ...INIT,
      pools: [inLan],
      bgp: { as: 65_000, peers: routers(...peers) },
    };
    const { lan, machine } = fake.parts;
    const report = await runPreflight({ lan, machine: { ...machine, bgpGreeting } }, request);
    const levels = problems(report).map(({ id, level }) => `${level} ${id}`);
    expect(levels).toEqual(['error vip-subnet', 'error bgp-peer', 'error bgp-peer', 'warn pool-subnet']);
    expect(called).toEqual(['192.168.1.1 179', '192.168.1.2 1790']);
  });

  it('finds by its first words that a router is in another AS', async () => {
    const open = (as: number): Uint8Array =>
      encodeMessage({
        kind: 'open',
        as2: 23_456,
        holdTime: 90,
        identifier: ip('192.168.1.1'),
        capabilities: [{ kind: 'four-octet-as', asn: as }],
      });
    const found = async (said: Uint8Array): Promise<readonly Finding[]> => {
      const fake = createFakeMachine();
      fake.greeting = { state: 'answers', said };
      return (await runPreflight(fake.parts, { ...INIT, vips: [ip('192.168.7.40')], bgp })).findings.filter(
        ({ level }) => level !== 'ok',
      );
    };
    expect(await found(open(65_001))).toEqual([]);
    expect(await found(open(4_200_000_001))).toMatchObject([
      { id: 'bgp-as', level: 'error', what: /in AS 4200000001, and --bgp-peer has AS 65001/, remedy: /AS 4200000001/ },
    ]);
    // What is no message of BGP, or not all of one, says nothing.
    expect(await found(open(65_009).subarray(0, 30))).toEqual([]);
    expect(await found(Uint8Array.of(83, 83, 72))).toEqual([]);
  });

  it('calls with the password that this machine knows, and leaves it where it knows none', async () => {
    const calls: unknown[] = [];
    const report = async (password: { readonly text?: string }): Promise<string> => {
      const { lan, machine } = createFakeMachine().parts;
      const bgpGreeting: MachineProbe['bgpGreeting'] = (_router, call) => {
        calls.push(call);
        return Promise.resolve({ state: 'unreachable', message: 'no answer' });
      };
      const request = { ...INIT, vips: [ip('192.168.7.40')], bgp: { ...bgp, password, sourceIp: ip('192.168.1.5') } };
      const { findings } = await runPreflight({ lan, machine: { ...machine, bgpGreeting } }, request);
      return JSON.stringify(findings.filter(({ id }) => id.startsWith('bgp')));
    };
    const wrong = await report({ text: 'geheim' });
    expect(wrong).toMatch(/"error".*no answer.*--bgp-password-file/);
    expect(wrong).not.toContain('geheim');
    expect(await report({})).toMatch(/"ok".*which this machine gets when it joins/);
    expect(calls).toEqual([{ port: 179, password: 'geheim', sourceIp: '192.168.1.5' }]);
  });

  it('warns of a router that hangs up, as they do with strangers', async () => {
    const fake = createFakeMachine();
    fake.greeting = { state: 'closes' };
    const report = await runPreflight(fake.parts, { ...INIT, vips: [ip('192.168.7.40')], bgp });
    expect(problems(report)).toMatchObject([{ id: 'bgp-neighbor', level: 'warn', remedy: /AS 65000/ }]);
    expect(report.ok).toBe(true);
  });
});
