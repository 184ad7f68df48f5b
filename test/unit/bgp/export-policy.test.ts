import { describe, expect, it } from 'vitest';
import { ip } from '../../../src/model/ip.ts';
import { exportRoute, type ExportContext, type NextHops } from '../../../src/protocols/bgp/export-policy.ts';
import { route } from '../../support/bgp-world.ts';

const hopsOf = (nextHops: NextHops, over: Partial<ExportContext> = {}): readonly string[] => {
  const told = exportRoute(route('10.99.0.1/32'), {
    localAs: 65_000,
    internal: false,
    families: new Set([4, 6]),
    extendedNextHop: true,
    localIp: ip('fe80::11'),
    nextHops,
    gracefulShutdown: false,
    ...over,
  });
  return typeof told === 'string' ? [told] : told.nextHops;
};
const V4 = ip('10.77.0.11');

describe('the next hop of IPv4 over a session of IPv6', () => {
  it('is the one given, else the session’s where the peer takes that, else there is none', () => {
    expect(hopsOf({ v4: V4 })).toEqual([V4]);
    expect(hopsOf({})).toEqual(['fe80::11']);
    expect(hopsOf({}, { extendedNextHop: false })[0]).toMatch(/^no next hop: an IPv4 address is needed/);
  });

  it('is the session’s first of all where that is preferred and the peer takes it', () => {
    expect(hopsOf({ v4: V4, prefersV6: true })).toEqual(['fe80::11']);
    expect(hopsOf({ v4: V4, prefersV6: true }, { extendedNextHop: false })).toEqual([V4]);
  });
});
