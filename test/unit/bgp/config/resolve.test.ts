import { describe, expect, it } from 'vitest';
import { resolvePeers, type ResolveContext } from '../../../../src/exposure/bgp/config/resolve.ts';
import type { PeerWish } from '../../../../src/exposure/bgp/config/wish.ts';
import { ip } from '../../../../src/model/ip.ts';
import { LINK } from '../../../support/exposure.ts';

const CONTEXT: ResolveContext = {
  defaults: { as: 65_000, holdTime: 30, keepalive: 10_000, restartTime: 120 },
  links: [
    LINK,
    { ...LINK, name: 'eth1', index: 3, gateway: {}, addresses: [{ ip: ip('10.88.0.11'), prefixLength: 24 }] },
  ],
  restarted: false,
  password: () => undefined,
  passwordsIn: 'Secret kubevip-bgp',
  routerOn: () => undefined,
  isOurs: () => false,
};
const PEER: PeerWish = { source: 'here', at: { ip: ip('10.77.0.1') }, as: 65_001 };

const one = (wish: Partial<PeerWish> = {}, context: Partial<ResolveContext> = {}) => {
  const { peers, problems } = resolvePeers([{ ...PEER, ...wish }], { ...CONTEXT, ...context });
  return { settings: peers[0]?.settings, problem: problems[0]?.message };
};
const withDefaults = (over: Partial<ResolveContext['defaults']>): Partial<ResolveContext> => ({
  defaults: { ...CONTEXT.defaults, ...over },
});

describe('a peer, with what this node has', () => {
  it('is spoken to from the address that leads there, with kube-vip’s timers, and told of both families', () => {
    expect(one().settings).toEqual({
      ip: '10.77.0.1',
      localAs: 65_000,
      peerAs: 65_001,
      identifier: '10.77.0.11',
      holdTime: 30,
      keepalive: 10_000,
      families: [4, 6],
      distance: { kind: 'direct' },
      nextHops: { v6: 'fd77::11' },
      gracefulRestart: { seconds: 120, restarted: false },
    });
  });

  it('is near, far, or wherever within the AS', () => {
    expect(one({ multihop: 50 }).settings?.distance).toEqual({ kind: 'multihop', ttl: 50 });
    expect(one({ ttlSecurity: 1 }).settings?.distance).toEqual({ kind: 'ttl-security', hops: 1 });
    expect(one({ as: 65_000 }).settings?.distance).toEqual({ kind: 'any' });
  });

  it('has the source address of its own family, and the router ID that is asked for', () => {
    const both = withDefaults({ sourceIp: ip('fd77::11') });
    expect(one({}, both).settings?.localIp).toBeUndefined();
    expect(one({ at: { ip: ip('fd77::1') } }, both).settings).toMatchObject({
      localIp: 'fd77::11',
      identifier: '10.77.0.11',
    });
    expect(one({}, withDefaults({ routerId: ip('9.9.9.9') })).settings?.identifier).toBe('9.9.9.9');
    expect(one({}, withDefaults({ routerLink: 'eth1' })).settings?.identifier).toBe('10.88.0.11');
    expect(one({ identifier: ip('8.8.8.8') }).settings?.identifier).toBe('8.8.8.8');
  });

  it('has next hops as kube-vip’s policies say', () => {
    const fixed = { kind: 'fixed', v6: ip('fd00::9') } as const;
    expect(one({ nextHop: fixed }).settings?.nextHops).toEqual({ v6: 'fd00::9' });
    const byIp = withDefaults({ sourceIp: ip('10.77.0.11'), nextHop: { kind: 'auto_sourceip' } });
    expect(one({}, byIp).settings?.nextHops).toEqual({ v6: 'fd77::11' });
    const byLink = withDefaults({ sourceLink: 'eth0', nextHop: { kind: 'auto_sourceif' } });
    expect(one({ at: { ip: ip('fd77::1') } }, byLink).settings).toMatchObject({
      nextHops: { v4: '10.77.0.11' },
      link: 'eth0',
    });
  });

  it('is told of IPv4 even if MP-BGP is misconfigured', () => {
    const wrong = one({}, withDefaults({ nextHop: { kind: 'auto_sourceif' } }));
    expect(wrong.settings).toMatchObject({ ip: '10.77.0.1', nextHops: {} });
    expect(wrong.problem).toMatch(/not told of IPv6 addresses: mpbgp_nexthop=auto_sourceif needs bgp_sourceif/);
    const bare = one({}, withDefaults({ sourceLink: 'eth1', nextHop: { kind: 'auto_sourceif' } }));
    expect(bare.problem).toMatch(/finds no IPv6 address on eth1/);
  });

  it('on an interface is the router that was heard there', () => {
    const at = { unnumbered: 'eth1' };
    expect(one({ at }).problem).toMatch(/no router has advertised itself on eth1 yet/);
    expect(one({ at }, { routerOn: () => ip('fe80::1') }).settings).toMatchObject({
      ip: 'fe80::1',
      link: 'eth1',
      nextHops: { prefersV6: true },
    });
    const fixed = { kind: 'fixed', v4: ip('10.0.0.9') } as const;
    expect(one({ at, nextHop: fixed }, { routerOn: () => ip('fe80::1') }).settings?.nextHops).toEqual({
      v4: '10.0.0.9',
    });
    expect(one({ at: { unnumbered: 'eth9' } }).problem).toMatch(/no interface eth9: there are eth0, eth1/);
  });

  it('has its password, or is not spoken to', () => {
    const keys: Record<string, string> = { tor: 'a', '10.77.0.1': 'b', 'fd77--1': 'c' };
    const password = (key: string): string | undefined => keys[key];
    expect(one({ passwordKey: 'tor' }, { password }).settings?.password).toBe('a');
    expect(one({}, { password }).settings?.password).toBe('b');
    expect(one({ at: { ip: ip('fd77::1') } }, { password }).settings?.password).toBe('c');
    expect(one({ password: 'own' }, { password }).settings?.password).toBe('own');
    const missing = one({ passwordKey: 'nowhere' }, { password });
    expect(missing.settings).toBeUndefined();
    expect(missing.problem).toMatch(/password is missing: Secret kubevip-bgp has no nowhere/);
  });

  it.each<[string, Partial<PeerWish>, Partial<ResolveContext>, RegExp]>([
    ['itself', { at: { ip: ip('10.77.0.11') } }, {}, /is an address of this node/],
    ['a foreign source', { sourceIp: ip('10.77.0.99') }, {}, /this node does not have it/],
    ['a source of another family', { sourceIp: ip('fd77::11') }, {}, /are not of one family/],
    ['no such interface', { sourceLink: 'eth9' }, {}, /has no interface eth9/],
    ['late keepalives', { holdTime: 9, keepalive: 9000 }, {}, /comes too late for a hold time of 9 s/],
    ['no router ID', {}, { links: [{ ...LINK, addresses: [] }] }, /set bgp_routerid/],
  ])('that cannot be: %s', (_, wish, context, message) => {
    const { settings, problem } = one(wish, context);
    expect(settings).toBeUndefined();
    expect(problem).toMatch(message);
  });

  it('that is asked for twice is the first one, and the other is said', () => {
    const { peers, problems } = resolvePeers([PEER, { ...PEER, source: 'there', as: 65_009 }], CONTEXT);
    expect(peers.map(({ settings }) => settings.peerAs)).toEqual([65_001]);
    expect(problems).toEqual([
      { source: 'there', message: '10.77.0.1 is a peer already, by here, and that counts: leave one of them away' },
    ]);
  });
});
