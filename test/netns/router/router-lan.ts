/**
 * A home in namespaces: the Internet, a router with miniupnpd in secure mode, two nodes and another machine. One LAN
 * serves a whole file of tests; `start` gives each a router with an empty table.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, createCable, createNetns, loadNft, sysctl } from '../../../src/lab/netns.ts';
import { run, runOrThrow } from '../../../src/lab/exec.ts';
import { MINIUPNPD_TABLE } from '../../../src/lab/router/nat.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { createNetwork, type LinuxNetwork } from '../../../src/linux/network.ts';
import { createNatPmpClient } from '../../../src/exposure/router/natpmp-client.ts';
import { createIgdClient } from '../../../src/exposure/router/igd-client.ts';
import { createPinholeClient } from '../../../src/exposure/router/pinhole-client.ts';
import { createPcpClient } from '../../../src/exposure/router/pcp-client.ts';
import type { RouterClient } from '../../../src/exposure/router/client.ts';
import type { MappingMethod } from '../../../src/exposure/router/port.ts';
import { familyOf, ip, ipFromBytes, type Ip } from '../../../src/model/ip.ts';
import { createLan, eventually, type HostDaemon, type Lan } from '../../support/netns.ts';
import type { TableEntry } from '../../compliance/router/suite.ts';

export const GATEWAY = ip('10.77.0.1');
export const OUTER = ip('192.0.1.2');
/** On n1. */
export const VIP = ip('10.77.0.101');
export const OTHER_VIP = ip('10.77.0.102');
const FOREIGN = ip('10.77.0.50');
const OUTER6 = 'addr add 2001:db8:ff::2/64 dev wan0 nodad';
export const GATEWAY6 = ip('2001:db8:77::1');
/** The same router, as nodes know it from its advertisements. */
export const GATEWAY_LL = ip('fe80::1');
/** On n1. */
export const VIP6 = ip('2001:db8:77::101');
export const OTHER_VIP6 = ip('2001:db8:77::102');

export interface UpnpdOptions {
  readonly methods: readonly MappingMethod[];
  /** More lines of its configuration. */
  readonly lines?: readonly string[];
  /** The router's address outside; default 192.0.1.2/24. */
  readonly outer?: string;
  /** External ports it may map; default `1-65535`. */
  readonly allowed?: string;
  /** Whether it opens its IPv6 firewall too. */
  readonly ipv6?: boolean;
}

export type Host = 'router' | 'n1' | 'n2' | 'other';

export interface RouterLan {
  readonly lan: Lan<Host>;
  readonly clock: ReturnType<typeof createSystemClock>;
  readonly network: (host: Host) => LinuxNetwork;
  /** Starts miniupnpd anew, with an empty table. */
  readonly start: (options: UpnpdOptions) => Promise<void>;
  /** Stops it; with `crash` it cannot say goodbye. */
  readonly stop: (how?: 'crash') => Promise<void>;
  /** What netfilter really forwards. */
  readonly table: () => Promise<TableEntry[]>;
  /** As another machine would: by the protocols. */
  readonly occupy: (externalPort: number) => Promise<void>;
  /** Holes in its IPv6 firewall, as netfilter has them. */
  readonly pinholes: () => Promise<TableEntry[]>;
  readonly client: (host: Host, method: MappingMethod) => RouterClient;
  /** The same for pinholes. */
  readonly client6: (host: Host, method: 'pcp' | 'igd2', gateway?: Ip) => RouterClient;
  /** Runs a command on the Internet's side. */
  readonly outside: (...argv: string[]) => Promise<{ code: number; stdout: string }>;
  /** Serves text by HTTP at an address of a node, until `dispose`. */
  readonly serve: (host: Host, address: Ip, port: number, text: string) => Promise<HostDaemon>;
  readonly log: () => string;
  readonly dispose: () => Promise<void>;
}

export async function createRouterLan(): Promise<RouterLan> {
  const lan = await createLan({ nodes: ['router', 'n1', 'n2', 'other'] });
  const clock = createSystemClock();
  // The clock keeps no process alive, and a test that waits for the network has nothing else that does.
  const awake = setInterval(() => undefined, 1000);
  const internet = lan.bridge.replace(/sw$/, 'inet');
  const networks = new Map<Host, LinuxNetwork>();
  const leases = join(lan.dir, 'upnp.leases');
  let upnpd: HostDaemon | undefined;
  let methods: readonly MappingMethod[] = [];

  const { router, n1, n2, other } = lan.hosts;
  await router.ip8('addr flush dev eth0', `addr add ${GATEWAY}/24 dev eth0`);
  await other.ip8('addr flush dev eth0', `addr add ${FOREIGN}/24 dev eth0`);
  await createNetns(internet);
  await createCable({ netns: router.netns, name: 'wan0' }, { netns: internet, name: 'eth0' });
  await configure(router.netns, ['link set wan0 up']);
  await configure(internet, ['addr add 192.0.1.1/24 dev eth0', 'link set eth0 up']);
  await sysctl(router.netns, { 'net.ipv4.ip_forward': 1 });
  for (const host of [n1, n2, other]) await host.ip8(`route add default via ${GATEWAY}`);
  await n1.ip8(`addr add ${VIP}/32 dev eth0`, `addr add ${OTHER_VIP}/32 dev eth0`);
  await sysctl(router.netns, { 'net.ipv6.conf.all.forwarding': 1 });
  await router.ip8(`addr add ${GATEWAY6}/64 dev eth0 nodad`, `addr add ${GATEWAY_LL}/64 dev eth0 nodad`, OUTER6);
  await configure(internet, [
    'addr add 2001:db8:ff::1/64 dev eth0 nodad',
    'route add 2001:db8:77::/64 via 2001:db8:ff::2',
  ]);
  for (const [host, last] of [
    [n1, 'b'],
    [n2, 'c'],
    [other, 'd'],
  ] as const) {
    await host.ip8(`addr add 2001:db8:77::${last}/64 dev eth0 nodad`, `route add default via ${GATEWAY6} dev eth0`);
  }
  await n1.ip8(`addr add ${VIP6}/128 dev eth0 nodad`, `addr add ${OTHER_VIP6}/128 dev eth0 nodad`);

  const network = (host: Host): LinuxNetwork => {
    const known = networks.get(host) ?? createNetwork({ netns: lan.hosts[host].netns });
    networks.set(host, known);
    return known;
  };

  const client = (host: Host, method: MappingMethod): RouterClient => {
    const io = { network: network(host), clock, gateway: GATEWAY };
    if (method === 'pcp') return createPcpClient({ ...io, link: 'eth0', heard: () => undefined });
    if (method === 'nat-pmp') return createNatPmpClient({ ...io, link: 'eth0', heard: () => undefined });
    const serviceType = `urn:schemas-upnp-org:service:WANIPConnection:${method === 'igd1' ? 1 : 2}`;
    return createIgdClient({ ...io, method, serviceType, controlUrl: `http://${GATEWAY}:5000/ctl/IPConn` });
  };

  const client6 = (host: Host, method: 'pcp' | 'igd2', gateway = GATEWAY6): RouterClient => {
    const io = { network: network(host), clock, gateway, link: 'eth0' };
    if (method === 'pcp') return createPcpClient({ ...io, heard: () => undefined });
    const serviceType = 'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1';
    return createPinholeClient({ ...io, serviceType, controlUrl: `http://[${gateway}]:5000/ctl/IP6FCtl` });
  };

  const stop = async (how?: 'crash'): Promise<void> => {
    if (how === 'crash' && upnpd?.alive()) process.kill(upnpd.id.pid, 'SIGKILL');
    await upnpd?.stop();
    upnpd = undefined;
  };

  return {
    lan,
    clock,
    network,
    client,
    client6,
    stop,

    async start({ methods: wanted, lines = [], outer = `${OUTER}/24`, allowed = '1-65535', ipv6 = false }) {
      await stop();
      methods = wanted;
      rmSync(leases, { force: true });
      await router.ip8('addr flush dev wan0', `addr add ${outer} dev wan0`, OUTER6);
      await loadNft(router.netns, rules(methods));
      const igd = methods.find((method) => method === 'igd1' || method === 'igd2');
      const config = join(lan.dir, 'miniupnpd.conf');
      const text = [
        'ext_ifname=wan0',
        'listening_ip=eth0',
        'http_port=5000',
        ...(ipv6 ? ['ext_ifname6=wan0'] : ['ipv6_disable=yes']),
        `enable_upnp=${igd === undefined ? 'no' : 'yes'}`,
        `force_igd_desc_v1=${igd === 'igd1' ? 'yes' : 'no'}`,
        `enable_natpmp=${methods.length > (igd === undefined ? 0 : 1) ? 'yes' : 'no'}`,
        'secure_mode=yes',
        'min_lifetime=10',
        'max_lifetime=86400',
        'notify_interval=60',
        `lease_file=${leases}`,
        'uuid=6b756265-7669-4c61-8b00-6c61622d7232',
        ...lines,
        `allow ${allowed} 10.77.0.0/24 1-65535`,
        'deny 0-65535 0.0.0.0/0 0-65535',
      ];
      writeFileSync(config, `${text.join('\n')}\n`);
      upnpd = router.daemon(['miniupnpd', '-d', '-f', config, '-P', join(lan.dir, 'miniupnpd.pid')]);
      const started = upnpd;
      const expected = [
        ...(igd ? [/HTTP listening on port/] : []),
        ...(methods.length > (igd ? 1 : 0) ? [/PCP traffic/] : []),
      ];
      await eventually('miniupnpd listens', () => expected.every((line) => line.test(started.log())));
    },

    async table() {
      const chain = ['nft', 'list', 'chain', 'inet', 'filter', 'prerouting_miniupnpd'];
      const text = await runOrThrow(chain, { netns: router.netns });
      // The protocol is matched by its number at its place in the header.
      const rule = /@nh,72,8 (0x6|0x11) th dport (\d+) dnat ip to (\d+\.\d+\.\d+\.\d+):(\d+)/g;
      return [...text.matchAll(rule)].map(([, protocol, externalPort, internalIp = '', internalPort]) => ({
        protocol: protocol === '0x6' ? ('TCP' as const) : ('UDP' as const),
        externalPort: Number(externalPort),
        internalIp,
        internalPort: Number(internalPort),
      }));
    },

    async pinholes() {
      const chain = ['nft', 'list', 'chain', 'inet', 'filter', 'miniupnpd'];
      const text = await runOrThrow(chain, { netns: router.netns });
      // Address and protocol are matched by number at their places in the IPv6 header.
      const rule = /th dport (\d+) @nh,192,128 0x([0-9a-f]{32}) @nh,48,8 (0x6|0x11) accept/g;
      return [...text.matchAll(rule)].map(([, port, address = '', protocol]) => ({
        protocol: protocol === '0x6' ? ('TCP' as const) : ('UDP' as const),
        externalPort: Number(port),
        internalIp: ipFromBytes(Buffer.from(address, 'hex')),
        internalPort: Number(port),
      }));
    },

    async occupy(port) {
      const answer = await client('other', methods.at(-1) ?? 'pcp').map({
        protocol: 'TCP',
        internalPort: port,
        externalPort: port,
        source: FOREIGN,
        lifetime: 3_600_000,
        description: 'game console',
        uid: 'foreign',
        formerIps: [],
        known: false,
      });
      if (answer.kind !== 'mapped') throw new Error(`the other machine got no port: ${JSON.stringify(answer)}`);
    },

    outside: (...argv) => run(argv, { netns: internet }),

    async serve(host, address, port, text) {
      const script = join(lan.dir, `serve-${host}-${port}.sh`);
      const head = `HTTP/1.0 200 OK\\r\\nContent-Length: ${text.length}\\r\\n\\r\\n`;
      writeFileSync(script, `read request; printf '${head}${text}'\n`);
      const v6 = familyOf(address) === 6;
      const listen = `TCP${v6 ? 6 : 4}-LISTEN:${port},bind=${v6 ? `[${address}]` : address},reuseaddr,fork`;
      const server = lan.hosts[host].daemon(['socat', listen, `EXEC:sh ${script}`]);
      await eventually(`${address} serves`, async () => {
        const { stdout } = await lan.hosts[host].run(['ss', '-Hltn', `src ${v6 ? `[${address}]` : address}:${port}`]);
        return stdout.trim() !== '';
      });
      return server;
    },

    log: () => upnpd?.log() ?? '',

    async dispose() {
      clearInterval(awake);
      await stop();
      for (const each of networks.values()) each.close();
      await lan.dispose();
    },
  };
}

/** A home router's firewall. PCP and NAT-PMP share port and daemon: the first byte of a request tells them apart. */
function rules(methods: readonly MappingMethod[]): string {
  const silent = [...(methods.includes('nat-pmp') ? [] : [0]), ...(methods.includes('pcp') ? [] : [2])];
  return `flush ruleset
table inet test {
  chain input {
    type filter hook input priority 0; policy accept;
    ${silent.map((version) => `iifname "eth0" udp dport 5351 @th,64,8 ${version} drop`).join('\n    ')}
  }
}
${MINIUPNPD_TABLE}`;
}
