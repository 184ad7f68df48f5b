/** A lab whose router speaks BGP, and what it knows of the addresses of the cluster. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, runOrThrow } from '../../src/lab/exec.ts';
import { LAN, LAN6, netnsOf, nodeAddresses, type LabPaths } from '../../src/lab/layout.ts';
import { configure } from '../../src/lab/netns.ts';
import { isAlive, spawnDaemon, stopProcess } from '../../src/lab/process.ts';
import { createBird } from './bgp/bird.ts';
import { createFrr } from './bgp/frr.ts';
import type { BfdPace, Neighbor, SeenRoute } from './bgp/router.ts';
import { eventually, type TestLab } from './e2e.ts';
import type { HostDaemon, LanHost } from './netns.ts';

export const OUR_AS = 65_000;
export const ROUTER_AS = 65_001;
export const NODES = ['n1', 'n2', 'n3'] as const;
/** Addresses that lie in no subnet: only who is told of them gets there. */
export const ROUTED = { pool: '10.90.0.0/28', pool6: 'fd90::/124' } as const;

/** Environment of agents that announce by BGP to the lab's router. */
export const BGP_ENV = {
  vip_arp: 'false',
  bgp_enable: 'true',
  bgp_as: String(OUR_AS),
  bgp_peers: `${LAN.router}:${ROUTER_AS}`,
  bgp_hold_time: '3',
  bgp_keepalive_interval: '1',
  vip_interface: 'lo',
} as const;

export interface BgpLab {
  /** Nodes that the router has a route to this prefix by, in order. */
  nextHops(prefix: string): Promise<string[]>;
  /** Until these are they; gives what they are in the end. */
  untilVia(prefix: string, nodes: readonly string[], seconds?: number): Promise<string[]>;
  /** The route as it came from this node. */
  routeFrom(node: string, prefix: string): Promise<SeenRoute | undefined>;
  established(node: string): Promise<boolean>;
  bfdIsUp(node: string): Promise<boolean>;
  /** What the router's kernel does with packets to an address: the nodes they go to. */
  forwardsTo(address: string): Promise<string[]>;
  /** Lines of configuration as a person types them below `router bgp`. FRR alone. */
  configure(...lines: string[]): Promise<void>;
  /** For good, like a power cut. */
  kill(): Promise<void>;
}

export interface BgpLabOptions {
  /** The router's neighbours. Default: the three of the usual lab. */
  readonly nodes?: readonly string[];
  readonly bfdPace?: BfdPace;
  /** What runs on the router. Default FRR. */
  readonly make?: 'FRR' | 'BIRD';
  readonly wrapper?: readonly string[];
  /** It speaks with each node over IPv6, too. */
  readonly six?: boolean;
}

/** @param over what is different about a neighbour, by node. */
export async function bgpLab(
  { paths }: Pick<TestLab, 'paths'>,
  over: Readonly<Record<string, Partial<Neighbor>>> = {},
  options: BgpLabOptions = {},
): Promise<BgpLab> {
  const { nodes = NODES, six = false, ...how } = options;
  const neighbors: Neighbor[] = nodes.flatMap((node) => {
    const { lan, lan6 } = nodeAddresses(node);
    return [lan, ...(six ? [lan6] : [])].map((ip) => ({ name: node, ip, as: OUR_AS, hold: 3, ...over[node] }));
  });
  return await bgpOn(paths, {
    ...how,
    ...{ neighbors, on: 'router', as: ROUTER_AS, ip: LAN.router, ip6: LAN6.router, routed: ROUTED },
  });
}

export interface BgpRouterOptions extends Omit<BgpLabOptions, 'nodes' | 'six'> {
  /** Nodes, under the names that they have in answers; one may be there twice, with another address. */
  readonly neighbors: readonly Neighbor[];
  /** Host of the lab that is the router. */
  readonly on: string;
  readonly as: number;
  readonly ip: string;
  readonly ip6: string;
  /** Who is beyond the router of the lab gets to these prefixes by it, of each family; absent: it is another router. */
  readonly routed?: { readonly pool: string; readonly pool6: string };
}

/** A router of a lab, with neighbours of any name. */
export async function bgpOn(paths: Pick<LabPaths, 'netnsPrefix'>, options: BgpRouterOptions): Promise<BgpLab> {
  const { neighbors, routed, as, ip, ip6 } = options;
  const netns = netnsOf(paths, options.on);
  const nodes = [...new Set(neighbors.map(({ name }) => name))];
  const neighborsOf = (node: string): Neighbor[] => neighbors.filter(({ name }) => name === node);
  const some = async (node: string, asked: (neighbor: Neighbor) => Promise<boolean>): Promise<boolean> =>
    (await Promise.all(neighborsOf(node).map(asked))).some(Boolean);
  // FRR runs as a user of its own, and the lab's folder is for nobody else.
  const dir = mkdtempSync(join(tmpdir(), 'kubevip-test-'));
  let serial = 0;
  const host: LanHost = {
    name: options.on,
    netns,
    ip,
    mac: '',
    run: (argv, options) => run(argv, { ...options, netns }),
    must: (argv, options) => runOrThrow(argv, { ...options, netns }),
    ip8: (...lines) => configure(netns, lines),
    daemon: (argv, options): HostDaemon => {
      const file = join(dir, `router-${serial++}.log`);
      const id = spawnDaemon({ netns, argv, logFile: file, ...options });
      return {
        id,
        logFile: file,
        log: () => readFileSync(file, 'utf8'),
        alive: () => isAlive(id),
        stop: () => stopProcess(id),
      };
    },
  };
  const made = {
    installs: true,
    ...{ host, dir, as, ip, ip6, port: 179, neighbors },
    ...(options.bfdPace !== undefined && { bfdPace: options.bfdPace }),
    ...(options.wrapper !== undefined && { wrapper: options.wrapper }),
  };
  const frr = options.make === 'BIRD' ? undefined : createFrr(made);
  const router = frr ?? createBird(made);
  if (routed !== undefined) {
    // Who is beyond the router gets to the cluster by it, and by nothing else.
    await host.must(['nft', 'insert', 'rule', 'inet', 'filter', 'forward', 'iifname', 'wan0', 'accept']);
    await configure(netnsOf(paths, 'internet'), [
      `route replace ${routed.pool} via 192.0.1.2`,
      `route replace ${routed.pool6} via ${LAN6.wanRouter}`,
    ]);
    await host.must(['sysctl', '-qw', 'net.ipv4.fib_multipath_hash_policy=1', 'net.ipv6.fib_multipath_hash_policy=1']);
  }
  await router.start();
  const routeFrom = async (node: string, prefix: string): Promise<SeenRoute | undefined> => {
    const all = await Promise.all(neighborsOf(node).map((neighbor) => router.routes(neighbor)));
    return all.map((routes) => routes.get(prefix)).find((route) => route !== undefined);
  };
  const nextHops = async (prefix: string): Promise<string[]> => {
    const all = await Promise.all(
      nodes.map(async (node) => ((await routeFrom(node, prefix)) === undefined ? [] : [node])),
    );
    return all.flat();
  };
  return {
    nextHops,
    untilVia: async (prefix, wanted, seconds) =>
      eventually(
        () => nextHops(prefix),
        (found) => found.join() === wanted.join(),
        seconds,
      ),
    routeFrom,
    established: (node) => some(node, (neighbor) => router.established(neighbor)),
    bfdIsUp: (node) => some(node, async (neighbor) => /^up$/i.test(await router.bfd(neighbor))),
    async forwardsTo(address) {
      const family = address.includes(':') ? '-6' : '-4';
      const text = await host.must(['ip', family, 'route', 'show', address.includes(':') ? `${address}/128` : address]);
      // Of a node's addresses on the LAN any may be the next hop: they all have its number at their end.
      const hops = [...text.matchAll(/via (?:inet6? )?(\S+)/g)].map(([, hop = '']) => lastPart(hop));
      const isWay = ({ ip: address, link }: Neighbor): boolean =>
        hops.includes(lastPart(address)) || (link !== undefined && new RegExp(`dev ${link}\\b`).test(text));
      return nodes.filter((node) => neighborsOf(node).some(isWay));
    },
    async configure(...lines) {
      if (frr === undefined) throw new Error('only FRR is configured while it runs');
      await frr.configure(...lines);
    },
    async kill() {
      await router.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Of an address: hosts of the lab have the same number in all of them. */
function lastPart(address: string): string {
  return /[^.:]*$/.exec(address)?.[0] ?? '';
}
