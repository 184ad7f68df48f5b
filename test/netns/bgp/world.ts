/** A LAN with one BGP router of another make, and one speaker of ours for each of its neighbours. */
import { createCable } from '../../../src/lab/netns.ts';
import { createSpeaker, type PeerStatus, type Speaker, type SpeakerNews } from '../../../src/exposure/bgp/speaker.ts';
import { createBfdTransport } from '../../../src/linux/bfd-transport.ts';
import { createPeerTransport } from '../../../src/linux/peer-transport.ts';
import type { PeerSettings } from '../../../src/exposure/bgp/settings.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Route } from '../../../src/protocols/bgp/route.ts';
import { route } from '../../support/bgp-world.ts';
import { familyOfText, type BgpRouter, type Neighbor } from '../../support/bgp/router.ts';
import { createLan, eventually, type Lan, type LanHost } from '../../support/netns.ts';
import { realClock, realEntropy } from '../../support/real-time.ts';

/** Both beyond what two octets hold. */
export const OUR_AS = 4_200_000_000;
export const ROUTER_AS = 4_200_000_001;
export const OTHER_PORT = 1790;
export const ROUTER = { ip: '10.77.0.12', ip6: '2001:db8:77::c' } as const;
export const OUR_IP6 = '2001:db8:77::b';
const FAR = '10.88.0.2';

/** Everything that is tried at the same time; each from an address of its own. */
export const NEIGHBORS = {
  base: { name: 'base', ip: '10.77.0.101', as: OUR_AS },
  six: { name: 'six', ip: '2001:db8:77::102', as: OUR_AS },
  signed: { name: 'signed', ip: '10.77.0.103', as: OUR_AS, password: 'correct-horse' },
  missigned: { name: 'missigned', ip: '10.77.0.104', as: OUR_AS, password: 'correct-horse' },
  foreign: { name: 'foreign', ip: '10.77.0.105', as: 65_099 },
  called: { name: 'called', ip: '10.77.0.106', as: OUR_AS },
  near: { name: 'near', ip: '10.77.0.107', as: OUR_AS, ttlSecurity: true },
  restarted: { name: 'restarted', ip: '10.77.0.108', as: OUR_AS, gracefulRestart: true },
  silent: { name: 'silent', ip: '10.77.0.109', as: OUR_AS, hold: 3 },
  internal: { name: 'internal', ip: '10.77.0.110', as: ROUTER_AS },
  leaving: { name: 'leaving', ip: '10.77.0.111', as: OUR_AS },
  dismissed: { name: 'dismissed', ip: '10.77.0.112', as: OUR_AS },
  mistaken: { name: 'mistaken', ip: '10.77.0.115', as: OUR_AS },
  watched: { name: 'watched', ip: '10.77.0.113', as: OUR_AS, bfd: true },
  far: { name: 'far', ip: FAR, as: OUR_AS, multihop: true },
  watchedfar: { name: 'watchedfar', ip: '10.88.0.3', as: OUR_AS, multihop: true, bfd: true },
} as const satisfies Record<string, Neighbor>;
export type NeighborName = keyof typeof NEIGHBORS;
/** For the instance on another port, which calls us on another one too. */
export const ELSEWHERE: Neighbor = { name: 'elsewhere', ip: '10.77.0.114', as: OUR_AS, port: OTHER_PORT };

export interface OurSide {
  readonly speaker: Speaker;
  readonly news: SpeakerNews[];
  status(): PeerStatus;
  setRoutes(routes: readonly Route[]): void;
  /** What is known of why there is no session. */
  problem(): string;
}

export interface InteropWorld {
  readonly lan: Lan<'node' | 'router' | 'mid' | 'far'>;
  /** @param over what differs from a plain session with the neighbour's address and password. */
  speak(neighbor: Neighbor, over?: Partial<PeerSettings>, routes?: readonly Route[]): OurSide;
  dispose(): Promise<void>;
}

/** Two routes that no other neighbour announces. */
export function routesOf(neighbor: Neighbor): Route[] {
  const number = neighbor.ip.replace(/^.*[.:]/, '');
  return [
    route(`10.99.${number}.1/32`, {
      prepend: 1,
      med: 50,
      communities: [64_512 * 65_536 + 100, 64_512 * 65_536 + 200],
      largeCommunities: [[OUR_AS, 7, 9]],
    }),
    route(`2001:db8:99:${number}::1/128`),
  ];
}

export async function createInteropWorld(): Promise<InteropWorld> {
  const lan = await createLan({ nodes: ['node', 'router', 'mid', 'far'] });
  const { node, router, mid, far } = lan.hosts;
  const four = [...Object.values(NEIGHBORS), ELSEWHERE].filter(({ ip: each }) => each.startsWith('10.77.'));
  await node.ip8(
    ...four.map(({ ip: each }) => `addr add ${each}/24 dev eth0`),
    `addr add ${OUR_IP6}/64 dev eth0`,
    `addr add ${NEIGHBORS.six.ip}/64 dev eth0`,
  );
  await router.ip8(`addr add ${ROUTER.ip6}/64 dev eth0`, `route add 10.88.0.0/24 via ${mid.ip}`);
  await createCable({ netns: mid.netns, name: 'eth1' }, { netns: far.netns, name: 'eth1' });
  await mid.ip8('addr add 10.88.0.1/24 dev eth1', 'link set eth1 up');
  await mid.must(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await far.ip8(
    'link set eth0 down',
    `addr add ${FAR}/24 dev eth1`,
    `addr add ${NEIGHBORS.watchedfar.ip}/24 dev eth1`,
    'link set eth1 up',
    'route add default via 10.88.0.1',
  );

  const speakers: Speaker[] = [];
  const network = (netns: string) => ({
    transport: createPeerTransport({ netns }),
    bfd: createBfdTransport(realEntropy, { netns }),
  });
  const networks = { [node.netns]: network(node.netns), [far.netns]: network(far.netns) };
  const hostOf = (neighbor: Neighbor): LanHost => (neighbor.ip.startsWith('10.88.') ? far : node);
  return {
    lan,
    speak(neighbor, over = {}, routes = routesOf(neighbor)) {
      const { netns } = hostOf(neighbor);
      const news: SpeakerNews[] = [];
      const localIp = ip(neighbor.ip);
      const speaker = createSpeaker({
        clock: realClock,
        entropy: realEntropy,
        ...networks[netns]!,
        listen: { port: neighbor.port ?? 179, localIp },
        onNews: (each) => news.push(each),
      });
      speakers.push(speaker);
      const settings: PeerSettings = {
        localAs: OUR_AS,
        peerAs: ROUTER_AS,
        identifier: ip('10.77.0.11'),
        holdTime: 90,
        families: [4, 6],
        ip: ip(familyOfText(neighbor.ip) === 4 ? ROUTER.ip : ROUTER.ip6),
        localIp,
        distance: { kind: 'direct' },
        nextHops: familyOfText(neighbor.ip) === 4 ? { v6: ip(OUR_IP6) } : {},
        ...(neighbor.password !== undefined && { password: neighbor.password }),
        ...over,
      };
      speaker.setRoutes(() => routes);
      speaker.setPeers([settings]);
      const status = (): PeerStatus => speaker.peers()[0]!;
      return {
        speaker,
        news,
        status,
        setRoutes: (next) => speaker.setRoutes(() => next),
        problem: () => status().problem ?? '',
      };
    },
    async dispose() {
      for (const speaker of speakers) speaker.stop({ kind: 'restart' });
      await lan.dispose();
    },
  };
}

export async function untilTold(router: BgpRouter, neighbor: Neighbor, prefixes: readonly string[]): Promise<void> {
  const what = `${router.kind} has ${prefixes.join(', ') || 'nothing'} from ${neighbor.name}`;
  const wanted = JSON.stringify([...prefixes].sort());
  const told = async (): Promise<boolean> =>
    JSON.stringify([...(await router.routes(neighbor)).keys()].sort()) === wanted;
  await eventually(what, told, 30_000);
}
