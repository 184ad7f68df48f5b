/** BIRD 2 on a host of a test LAN. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stopProcess } from '../../../src/lab/process.ts';
import { eventually, type HostDaemon } from '../netns.ts';
import {
  DEFAULT_BFD_PACE,
  familyOfText,
  type BfdPace,
  type BgpRouter,
  type Neighbor,
  type RouterOptions,
  type SeenRoute,
} from './router.ts';

export function createBird(options: RouterOptions): BgpRouter & { bfd(neighbor: Neighbor): Promise<string> } {
  const { host, dir } = options;
  const stem = join(dir, `${host.name}-bird-${options.port}`);
  let daemon: HostDaemon | undefined;
  const birdc = async (...words: string[]): Promise<string> =>
    await host.must(['birdc', '-s', `${stem}.ctl`, ...words]);

  return {
    kind: 'BIRD',
    async start() {
      writeFileSync(`${stem}.conf`, config(options));
      daemon = host.daemon([
        ...(options.wrapper ?? []),
        'bird',
        '-f',
        '-c',
        `${stem}.conf`,
        '-s',
        `${stem}.ctl`,
        '-P',
        `${stem}.pid`,
      ]);
      await eventually('BIRD answers', () => birdc('show', 'status').then((text) => text.includes('up and running')));
    },
    async kill() {
      if (daemon !== undefined) await stopProcess(daemon.id, { graceMs: 0 });
    },
    established: async (neighbor) => (await birdc('show', 'protocols', protocolOf(neighbor))).includes('Established'),
    describe: (neighbor) => birdc('show', 'protocols', 'all', protocolOf(neighbor)),
    async routes(neighbor) {
      const text = await birdc('show', 'route', 'protocol', protocolOf(neighbor), 'all');
      const seen = new Map<string, SeenRoute>();
      let prefix = '';
      // A prefix starts at the margin, and so does a second path to the one above.
      for (const block of text.split(/\n(?=\S|\s+(?:unicast|unreachable|blackhole) )/)) {
        prefix = /^([0-9a-f:.]+\/\d+)\s/.exec(block)?.[1] ?? prefix;
        if (/BGP\.as_path/.test(block)) seen.set(prefix, seenRoute(block));
      }
      return seen;
    },
    async shutdown(neighbor, communication) {
      await birdc('disable', protocolOf(neighbor), `"${communication}"`);
    },
    async bfd({ ip }) {
      const line = (await birdc('show', 'bfd', 'sessions')).split('\n').find((each) => each.startsWith(`${ip} `));
      return line?.trim().split(/\s+/)[2] ?? 'none';
    },
  };
}

/** Not a word of its language. */
function protocolOf({ name }: Neighbor): string {
  return `to_${name}`;
}

function config(options: RouterOptions): string {
  const { as, ip, ip6, port, neighbors } = options;
  const protocols = neighbors.map((neighbor) => {
    const { hold = 90 } = neighbor;
    const local = familyOfText(neighbor.ip) === 4 ? ip : ip6;
    return `protocol bgp ${protocolOf(neighbor)} {
  local ${local} port ${port} as ${as};
  neighbor ${neighbor.ip} ${neighbor.port === undefined ? '' : `port ${neighbor.port} `}as ${neighbor.as};
  hold time ${hold}; keepalive time ${Math.floor(hold / 3)};
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ${neighbor.password === undefined ? '' : `password "${neighbor.password}";`}
  ${neighbor.multihop === true ? 'multihop 5;' : 'direct;'}
  ${neighbor.ttlSecurity === true ? 'ttl security on;' : ''}
  ${neighbor.bfd === true ? 'bfd on;' : ''}
  graceful restart ${neighbor.gracefulRestart === true ? 'aware' : 'off'};
  ipv4 { import all; export where proto = "own"; extended next hop on; };
  ipv6 { import all; export none; };
}`;
  });
  return `router id ${ip};
log stderr all;
protocol device { }
protocol static own { ipv4; route 203.0.113.0/24 blackhole; }
${options.installs === true ? KERNEL : ''}
${neighbors.some(({ bfd }) => bfd === true) ? bfdConfig(options.bfdPace) : ''}
${protocols.join('\n')}
`;
}

/** Of several ways to one prefix the kernel takes all. */
const KERNEL = `protocol kernel { merge paths on; ipv4 { import none; export where source = RTS_BGP; }; }
protocol kernel { merge paths on; ipv6 { import none; export where source = RTS_BGP; }; }`;

/** Two of them in one place would take each other's packets. */
function bfdConfig({ intervalMs, multiplier }: BfdPace = DEFAULT_BFD_PACE): string {
  const pace = `{ min rx interval ${intervalMs} ms; min tx interval ${intervalMs} ms; multiplier ${multiplier}; }`;
  return `protocol bfd {
  interface "*" ${pace};
  multihop ${pace};
}`;
}

function seenRoute(block: string): SeenRoute {
  const attribute = (name: string): string | undefined => new RegExp(`BGP\\.${name}: (.*)`).exec(block)?.[1]?.trim();
  const number = (name: string): number | undefined => {
    const value = attribute(name);
    return value === undefined ? undefined : Number(value);
  };
  const groups = (name: string): string[] =>
    [...(attribute(name) ?? '').matchAll(/\(([\d, ]+)\)/g)].map(([, inner = '']) => inner.replaceAll(/,\s*/g, ':'));
  return {
    nextHop: attribute('next_hop')?.split(' ')[0] ?? '',
    path: attribute('as_path') ?? '',
    communities: groups('community'),
    largeCommunities: groups('large_community'),
    med: number('med'),
    localPref: number('local_pref'),
    stale: /\[.*s\]|\(100\/?.*s\)/.test(block.split('\n')[0] ?? ''),
  };
}
