/** FRRouting: zebra, bgpd and bfdd on a host of a test LAN. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stopProcess } from '../../../src/lab/process.ts';
import { eventually, type HostDaemon } from '../netns.ts';
import {
  DEFAULT_BFD_PACE,
  familyOfText,
  words,
  type BfdPace,
  type BgpRouter,
  type Neighbor,
  type RouterOptions,
  type SeenRoute,
} from './router.ts';

interface NeighborJson {
  readonly bgpState: string;
}
interface PathJson {
  readonly aspath?: { readonly string: string };
  readonly community?: { readonly string: string };
  readonly largeCommunity?: { readonly string: string };
  readonly metric?: number;
  readonly locPrf?: number;
  readonly stale?: boolean;
  readonly nexthops: readonly { readonly ip: string; readonly scope?: string }[];
  readonly peer: { readonly peerId: string; readonly interface?: string };
}

export interface FrrRouter extends BgpRouter {
  bfd(neighbor: Neighbor): Promise<string>;
  /** Lines below `router bgp`. */
  configure(...lines: string[]): Promise<void>;
}

export function createFrr(options: RouterOptions): FrrRouter {
  const { host, neighbors } = options;
  const dir = join(options.dir, `${host.name}-frr-${options.port}`);
  let daemons: HostDaemon[] = [];

  const vtysh = async (...commands: string[]): Promise<string> =>
    await host.must(['vtysh', '--vty_socket', dir, ...commands.flatMap((command) => ['-c', command])]);
  const json = async <T>(command: string): Promise<T> => JSON.parse(await vtysh(`${command} json`)) as T;

  /** Several questions at once: a vtysh takes its time to start. */
  const jsons = async <T>(commands: readonly string[]): Promise<T[]> => {
    if (commands.length === 0) return [];
    const text = await vtysh(...commands.map((command) => `${command} json`));
    return text
      .split(/^(?=\{)/m)
      .filter((each) => each.trim() !== '')
      .map((each) => JSON.parse(each) as T);
  };

  return {
    kind: 'FRR',
    async start() {
      mkdirSync(dir, { recursive: true });
      // Its daemons run as a user of their own.
      chmodSync(options.dir, 0o755);
      chmodSync(dir, 0o777);
      writeFileSync(join(dir, 'zebra.conf'), `hostname ${host.name}\n`);
      writeFileSync(join(dir, 'bfdd.conf'), bfdConfig(options.bfdPace));
      writeFileSync(join(dir, 'bgpd.conf'), bgpConfig(options));
      daemons = [];
      // Two of them in one place would take each other's packets.
      const watches = neighbors.some(({ bfd }) => bfd === true);
      for (const name of ['zebra', ...(watches ? ['bfdd'] : []), 'bgpd']) {
        const own =
          name === 'bgpd' ? ['-p', String(options.port)] : name === 'bfdd' ? ['--bfdctl', join(dir, 'bfdd.sock')] : [];
        const args = ['-f', join(dir, `${name}.conf`), '-i', join(dir, `${name}.pid`), '-z', join(dir, 'zserv.api')];
        const daemon = host.daemon([
          ...(options.wrapper ?? []),
          `/usr/lib/frr/${name}`,
          ...args,
          '--vty_socket',
          dir,
          '-A',
          '127.0.0.1',
          '-P',
          '0',
          '--log',
          'stdout',
          ...own,
        ]);
        daemons.push(daemon);
        await eventually(`${name} answers`, () => vtysh('show version').then(() => true));
      }
      await eventually('bgpd answers', () => vtysh('show bgp summary').then((text) => !/not running/.test(text)));
    },
    async kill() {
      await Promise.all(daemons.map(({ id }) => stopProcess(id, { graceMs: 0 })));
    },
    async established(neighbor) {
      const name = nameOf(neighbor);
      const found = await json<Record<string, NeighborJson>>(`show bgp neighbors ${name}`);
      return found[name]?.bgpState === 'Established';
    },
    // What the neighbour said on leaving is only in the log.
    describe: async ({ ip }) => {
      const said = daemons.map((daemon) =>
        daemon
          .log()
          .split('\n')
          .filter((line) => line.includes(`${ip} `)),
      );
      return [await vtysh(`show bgp neighbors ${ip}`), ...said.flat()].join('\n');
    },
    async routes(neighbor) {
      const name = nameOf(neighbor);
      const tables = await jsons<{ routes?: Record<string, unknown> }>(
        ['ipv4', 'ipv6'].map((family) => `show bgp ${family} unicast neighbors ${name} routes`),
      );
      const prefixes = tables.flatMap(({ routes = {} }) => Object.keys(routes));
      const details = await jsons<{ prefix: string; paths?: readonly PathJson[] }>(
        prefixes.map((prefix) => `show bgp ipv${familyOfText(prefix)} unicast ${prefix}`),
      );
      const seen = new Map<string, SeenRoute>();
      for (const { prefix, paths } of details) {
        const path = paths?.find(({ peer }) => peer.peerId === name || peer.interface === name);
        if (path !== undefined) seen.set(prefix, seenRoute(path));
      }
      return seen;
    },
    async shutdown({ ip }, communication) {
      await vtysh('configure terminal', `router bgp ${options.as}`, `neighbor ${ip} shutdown message ${communication}`);
    },
    async configure(...lines) {
      await vtysh('configure terminal', `router bgp ${options.as}`, ...lines);
    },
    async bfd({ ip }) {
      const peers = await json<readonly { peer: string; status: string }[]>('show bfd peers');
      return peers.find(({ peer }) => peer === ip)?.status ?? 'none';
    },
  };

  function bgpConfig({ as, ip }: RouterOptions): string {
    return `log stdout
router bgp ${as}
 bgp router-id ${ip}
 bgp log-neighbor-changes
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 bgp graceful-restart stalepath-time 30
${neighbors.map(neighborConfig).join('\n')}
 address-family ipv4 unicast
  network 203.0.113.0/24
${neighbors.map((each) => `  neighbor ${nameOf(each)} activate`).join('\n')}
 exit-address-family
 address-family ipv6 unicast
${neighbors.map((each) => `  neighbor ${nameOf(each)} activate`).join('\n')}
 exit-address-family
`;
  }
}

function neighborConfig(neighbor: Neighbor): string {
  const { ip, as, hold = 90, link } = neighbor;
  const lines = [
    link === undefined ? `remote-as ${as}` : `interface remote-as ${as}`,
    `timers ${Math.floor(hold / 3)} ${hold}`,
    'timers connect 1',
    ...(neighbor.password === undefined ? [] : [`password ${neighbor.password}`]),
    ...(neighbor.multihop === true ? ['ebgp-multihop 5'] : []),
    ...(neighbor.ttlSecurity === true ? ['ttl-security hops 1'] : []),
    ...(neighbor.bfd === true ? ['bfd', 'bfd profile fast'] : []),
    ...(neighbor.port === undefined ? [] : [`port ${neighbor.port}`]),
    ...(familyOfText(ip) === 6 ? ['capability extended-nexthop'] : []),
  ];
  return lines.map((line) => ` neighbor ${nameOf(neighbor)} ${line}`).join('\n');
}

const nameOf = ({ ip, link }: Neighbor): string => link ?? ip;

function seenRoute(path: PathJson): SeenRoute {
  const hop = path.nexthops.find(({ scope }) => scope !== 'link-local') ?? path.nexthops[0];
  return {
    nextHop: hop?.ip ?? '',
    path: path.aspath?.string === 'Local' ? '' : (path.aspath?.string ?? ''),
    communities: words(path.community?.string),
    largeCommunities: words(path.largeCommunity?.string),
    med: path.metric,
    localPref: path.locPrf,
    stale: path.stale ?? false,
  };
}

function bfdConfig({ intervalMs, multiplier }: BfdPace = DEFAULT_BFD_PACE): string {
  return `bfd
 profile fast
  transmit-interval ${intervalMs}
  receive-interval ${intervalMs}
  detect-multiplier ${multiplier}
 !
!
`;
}
