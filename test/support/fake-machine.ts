/** A machine and its LAN in memory, in perfect order for a control plane; tests break one thing at a time. */
import { parseCidr, type Cidr } from '../../src/model/cidr.ts';
import { ip, type Ip } from '../../src/model/ip.ts';
import { parseMac, type Mac } from '../../src/model/mac.ts';
import type { Link } from '../../src/model/wire.ts';
import { KubevipError } from '../../src/model/errors.ts';
import type { PreflightRequest } from '../../src/cluster/preflight/request.ts';
import type { CommandOutcome } from '../../src/cluster/ports/commands.ts';
import type {
  BgpGreeting,
  DhcpOffer,
  LanProbe,
  Listener,
  MachineFacts,
  MachineHands,
  MachineProbe,
  RemoteTime,
  RuntimeAnswer,
  Writability,
} from '../../src/cluster/ports/preflight.ts';

export interface FakeMachine {
  facts: MachineFacts;
  now: Date;
  /** Path → text. */
  readonly files: Map<string, string>;
  /** Path → why not. Of folders and what is below them. */
  readonly unwritable: Map<string, Writability>;
  /** Path → free bytes, of folders and what is below them; the longest counts. */
  readonly free: Map<string, number>;
  /** Command line → answer. A program without any is not installed. */
  readonly commands: Map<string, Partial<CommandOutcome>>;
  listeners: Listener[];
  readonly runtimes: Map<string, RuntimeAnswer>;
  readonly names: Map<string, Ip[]>;
  remote: RemoteTime;
  /** What routers say when BGP calls them. */
  greeting: BgpGreeting;
  traces: string[];
  links: Link[];
  /** Who answers for an address. */
  readonly users: Map<Ip, Mac>;
  /** What a DHCP server does with a DISCOVER. */
  offers: (wish: Ip | undefined) => DhcpOffer[];
  /** Command lines that were run by hands. */
  readonly done: string[];
  /** DISCOVERs sent. */
  discovers: number;
  readonly parts: { readonly machine: MachineProbe; readonly lan: LanProbe };
  readonly hands: MachineHands;
}

export const LAPTOP_MAC = parseMac('02:00:00:00:00:50')!;
export const VIP = ip('192.168.1.40');

export function cidrOf(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new TypeError(text);
  return parsed;
}

/** What `init` asks for on the machine below. */
export const INIT: PreflightRequest = {
  role: 'init',
  vips: [VIP],
  podSubnets: [cidrOf('10.244.0.0/16')],
  serviceSubnets: [cidrOf('10.96.0.0/12')],
};

export function createFakeMachine(): FakeMachine {
  const below = <T>(map: ReadonlyMap<string, T>, path: string): T | undefined =>
    [...map]
      .filter(([folder]) => folder === '/' || path === folder || path.startsWith(`${folder}/`))
      .toSorted(([a], [b]) => b.length - a.length)[0]?.[1];
  const answer = (command: string, args: readonly string[]): CommandOutcome | undefined => {
    const known = fake.commands.get([command, ...args].join(' '));
    if (known !== undefined) return { code: 0, stdout: '', stderr: '', ...known };
    return installed(command) ? { code: 1, stdout: '', stderr: 'unknown to the fake' } : undefined;
  };
  const installed = (program: string): boolean =>
    [...fake.commands.keys()].some((line) => line.split(' ')[0] === program);
  const machine: MachineProbe = {
    facts: () => fake.facts,
    now: () => fake.now,
    read: (path) => Promise.resolve(fake.files.get(path)),
    list: (path) => {
      const names = [...fake.files.keys()]
        .filter((file) => file.startsWith(`${path}/`))
        .map((file) => file.slice(path.length + 1).split('/')[0] ?? '');
      return Promise.resolve(names.length === 0 ? undefined : [...new Set(names)]);
    },
    exists: (path) =>
      Promise.resolve(fake.files.has(path) || [...fake.files.keys()].some((file) => file.startsWith(`${path}/`))),
    writability: (path) => Promise.resolve(below(fake.unwritable, path) ?? 'yes'),
    freeBytes: (path) => Promise.resolve(below(fake.free, path)),
    which: (program) => Promise.resolve(installed(program) ? `/usr/bin/${program}` : undefined),
    run: (command, args) => Promise.resolve(answer(command, args)),
    listeners: () => Promise.resolve(fake.listeners),
    runtime: (socket) => Promise.resolve(fake.runtimes.get(socket) ?? { state: 'missing' }),
    resolve: (name) => Promise.resolve(fake.names.get(name) ?? []),
    remoteTime: () => Promise.resolve(fake.remote),
    bgpGreeting: () => Promise.resolve(fake.greeting),
    ownTraces: () => Promise.resolve(fake.traces),
  };
  const lan: LanProbe = {
    links: () => fake.links,
    user: (address) => Promise.resolve(fake.users.get(address)),
    dhcpOffers: (_link, wish) => {
      fake.discovers++;
      return Promise.resolve(fake.offers(wish));
    },
  };
  const hands: MachineHands = {
    read: (path) => machine.read(path),
    write: (path, text) => {
      if (below(fake.unwritable, path) !== undefined) return Promise.reject(new Error(`EROFS: ${path}`));
      fake.files.set(path, text);
      return Promise.resolve();
    },
    remove: (path) => {
      fake.files.delete(path);
      return Promise.resolve();
    },
    run: (command, args) => {
      const line = [command, ...args].join(' ');
      fake.done.push(line);
      const result = answer(command, args);
      if (result === undefined) {
        return Promise.reject(new KubevipError(`the program ${command} is not installed`, { code: 'RUN_NOT_FOUND' }));
      }
      return Promise.resolve(result);
    },
  };
  const fake: FakeMachine = {
    facts: {
      platform: 'linux',
      arch: 'x64',
      kernel: '6.1.0-18-amd64',
      hostname: 'node-1',
      uid: 0,
      cpus: 4,
      memoryBytes: 8 * 2 ** 30,
    },
    now: new Date('2026-06-01T12:00:00Z'),
    files: new Map([
      ['/etc/os-release', 'NAME="Debian GNU/Linux"\nID=debian\n'],
      ['/etc/hosts', '127.0.0.1 localhost\n'],
      ['/etc/fstab', 'UUID=1 / ext4 errors=remount-ro 0 1\nUUID=2 none swap sw 0 0\n'],
      ['/proc/filesystems', 'nodev\tsysfs\nnodev\toverlay\n\text4\n'],
      ['/proc/modules', 'overlay 163840 0 - Live 0x0\nbr_netfilter 32768 0 - Live 0x0\n'],
      ['/proc/swaps', 'Filename\tType\tSize\tUsed\tPriority\n'],
      ['/proc/meminfo', 'MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n'],
      ['/proc/mounts', '/dev/sda1 / ext4 rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n'],
      ['/sys/fs/cgroup/cgroup.controllers', 'cpuset cpu io memory hugetlb pids\n'],
      ['/proc/sys/net/ipv4/ip_forward', '1\n'],
      ['/proc/sys/net/bridge/bridge-nf-call-iptables', '1\n'],
      ['/proc/sys/net/bridge/bridge-nf-call-ip6tables', '1\n'],
      ['/proc/sys/net/ipv6/conf/all/disable_ipv6', '0\n'],
      ['/proc/sys/net/ipv6/conf/all/forwarding', '1\n'],
      ['/proc/sys/net/ipv6/conf/default/forwarding', '1\n'],
      ['/proc/sys/net/ipv6/conf/eth0/accept_ra', '1\n'],
      ['/run/systemd/system/x', ''],
      ['/usr/lib/systemd/system/systemd-timesyncd.service', ''],
    ]),
    unwritable: new Map(),
    free: new Map([['/', 100 * 2 ** 30]]),
    commands: new Map<string, Partial<CommandOutcome>>([
      ['mount', {}],
      ['losetup', {}],
      ['cp', {}],
      ['ip', {}],
      ['modprobe --dry-run overlay', {}],
      ['modprobe --dry-run br_netfilter', {}],
      ['modprobe overlay', {}],
      ['modprobe br_netfilter', {}],
      ['swapoff -a', {}],
      ['swapon -a', {}],
      ['containerd', {}],
      ['kubeadm version -o short', { stdout: 'v1.35.2\n' }],
      ['kubelet --version', { stdout: 'Kubernetes v1.35.2\n' }],
      ['kubectl version --client', { stdout: 'Client Version: v1.35.2\nKustomize Version: v5.7.1\n' }],
      ['systemctl is-enabled kubelet', { stdout: 'enabled\n' }],
      ['systemctl enable kubelet', {}],
      ['systemctl start containerd', {}],
      ['timedatectl show -p NTP -p NTPSynchronized', { stdout: 'NTP=yes\nNTPSynchronized=yes\n' }],
      ['timedatectl set-ntp true', {}],
    ]),
    listeners: [{ port: 22, program: 'sshd', pid: 700 }],
    runtimes: new Map<string, RuntimeAnswer>([
      [
        '/run/containerd/containerd.sock',
        { state: 'answers', name: 'containerd', version: '2.1.4', cgroupDriver: 'systemd' },
      ],
    ]),
    names: new Map([['node-1', [ip('127.0.1.1')]]]),
    remote: { state: 'told', time: new Date('2026-06-01T12:00:00Z') },
    greeting: { state: 'answers' },
    traces: [],
    links: [
      {
        name: 'lo',
        index: 1,
        mac: parseMac('00:00:00:00:00:00')!,
        up: true,
        addresses: [{ ip: ip('127.0.0.1'), prefixLength: 8 }],
        gateway: {},
      },
      {
        name: 'eth0',
        index: 2,
        mac: parseMac('02:00:00:00:00:01')!,
        up: true,
        addresses: [{ ip: ip('192.168.1.11'), prefixLength: 24 }],
        gateway: { v4: ip('192.168.1.1') },
      },
    ],
    users: new Map(),
    offers: () => [{ server: ip('192.168.1.1'), ip: ip('192.168.1.137'), prefixLength: 24 }],
    done: [],
    discovers: 0,
    parts: { machine, lan },
    hands,
  };
  return fake;
}

/** Changes facts of the link `eth0`. */
export function changeLink(fake: FakeMachine, change: Partial<Link>): void {
  fake.links = fake.links.map((link) => (link.name === 'eth0' ? { ...link, ...change } : link));
}
