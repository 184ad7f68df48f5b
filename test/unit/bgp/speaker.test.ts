/** Speakers of two machines, without a kernel. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import type { PeerSettings } from '../../../src/exposure/bgp/settings.ts';
import { createSpeaker, type Speaker, type SpeakerNews } from '../../../src/exposure/bgp/speaker.ts';
import { createFramer } from '../../../src/protocols/bgp/framing.ts';
import { decodeMessage } from '../../../src/protocols/bgp/message.ts';
import { describeCause } from '../../../src/protocols/bgp/session/events.ts';
import { route, seededEntropy } from '../../support/bgp-world.ts';
import { createMemoryNetwork, type MemoryNetwork } from '../../support/bgp/memory-network.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

const NODE = ip('10.77.0.11');
const ROUTER = ip('10.77.0.1');
const FAST = { transmitInterval: 50, receiveInterval: 50, multiplier: 3 };
const common = { holdTime: 90, families: [4] as const, distance: { kind: 'direct' } as const };
const toRouter: PeerSettings = { ...common, localAs: 65000, peerAs: 64512, identifier: NODE, ip: ROUTER };
const toNode: PeerSettings = { ...common, localAs: 64512, peerAs: 65000, identifier: ROUTER, ip: NODE };

let clock: FakeClock;
let network: MemoryNetwork;
let node: Speaker;
let router: Speaker;
let news: SpeakerNews[];
let routerNews: SpeakerNews[];
const speaker = (address: typeof NODE, told: SpeakerNews[]): Speaker =>
  createSpeaker({
    clock,
    entropy: seededEntropy(7),
    ...network.machine(address),
    listen: { port: 179 },
    onNews: (each) => told.push(each),
  });
const downs = (told: readonly SpeakerNews[]): string[] =>
  told.flatMap((each) => ('news' in each && each.news.kind === 'down' ? [describeCause(each.news.cause)] : []));
const ups = (told: readonly SpeakerNews[]): number =>
  told.filter((each) => 'news' in each && each.news.kind === 'up').length;

beforeEach(() => {
  clock = createFakeClock();
  network = createMemoryNetwork(clock);
  news = [];
  routerNews = [];
  node = speaker(NODE, news);
  router = speaker(ROUTER, routerNews);
});

describe('a speaker', () => {
  it('tells each peer what it shall be told, also those who come later', () => {
    node.setRoutes((peer) => (peer.ip === ROUTER ? [route('10.99.0.1/32'), route('10.99.0.2/32')] : []));
    node.setPeers([toRouter]);
    router.setPeers([toNode]);
    clock.advance(1000);
    expect(node.peers()).toMatchObject([
      { name: ROUTER, state: 'Established', announced: { 4: 2, 6: 0 }, bfd: undefined },
    ]);
    expect(router.peers()).toMatchObject([
      { name: NODE, state: 'Established', received: { announced: 2, withdrawn: 0 } },
    ]);
    node.setRoutes(() => [route('10.99.0.2/32')]);
    clock.advance(10);
    expect(router.peers()[0]!.received.withdrawn).toBe(1);
  });

  it('says last what was wanted last, also when news leads to it', () => {
    let rounds = 0;
    const hasty = createSpeaker({
      clock,
      entropy: seededEntropy(7),
      ...network.machine(NODE),
      onNews: (each) => {
        if (!('news' in each) || each.news.kind !== 'up') return;
        rounds++;
        hasty.setRoutes(() => []);
        hasty.setPeers([]);
      },
    });
    hasty.setRoutes(() => [route('10.99.0.1/32')]);
    hasty.setPeers([toRouter]);
    router.setPeers([{ ...toNode, passive: true }]);
    clock.advance(1000);
    expect(rounds).toBe(1);
    const messages = network.said
      .filter(({ by }) => by === NODE)
      .flatMap(({ bytes }) => [...createFramer().push(bytes)].map((frame) => decodeMessage(frame)));
    const said = messages.map((message) =>
      message.kind !== 'update'
        ? message.kind
        : message.announced.length > 0
          ? 'announced'
          : message.withdrawn.length > 0
            ? 'withdrawn'
            : 'end',
    );
    expect(said).toEqual(['open', 'keepalive', 'announced', 'end', 'withdrawn', 'notification']);
    expect(downs(routerNews)).toEqual(['the peer sent Cease/Peer De-configured']);
  });

  it('leaves sessions alone whose settings are the same', () => {
    node.setPeers([toRouter]);
    router.setPeers([toNode]);
    clock.advance(1000);
    node.setPeers([{ ...toRouter }, { ...toRouter, ip: ip('10.77.0.2') }]);
    clock.advance(1000);
    expect(downs(routerNews)).toEqual([]);
    node.setPeers([{ ...toRouter, holdTime: 30 }]);
    clock.advance(2000);
    expect(downs(routerNews)).toEqual(['the peer sent Cease/Other Configuration Change']);
    expect(node.peers()).toMatchObject([{ state: 'Established', negotiated: { holdTime: 30_000 } }]);
    node.setPeers([]);
    clock.advance(10);
    expect(downs(routerNews).at(-1)).toBe('the peer sent Cease/Peer De-configured');
    expect(node.peers()).toEqual([]);
  });

  it('refuses a peer that is there twice, and goes on as before', () => {
    node.setPeers([toRouter]);
    router.setPeers([toNode]);
    clock.advance(1000);
    expect(() => node.setPeers([toRouter, { ...toRouter, holdTime: 3 }])).toThrow('BGP peer 10.77.0.1 is there twice');
    expect(node.peers()).toMatchObject([{ state: 'Established' }]);
  });

  it('is not called by strangers', () => {
    router.setPeers([{ ...toNode, ip: ip('10.77.0.99') }]);
    node.setPeers([toRouter]);
    clock.advance(5000);
    expect(node.peers()[0]).toMatchObject({ problem: expect.stringContaining('closed') as string });
    expect(ups(routerNews)).toBe(0);
  });

  it('bears callers that are gone before they are answered', () => {
    network.callersVanish = true;
    router.setPeers([{ ...toNode, passive: true }]);
    node.setPeers([toRouter]);
    clock.advance(2000);
    expect(router.peers()).toMatchObject([{ problem: 'the caller is gone' }]);
    network.callersVanish = false;
    clock.advance(10_000);
    expect(router.peers()).toMatchObject([{ state: 'Established' }]);
  });

  it('hints at passwords that differ, and shows none', () => {
    node.setPeers([{ ...toRouter, password: 'correct-horse' }]);
    router.setPeers([{ ...toNode, password: 'battery-staple' }]);
    clock.advance(6000);
    const status = node.peers()[0]!;
    expect(status.problem).toBe('no answer within 5 s: is the peer there, and has it the same password?');
    expect(JSON.stringify([node.peers(), router.peers(), news, routerNews])).not.toMatch(/horse|staple/);
    router.setPeers([{ ...toNode, password: 'correct-horse' }]);
    clock.advance(12_000);
    expect(node.peers()[0]!.state).toBe('Established');
  });

  it('calls peers although nobody can call it', () => {
    network.portTaken = true;
    node.setPeers([toRouter]);
    expect(news).toContainEqual({ problem: 'peers cannot call: cannot listen on TCP port 179: EADDRINUSE' });
    network.portTaken = false;
    router.setPeers([{ ...toNode, passive: true }]);
    clock.advance(1000);
    expect(node.peers()[0]!.state).toBe('Established');
  });

  it('ends a session when BFD finds the path broken, and not when BFD ends on purpose', () => {
    node.setPeers([{ ...toRouter, bfd: FAST }]);
    router.setPeers([{ ...toNode, bfd: FAST }]);
    clock.advance(5000);
    expect(node.peers()).toMatchObject([{ state: 'Established', bfd: 'Up' }]);
    network.bfdWorks = false;
    clock.advance(160);
    expect(downs(news).length + downs(routerNews).length).toBeGreaterThan(0);
    expect([...downs(news), ...downs(routerNews)].join()).toMatch(/no BFD packet for 150 ms \(sent Cease\/BFD Down\)/);
    network.bfdWorks = true;
    clock.advance(10_000);
    expect(node.peers()).toMatchObject([{ state: 'Established', bfd: 'Up' }]);

    const before = downs(news).length;
    // Only BFD is taken away at the other side, which begins the session anew; its end is said to be on purpose.
    router.setPeers([toNode]);
    clock.advance(5000);
    expect(downs(news).slice(before)).toEqual(['the peer sent Cease/Other Configuration Change']);
    expect(node.peers()).toMatchObject([{ state: 'Established', bfd: 'Down' }]);
  });

  it('stops for good', () => {
    node.setPeers([toRouter]);
    router.setPeers([toNode]);
    clock.advance(1000);
    node.stop({ kind: 'shutdown', communication: 'bye' });
    clock.advance(10);
    expect(downs(routerNews)).toEqual(['the peer sent Cease/Administrative Shutdown: bye']);
    clock.advance(10_000);
    expect(router.peers()[0]!.problem).toBe(
      'the peer sent Cease/Administrative Shutdown: bye; since then: cannot connect to 10.77.0.11 port 179: ECONNREFUSED',
    );
    router.stop({ kind: 'shutdown' });
    clock.advance(100);
    expect(clock.pending()).toBe(0);
  });
});
