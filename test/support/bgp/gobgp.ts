/** GoBGP on a host of a test LAN. It takes no call for the first five seconds. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stopProcess } from '../../../src/lab/process.ts';
import { eventually, type HostDaemon } from '../netns.ts';
import { type BgpRouter, type Neighbor, type RouterOptions, type SeenRoute } from './router.ts';

interface AttributeJson {
  readonly type: number;
  readonly as_paths?: readonly { readonly asns: readonly number[] }[];
  readonly nexthop?: string;
  readonly metric?: number;
  readonly communities?: readonly number[];
  readonly value?:
    readonly { readonly ASN: number; readonly LocalData1: number; readonly LocalData2: number }[] | number;
}
interface PathJson {
  readonly stale?: boolean;
  readonly attrs: readonly AttributeJson[];
  readonly 'source-id'?: string;
  readonly 'neighbor-ip'?: string;
}

export function createGobgp(options: RouterOptions & { readonly apiPort: number }): BgpRouter {
  const { host, dir, apiPort } = options;
  const stem = join(dir, `${host.name}-gobgp-${options.port}`);
  let daemon: HostDaemon | undefined;
  const gobgp = async (...args: string[]): Promise<string> =>
    await host.must(['gobgp', '-p', String(apiPort), ...args]);

  return {
    kind: 'GoBGP',
    async start() {
      writeFileSync(`${stem}.toml`, config(options));
      daemon = host.daemon(['gobgpd', '-f', `${stem}.toml`, `--api-hosts=127.0.0.1:${apiPort}`, '--pprof-disable']);
      await eventually('gobgpd answers', () => gobgp('neighbor', '-j').then((text) => text !== ''));
      await gobgp('global', 'rib', 'add', '203.0.113.0/24');
    },
    async kill() {
      if (daemon !== undefined) await stopProcess(daemon.id, { graceMs: 0 });
    },
    established: async ({ ip }) => / BGP state = ESTABLISHED/i.test(await gobgp('neighbor', ip)),
    // How it ended is only in its log.
    describe: async ({ ip }) =>
      `${await gobgp('neighbor', ip)}\n${(daemon?.log() ?? '')
        .split('\n')
        .filter((line) => line.includes(ip))
        .join('\n')}`,
    async routes({ ip }) {
      const seen = new Map<string, SeenRoute>();
      for (const family of ['ipv4', 'ipv6']) {
        const text = await gobgp('global', 'rib', '-a', family, '-j');
        const table = (text.trim() === '' ? {} : JSON.parse(text)) as Record<string, readonly PathJson[]>;
        for (const [prefix, paths] of Object.entries(table)) {
          const path = paths.find((each) => each['neighbor-ip'] === ip);
          if (path !== undefined) seen.set(prefix, seenRoute(path));
        }
      }
      return seen;
    },
    async shutdown({ ip }, communication) {
      await gobgp('neighbor', ip, 'disable', '--reason', communication).catch(() => gobgp('neighbor', ip, 'disable'));
    },
  };
}

function config({ as, ip, port, neighbors }: RouterOptions): string {
  return `[global.config]
  as = ${as}
  router-id = "${ip}"
  port = ${port}
${neighbors.map(neighborConfig).join('\n')}
`;
}

function neighborConfig(neighbor: Neighbor): string {
  const { hold = 90, gracefulRestart = false } = neighbor;
  const family = (name: string): string => `  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${name}"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = ${gracefulRestart}`;
  return `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${neighbor.ip}"
    peer-as = ${neighbor.as}
    ${neighbor.password === undefined ? '' : `auth-password = "${neighbor.password}"`}
  [neighbors.timers.config]
    hold-time = ${hold}
    keepalive-interval = ${Math.floor(hold / 3)}
    connect-retry = 1
    idle-hold-time-after-reset = 1
  [neighbors.transport.config]
    ${neighbor.port === undefined ? '' : `remote-port = ${neighbor.port}`}
  [neighbors.ebgp-multihop.config]
    enabled = ${neighbor.multihop ?? false}
    multihop-ttl = 5
  [neighbors.ttl-security.config]
    enabled = ${neighbor.ttlSecurity ?? false}
    ttl-min = 255
  [neighbors.graceful-restart.config]
    enabled = ${gracefulRestart}
    restart-time = 30
${family('ipv4-unicast')}
${family('ipv6-unicast')}`;
}

function seenRoute({ attrs, stale = false }: PathJson): SeenRoute {
  const find = (type: number): AttributeJson | undefined => attrs.find((each) => each.type === type);
  const large = find(32)?.value;
  const localPref = find(5)?.value;
  return {
    nextHop: find(14)?.nexthop ?? find(3)?.nexthop ?? '',
    path: (find(2)?.as_paths ?? []).flatMap(({ asns }) => asns).join(' '),
    communities: (find(8)?.communities ?? []).map((each) => `${Math.floor(each / 65_536)}:${each % 65_536}`),
    largeCommunities: (Array.isArray(large) ? large : []).map(
      (each: { ASN: number; LocalData1: number; LocalData2: number }) =>
        `${each.ASN}:${each.LocalData1}:${each.LocalData2}`,
    ),
    med: find(4)?.metric,
    localPref: typeof localPref === 'number' ? localPref : undefined,
    stale,
  };
}
