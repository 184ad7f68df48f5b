import { describe, expect, it } from 'vitest';
import { adviceFor } from '../../../src/exposure/bgp/advice.ts';
import type { ResolvedPeer } from '../../../src/exposure/bgp/config/resolve.ts';
import { BgpHub } from '../../../src/exposure/bgp/hub.ts';
import type { PeerSettings } from '../../../src/exposure/bgp/settings.ts';
import type { PeerStatus } from '../../../src/exposure/bgp/speaker.ts';
import { parseCidr, contains } from '../../../src/model/cidr.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { GRACEFUL_SHUTDOWN, parseCommunity } from '../../../src/protocols/bgp/community.ts';
import type { Route } from '../../../src/protocols/bgp/route.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const VIP = ip('192.0.2.10');
const OTHER = ip('192.0.2.11');
const WHERE = { name: 'lo', index: 1 };
const BLUE = parseCommunity('65000:100')!;

function peer(address: string, over: Partial<ResolvedPeer> = {}): ResolvedPeer {
  const settings: PeerSettings = {
    ip: ip(address),
    localAs: 65_000,
    peerAs: 65_001,
    identifier: ip('10.0.0.9'),
    holdTime: 30,
    families: [4, 6],
    distance: { kind: 'direct' },
  };
  return { settings, source: address, attributes: {}, ...over };
}

function world(parts: readonly string[] = ['services', 'control-plane']) {
  const clock = createFakeClock();
  const spoken: string[][] = [];
  const states = new Map<string, PeerStatus['state']>();
  const refused = new Map<string, string>();
  let peers: readonly PeerSettings[] = [];
  let routesFor: (settings: PeerSettings) => readonly Route[] = () => [];
  const ended: unknown[] = [];
  const hub = new BgpHub({
    clock,
    parts,
    gracefulRestart: true,
    speaker: {
      setPeers: (wanted) => {
        peers = wanted;
        spoken.push(wanted.map((each) => each.ip));
      },
      setRoutes: (next) => (routesFor = next),
      peers: () =>
        peers.map((each) => ({
          name: each.ip,
          state: states.get(each.ip) ?? 'Active',
          since: '',
          problem: 'no answer within 5 s',
          negotiated: undefined,
          announced: { 4: 0, 6: 0 },
          received: {} as PeerStatus['received'],
          refused,
          bfd: undefined,
        })),
      stop: (farewell) => void ended.push(farewell),
    },
  });
  const sinks = parts.map((part) => hub.sink(part, 'every-node'));
  const up = (address: string): void => {
    states.set(address, 'Established');
    hub.sessionsChanged();
  };
  const told = (address: string): Record<string, Route> => {
    clock.advance(0);
    const found = peers.find((each) => each.ip === ip(address));
    return Object.fromEntries((found ? routesFor(found) : []).map((route) => [route.prefix, route]));
  };
  return { clock, hub, sinks, spoken, up, told, ended, refused };
}

const announce = (sink: ReturnType<typeof world>['sinks'][number], address: Ip, leaving = false) =>
  sink.announce({ ip: address, link: WHERE, leaving });
const POOLS = { poolsOf: () => [], ofPool: new Map() };

describe('between addresses and the speaker', () => {
  it('speaks to peers once every part has said what it has, so that nothing is forgotten by routers', () => {
    const { hub, sinks, spoken, told } = world();
    hub.setPeers([peer('10.0.0.1')], POOLS);
    announce(sinks[0]!, VIP);
    sinks[0]!.settled();
    expect(spoken).toEqual([]);
    sinks[1]!.settled();
    expect(spoken).toEqual([['10.0.0.1']]);
    expect(Object.keys(told('10.0.0.1'))).toEqual(['192.0.2.10/32']);
  });

  it('does not wait for ever', () => {
    const { hub, clock, spoken } = world();
    hub.setPeers([peer('10.0.0.1')], POOLS);
    clock.advance(30_000);
    expect(spoken).toEqual([['10.0.0.1']]);
  });

  it('says how an address is told, and why it is not', () => {
    const { hub, sinks, clock, up, refused } = world(['services']);
    const [sink] = sinks;
    hub.setPeers([peer('10.0.0.1'), peer('10.0.0.2')], POOLS);
    sink!.settled();
    expect(announce(sink!, VIP)).toMatchObject({ state: 'pending', reason: 'BgpConnecting' });
    expect(sink!.obstacle(VIP)).toBeUndefined();
    let changes = 0;
    sink!.onChange(() => changes++);
    clock.advance(10_000);
    expect(changes).toBe(1);
    expect(sink!.obstacle(VIP)).toMatchObject({ reason: 'NoBgpSession', message: /10\.0\.0\.1 is Active \(no answer/ });
    up('10.0.0.2');
    expect(announce(sink!, VIP)).toMatchObject({ state: 'ready', message: /BGP to 1 of 2 peers/ });
    refused.set('192.0.2.10/32', 'no next hop');
    expect(announce(sink!, VIP)).toMatchObject({ state: 'failed', reason: 'RouteRefused', message: /no next hop/ });
  });

  it('says that there is no peer', () => {
    const { sinks, clock } = world(['services']);
    sinks[0]!.settled();
    clock.advance(10_000);
    expect(sinks[0]!.obstacle(VIP)).toMatchObject({ message: /there is no BGP peer \(bgp_peers/ });
  });

  it('keeps an address that two parts have until both let it go, and marks it only when both leave', () => {
    const { hub, sinks, told } = world();
    const [services, vip] = sinks;
    hub.setPeers([peer('10.0.0.1')], POOLS);
    announce(services!, VIP);
    announce(vip!, VIP);
    for (const sink of sinks) sink.settled();
    announce(services!, VIP, true);
    expect(told('10.0.0.1')['192.0.2.10/32']).toEqual({ prefix: '192.0.2.10/32' });
    announce(vip!, VIP, true);
    expect(told('10.0.0.1')['192.0.2.10/32']).toMatchObject({ communities: [GRACEFUL_SHUTDOWN], localPref: 0 });
    services!.withdraw(VIP);
    expect(Object.keys(told('10.0.0.1'))).toHaveLength(1);
    vip!.withdraw(VIP);
    expect(told('10.0.0.1')).toEqual({});
  });

  it('tells peers of their pools alone, with what is said of pools and peers', () => {
    const { hub, sinks, told } = world(['services']);
    const range = parseCidr('192.0.2.10/32')!;
    const poolsOf = (address: Ip): string[] => (contains(range, address) ? ['cidr-shop'] : ['cidr-global']);
    const ofPool = new Map([['cidr-shop', { communities: [BLUE], med: 5 }]]);
    hub.setPeers(
      [
        peer('10.0.0.1', { attributes: { communities: [1], med: 7 } }),
        peer('10.0.0.2', { pools: ['cidr-global'] }),
        peer('10.0.0.3', { attributes: { aggregate: { v4: 24 } } }),
      ],
      { poolsOf, ofPool },
    );
    announce(sinks[0]!, VIP);
    announce(sinks[0]!, OTHER, true);
    sinks[0]!.settled();
    expect(told('10.0.0.1')['192.0.2.10/32']).toEqual({ prefix: '192.0.2.10/32', communities: [1, BLUE], med: 7 });
    expect(Object.keys(told('10.0.0.2'))).toEqual(['192.0.2.11/32']);
    // One of its addresses stays, so the whole does.
    expect(Object.keys(told('10.0.0.3'))).toEqual(['192.0.2.0/24']);
    expect(told('10.0.0.3')['192.0.2.0/24']?.localPref).toBeUndefined();
  });

  it('ends once every part has let go', async () => {
    const { hub, sinks, clock, ended } = world();
    let closed = false;
    void hub.closed.then(() => (closed = true));
    for (const sink of sinks) void sink.close();
    await clock.advanceAsync(100);
    expect(closed).toBe(true);
    hub.stop();
    expect(ended).toEqual([{ kind: 'shutdown', communication: 'kubevip ends' }]);
    expect(clock.pending()).toBe(0);
  });
});

describe('what to do about a session', () => {
  it.each([
    ['the peer sent OPEN Message Error/Bad Peer AS', /compare the AS of both/],
    ['no answer within 5 s: is the peer there, and has it the same password?', /compare the passwords/],
    ['no answer from 10.0.0.1 port 179', /can be reached/],
    ['the peer sent Cease/Administrative Shutdown: back at noon', /on purpose/],
    ['cannot connect to 10.0.0.1 port 179: ECONNREFUSED', /BGP runs there/],
  ])('%s', (problem, advice) => expect(adviceFor(problem)).toMatch(advice));

  it('is not made up', () => expect(adviceFor('something else')).toBeUndefined());
});
