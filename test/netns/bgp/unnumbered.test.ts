/**
 * Peers that are named by their interface, on both ends: two nodes, each with a cable of its own to an FRR that knows
 * nothing but its interfaces. No address is configured on the cables.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolvePeers } from '../../../src/exposure/bgp/config/resolve.ts';
import { createRouterEars, type RouterEars } from '../../../src/exposure/bgp/router-ears.ts';
import { peerName } from '../../../src/exposure/bgp/settings.ts';
import { createSpeaker, type Speaker, type SpeakerNews } from '../../../src/exposure/bgp/speaker.ts';
import { createCable } from '../../../src/lab/netns.ts';
import { createBfdTransport } from '../../../src/linux/bfd-transport.ts';
import { createNetwork } from '../../../src/linux/network.ts';
import { createPeerTransport } from '../../../src/linux/peer-transport.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Route } from '../../../src/protocols/bgp/route.ts';
import { route } from '../../support/bgp-world.ts';
import { createFrr } from '../../support/bgp/frr.ts';
import type { BgpRouter, Neighbor } from '../../support/bgp/router.ts';
import { createLan, eventually, type Lan, type LanHost } from '../../support/netns.ts';
import { realClock, realEntropy } from '../../support/real-time.ts';
import { OUR_AS, ROUTER_AS } from './world.ts';

const NODES = ['n1', 'n2'] as const;
type Node = (typeof NODES)[number];
const V4 = '10.99.1.1';
const V6 = '2001:db8:99::1';
const ROUTES = [route(`${V4}/32`), route(`${V6}/128`)];
const NEIGHBORS: Readonly<Record<Node, Neighbor>> = {
  n1: { name: 'n1', ip: '', link: 'to-n1', as: OUR_AS, hold: 9 },
  n2: { name: 'n2', ip: '', link: 'to-n2', as: OUR_AS, hold: 9 },
};
/** How long FRR may take between two advertisements, and to begin. */
const PATIENCE = 60_000;

interface OurSide {
  readonly speaker: Speaker;
  readonly ears: RouterEars;
  readonly news: SpeakerNews[];
  setRoutes(routes: readonly Route[]): void;
  stop(): void;
}

let lan: Lan<Node | 'router'>;
let router: BgpRouter;
const ours = {} as Record<Node, OurSide>;

/** As the agent does it: whoever is heard on the link is the peer, and nothing else is known of it. */
function speak({ netns, ip: own }: LanHost): OurSide {
  const network = createNetwork({ netns });
  const news: SpeakerNews[] = [];
  const speaker = createSpeaker({
    clock: realClock,
    entropy: realEntropy,
    transport: createPeerTransport({ netns }),
    bfd: createBfdTransport(realEntropy, { netns }),
    onNews: (each) => news.push(each),
  });
  const wish = { source: 'test', at: { unnumbered: 'uplink' }, as: ROUTER_AS } as const;
  const follow = (): void => {
    const { peers } = resolvePeers([wish], {
      defaults: { as: OUR_AS, routerId: ip(own), holdTime: 9, keepalive: 3000, restartTime: 0 },
      links: network.links(),
      restarted: false,
      password: () => undefined,
      passwordsIn: 'nowhere',
      routerOn: (link) => ears.routerOn(link),
      isOurs: () => false,
    });
    speaker.setPeers(peers.map(({ settings }) => settings));
  };
  const ears = createRouterEars({
    network,
    clock: realClock,
    onChange: follow,
    isInUse: (router, link) =>
      speaker.peers().some(({ name, state }) => state === 'Established' && name === peerName({ ip: router, link })),
  });
  const stops = network.onChange(() => ears.listenOn(['uplink']));
  speaker.setRoutes(() => ROUTES);
  ears.listenOn(['uplink']);
  return {
    speaker,
    ears,
    news,
    setRoutes: (routes) => speaker.setRoutes(() => routes),
    stop() {
      stops();
      ears.close();
      speaker.stop({ kind: 'shutdown' });
    },
  };
}

const linkLocal = async (host: Node | 'router', dev: string): Promise<string> =>
  (await lan.hosts[host].must(['ip', '-6', 'addr', 'show', 'dev', dev])).match(/fe80:[0-9a-f:]+(?=\/)/)?.[0] ?? '';

async function told(node: Node, ...prefixes: string[]): Promise<void> {
  const wanted = prefixes.toSorted().join();
  await eventually(
    `FRR has ${wanted || 'nothing'} from ${node}: ${JSON.stringify(ours[node].news.slice(-5))}`,
    async () => [...(await router.routes(NEIGHBORS[node])).keys()].toSorted().join() === wanted,
    PATIENCE,
  );
}

interface KernelHop {
  readonly dev: string;
  readonly gateway?: string;
  readonly via?: { readonly family: string; readonly host: string };
}
/** Next hops in the router's kernel: what it does with packets. */
async function hops(address: string): Promise<{ dev: string; by: string; family: string }[]> {
  const family = address.includes(':') ? '-6' : '-4';
  const text = await lan.hosts.router.must(['ip', '-j', family, 'route', 'show', address]);
  const found = JSON.parse(text) as readonly (KernelHop & { readonly nexthops?: readonly KernelHop[] })[];
  return found
    .flatMap((one) => one.nexthops ?? [one])
    .map(({ dev, gateway, via }) => ({
      dev,
      by: via?.host ?? gateway ?? '',
      family: via?.family ?? (gateway?.includes(':') === true ? 'inet6' : 'inet'),
    }))
    .toSorted((a, b) => a.dev.localeCompare(b.dev));
}

async function startRouter(): Promise<void> {
  const neighbors = Object.values(NEIGHBORS);
  router = createFrr({
    host: lan.hosts.router,
    dir: lan.dir,
    as: ROUTER_AS,
    ip: '10.77.0.13',
    ip6: '::',
    port: 179,
    neighbors,
  });
  await router.start();
}

beforeAll(async () => {
  lan = await createLan({ nodes: [...NODES, 'router'] });
  const { router: far } = lan.hosts;
  await far.must(['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.ip_forward=1']);
  for (const node of NODES) {
    await createCable({ netns: far.netns, name: `to-${node}` }, { netns: lan.hosts[node].netns, name: 'uplink' });
    await far.ip8(`link set to-${node} up`);
    await lan.hosts[node].ip8(
      'link set uplink up',
      'link set lo up',
      `addr add ${V4}/32 dev lo`,
      `addr add ${V6}/128 dev lo`,
    );
  }
  for (const node of NODES) ours[node] = speak(lan.hosts[node]);
  await startRouter();
}, 120_000);
afterAll(async () => {
  for (const side of Object.values(ours)) side.stop();
  await lan.dispose();
});

describe('peers without numbers', () => {
  it('find each other by advertisements alone, and FRR has both families with a link-local next hop', async () => {
    for (const node of NODES) {
      await told(node, `${V4}/32`, `${V6}/128`);
      expect(await router.established(NEIGHBORS[node])).toBe(true);
      const own = await linkLocal(node, 'uplink');
      const routes = await router.routes(NEIGHBORS[node]);
      for (const prefix of [`${V4}/32`, `${V6}/128`])
        expect(routes.get(prefix), prefix).toMatchObject({ nextHop: own, path: String(OUR_AS) });
      expect(ours[node].speaker.peers()).toMatchObject([
        { name: `${await linkLocal('router', `to-${node}`)}%uplink`, state: 'Established' },
      ]);
    }
  });

  it('are in the kernel of the router: IPv4 by next hops of IPv6 (RFC 8950), over both cables', async () => {
    const expected = [];
    for (const node of NODES)
      expected.push({ dev: `to-${node}`, by: await linkLocal(node, 'uplink'), family: 'inet6' });
    for (const address of [V4, V6]) {
      const found = await eventually(`both ways to ${address}`, async () => {
        const all = await hops(address);
        return all.length === 2 ? all : undefined;
      });
      expect(found).toEqual(expected);
    }
  });

  it('carry packets of IPv4 there', async () => {
    const { router: far } = lan.hosts;
    expect((await far.run(['ping', '-c', '1', '-W', '2', V4])).code).toBe(0);
  });

  it('are told of what goes, and comes back', async () => {
    ours.n1.setRoutes([ROUTES[1]!]);
    await told('n1', `${V6}/128`);
    await eventually('one way is left', async () => (await hops(V4)).map(({ dev }) => dev).join() === 'to-n2');
    ours.n1.setRoutes(ROUTES);
    await told('n1', `${V4}/32`, `${V6}/128`);
  });

  it('find each other again after a restart of the router, also under another address', async () => {
    await router.kill();
    const { router: far } = lan.hosts;
    await far.ip8('link set to-n1 down', 'link set to-n1 address 02:77:00:00:00:99', 'link set to-n1 up');
    await eventually(
      'sessions end',
      () => NODES.every((node) => ours[node].speaker.peers().every(({ state }) => state !== 'Established')),
      PATIENCE,
    );
    await startRouter();
    for (const node of NODES) await told(node, `${V4}/32`, `${V6}/128`);
    expect(ours.n1.speaker.peers()).toMatchObject([{ name: 'fe80::77:ff:fe00:99%uplink', state: 'Established' }]);
  });

  it('find each other again after a restart of the node’s speaker', async () => {
    ours.n2.stop();
    await eventually('FRR forgets', async () => (await router.routes(NEIGHBORS.n2)).size === 0, PATIENCE);
    ours.n2 = speak(lan.hosts.n2);
    await told('n2', `${V4}/32`, `${V6}/128`);
  });
}, 240_000);
